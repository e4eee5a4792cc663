"""Joint trajectories, followed as ROS's joint_trajectory_controller does."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class JointTrajectory:
    """
    Where the joints are to be, and when.

    :param times_s: (n,) from now, strictly ascending; those of points that have passed are below 0
    :param positions: (n, J) rad
    :param velocities: (n, J) rad/s, None where only positions are given
    """

    times_s: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray | None = None

    def fault(self) -> str:
        """Return what keeps it from being followed, or nothing."""
        values = (self.times_s, self.positions,
                  *(() if self.velocities is None else (self.velocities,)))
        if not len(self.times_s):
            return 'has no points, expected at least one'
        if not all(np.isfinite(each).all() for each in values):
            return 'has a value that is not finite'
        if (np.diff(self.times_s) <= 0).any():
            return 'has points that do not ascend in time_from_start'
        if self.times_s[-1] <= 0:
            return f'ended {-self.times_s[-1] * 1e3:.0f} ms ago; stamp it by /clock, or with zero'
        return ''

    def later(self, seconds: float) -> 'JointTrajectory':
        """Return it begun so much later, in whole nanoseconds as messages have them."""
        return replace(self, times_s=np.round((self.times_s + seconds) * 1e9) * 1e-9)


class TrajectoryFollower:
    """
    Interpolates linearly between positions, by cubics where velocities are given too.

    A new trajectory begins from what the one before asked for at that time
    (`interpolate_from_desired_state` of the controller), so that it causes no jump. After the
    last point the joints stay there.
    """

    def __init__(self, positions: np.ndarray) -> None:
        """Begin at rest at positions (J,)."""
        self._time_s = 0.0
        self.position, self.velocity = np.array(positions), np.zeros(len(positions))
        self._times_s = np.array([0.0])
        self._positions = self.position[None]
        self._velocities: np.ndarray | None = None

    def follow(self, trajectory: JointTrajectory) -> None:
        """Replace what is left; raises ValueError where the trajectory has a fault."""
        if fault := trajectory.fault():
            raise ValueError(f'a trajectory {fault}')
        ahead = trajectory.times_s > 0
        self._time_s = 0.0
        self._times_s = np.append(0.0, trajectory.times_s[ahead])
        self._positions = np.vstack([self.position, trajectory.positions[ahead]])
        self._velocities = None if trajectory.velocities is None else np.vstack(
            [self.velocity, trajectory.velocities[ahead]])

    def advance(self, seconds: float) -> None:
        """Let time pass; `position` and `velocity` (J,) are then what is asked for."""
        self._time_s += seconds
        after = int(np.searchsorted(self._times_s, self._time_s, side='right'))
        if after == len(self._times_s):
            self.position, self.velocity = self._positions[-1], np.zeros(len(self.position))
            return
        span_s = self._times_s[after] - self._times_s[after - 1]
        share = (self._time_s - self._times_s[after - 1]) / span_s
        begin, end = self._positions[after - 1:after + 1]
        if self._velocities is None:
            self.position = begin + share * (end - begin)
            self.velocity = (end - begin) / span_s
            return
        # Hermite's cubic, and its slope.
        out, into = self._velocities[after - 1:after + 1] * span_s
        self.position = begin + share * out + share**2 * (
            3 * (end - begin) - 2 * out - into) + share**3 * (2 * (begin - end) + out + into)
        self.velocity = (out + 2 * share * (3 * (end - begin) - 2 * out - into)
                         + 3 * share**2 * (2 * (begin - end) + out + into)) / span_s
