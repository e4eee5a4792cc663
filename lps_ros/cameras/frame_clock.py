"""From the time that a camera writes on a frame to the clock of whoever uses it."""

from collections.abc import Callable

# How far a camera's quartz and the computer's may run apart: 50 ppm each.
_DRIFT = 1e-4
# Frames that only serve to find the offset; the least delayed of them is near the truth.
_SETTLING_FRAMES = 15


class FrameClock:
    """
    Maps a camera's own clock, whose zero is arbitrary, to the caller's clock.

    The offset is the smallest difference seen between arrival and frame time, that is the
    least delayed frame. It may grow by `drift` (1) so that two clocks that drift apart stay
    together, and it is found anew when the camera's clock jumps back (the camera restarted).

    :param now_ns: the caller's clock, in nanoseconds
    """

    def __init__(
            self, now_ns: Callable[[], int], *, drift: float = _DRIFT,
            settling_frames: int = _SETTLING_FRAMES) -> None:
        self._now_ns = now_ns
        self._drift = drift
        self._settling_frames = settling_frames
        self._last_ns: int | None = None
        self._offset_ns = 0
        self._seen = 0

    def stamp_ns(self, frame_ns: int) -> int | None:
        """Return a frame's time on the caller's clock, or None while the offset is being found."""
        offset_ns = self._now_ns() - frame_ns
        if self._last_ns is None or frame_ns < self._last_ns:
            self._offset_ns, self._seen = offset_ns, 0
        else:
            allowed_ns = round(self._drift * (frame_ns - self._last_ns))
            self._offset_ns = min(self._offset_ns + allowed_ns, offset_ns)
        self._last_ns = frame_ns
        self._seen += 1
        return frame_ns + self._offset_ns if self._seen > self._settling_frames else None
