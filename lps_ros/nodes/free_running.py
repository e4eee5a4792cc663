"""A simulated clock that follows the wall clock, times a factor."""

import time

from lps_ros.contract import ControlClock
from lps_ros.nodes.robot_world import RobotWorld
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.scene import CONTROL_PERIOD_S
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np

_STEPS = 5  # physics steps of 2 ms
_STEP_NS = 10_000_000
_START_NS = 1_000_000_000
# Further behind than this the clock gives up the time that was lost.
_LONGEST_LAG_S = 0.2
_SLOW_BELOW = 0.95


class FreeRunning:
    """
    Moves and publishes every 10 ms of simulated time; a command takes effect on arrival.

    A twist lasts until `command_timeout_s`, a joint trajectory to its end.

    :param picture_period_ns: simulated time between two pictures
    """

    def __init__(
            self, world: RobotWorld, *, real_time_factor: float, command_timeout_s: float,
            picture_period_ns: int) -> None:
        self._world = world
        self._factor = real_time_factor
        self._timeout_ns = round(command_timeout_s * 1e9)
        self._picture_period_ns = picture_period_ns
        self._clock = ControlClock(1.0 / CONTROL_PERIOD_S)
        self.time_ns = _START_NS - self._clock.period_ns

    @property
    def condition(self) -> str:
        """Return what the robot does."""
        if self._world.progress.done:
            return 'episode done, holding'
        if self._twist is None and not self._world.robot.following:
            return 'no command, joint targets frozen'
        return 'following commands'

    @property
    def robot_ns(self) -> int:
        """Return the time that the robot is at."""
        return self.time_ns

    def take_complaint(self) -> str:
        """Return what has been wrong since this was last asked, or nothing."""
        now_s = time.monotonic()
        since_s, since_ns = self._measured_from
        self._measured_from = (now_s, self.time_ns)
        reached = (self.time_ns - since_ns) * 1e-9 / max(now_s - since_s, 1e-9)
        if reached >= _SLOW_BELOW * self._factor:
            return ''
        return (f'reaches a real-time factor of {reached:.2f} instead of {self._factor:g}; lower '
                'real_time_factor, or the camera')

    def begin(self) -> None:
        """Go on to the next control tick with the robot as it is, its targets frozen."""
        self._twist: np.ndarray | None = None
        self._opening_m = OPEN_M
        tick = self._clock.index_at_or_before(self.time_ns) + 1
        self._picture_due_ns = 0
        self._show(self._clock.time_ns(tick))
        self._set_pace()
        self._measured_from = (time.monotonic(), self.time_ns)

    def on_motion(self, motion: np.ndarray | JointTrajectory, stamp_ns: int) -> str:
        """Move at once; return why the command is refused, or nothing."""
        if self._world.progress.done:
            return ''
        if isinstance(motion, JointTrajectory):
            self._twist = None
            self._world.robot.follow(motion)
            return ''
        return self._on_twist(motion, stamp_ns)

    def _on_twist(self, twist: np.ndarray, stamp_ns: int) -> str:
        # A stop is obeyed however old it is: the sender's clock may be what went wrong.
        if twist.any() and stamp_ns and self.time_ns - stamp_ns > self._timeout_ns:
            return (f'a twist is {(self.time_ns - stamp_ns) * 1e-6:.0f} ms old, at most '
                    f'{self._timeout_ns * 1e-6:.0f} ms expected')
        self._twist, self._received_ns = twist, self.time_ns
        self._apply()
        return ''

    def on_opening(self, opening_m: float) -> str:
        """Move the gripper at once."""
        if not self._world.progress.done:
            self._opening_m = opening_m
            self._world.robot.grip(opening_m)
        return ''

    def poll(self) -> None:
        """Move on by one step, where it is due."""
        late_s = time.monotonic() - self._due_s
        if late_s < 0:
            return
        if late_s > _LONGEST_LAG_S:
            self._set_pace()
        if self._twist is not None:
            if self.time_ns - self._received_ns >= self._timeout_ns:
                self._twist = None
            elif self.time_ns >= self._apply_due_ns:
                self._apply()
        self._world.robot.advance(_STEPS)
        if self._world.progress.done:
            self._twist = None
            self._world.robot.hold()
        self._due_s += _STEP_NS * 1e-9 / self._factor
        self._show(self.time_ns + _STEP_NS)

    def wait_s(self) -> float:
        """Return the time until `poll` is due again, in seconds."""
        return max(0.0, self._due_s - time.monotonic())

    def _set_pace(self) -> None:
        self._due_s = time.monotonic() + _STEP_NS * 1e-9 / self._factor

    def _apply(self) -> None:
        self._world.robot.command(self._twist, self._opening_m)
        self._apply_due_ns = self.time_ns + self._clock.period_ns

    def _show(self, time_ns: int) -> None:
        self.time_ns = time_ns
        if time_ns % self._clock.period_ns:
            self._world.publish_sensors(time_ns)
            return
        picture = time_ns >= self._picture_due_ns
        if picture:
            self._picture_due_ns = time_ns + self._picture_period_ns
        self._world.publish_tick(time_ns, picture=picture)
