"""Where a controller has a chunk's joints, between its points too."""

import numpy as np

# Slower is at rest, units a second.
_RESTS = 1e-6


class CubicPath:
    """Points that are passed with given velocities, by cubics, from a first one at time zero."""

    def __init__(
            self, positions: np.ndarray, velocities: np.ndarray, times_s: np.ndarray) -> None:
        """Take positions and velocities (n, A) at ascending times (n,)."""
        self._positions, self._velocities, self._times_s = positions, velocities, times_s

    @property
    def end_s(self) -> float:
        """When the last point is reached; there it rests."""
        return float(self._times_s[-1])

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and velocities (A,) at a time, s."""
        after = int(np.searchsorted(self._times_s, time_s, side='right'))
        if after == len(self._times_s):
            return self._positions[-1], np.zeros_like(self._positions[-1])
        span_s = self._times_s[after] - self._times_s[after - 1]
        share = (time_s - self._times_s[after - 1]) / span_s
        begin, way = self._positions[after - 1], np.diff(
            self._positions[after - 1:after + 1], axis=0)[0]
        out, into = self._velocities[after - 1:after + 1] * span_s
        square, cube = 3.0 * way - 2.0 * out - into, out + into - 2.0 * way
        return (begin + share * (out + share * (square + share * cube)),
                (out + share * (2.0 * square + share * 3.0 * cube)) / span_s)

    def brake(self, time_s: float, within_s: float) -> tuple[np.ndarray, float]:
        """
        Return where (A,) and in what time, s, to come to rest from a time on.

        Evenly, half as far as the velocity would lead, but not beyond where the path itself leads
        within that time; where that is so near that a cubic of `within_s` would pass it and
        return (less than a third of the way at that velocity), in less time, as the path does.
        But in no less than half of it, since all stop in that time, and a stop that comes late
        must not leap: what is about to turn passes the place, by at most 0.03 steps, and returns.
        """
        place, velocity = self.at(time_s)
        ahead = (self._times_s > time_s) & (self._times_s < time_s + within_s)
        led = np.vstack([place, self._positions[ahead], self.at(time_s + within_s)[0]])
        room = np.where(velocity > 0, led.max(axis=0) - place, place - led.min(axis=0))
        speed = np.abs(velocity)
        moves = speed > _RESTS
        takes_s = max(0.5 * within_s, min([within_s, *(3.0 * room[moves] / speed[moves])]))
        return place + np.sign(velocity) * np.minimum(0.5 * speed * takes_s, room), takes_s
