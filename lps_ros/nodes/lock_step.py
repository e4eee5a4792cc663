"""A simulated clock that waits for the command of every control tick."""

import time

from lps_ros.contract import ControlClock
from lps_ros.nodes.robot_world import AFTER_TICK_NS
from lps_ros.nodes.robot_world import RobotWorld
from lps_ros.sim.scene import CONTROL_PERIOD_S
from lps_ros.sim.scene import STEPS_PER_PERIOD
import numpy as np

# A simulated clock of zero means that there is none.
_FIRST_TICK = 20
_CLOCK_REPEAT_S = 0.1
_SENSORS_REPEAT_S = 1.0


class LockStep:
    """
    Publishes a tick, waits for its twist and gripper command, moves one control period.

    The result depends on the commands alone, never on the machine's load.
    """

    def __init__(self, world: RobotWorld) -> None:
        self._world = world
        self._clock = ControlClock(1.0 / CONTROL_PERIOD_S)
        self._tick = _FIRST_TICK - 1

    @property
    def time_ns(self) -> int:
        """Return the reading of the clock."""
        return self._tick_ns + AFTER_TICK_NS

    @property
    def condition(self) -> str:
        """Return what is being waited for."""
        if self._world.progress.done:
            return 'episode done, waiting for a reset'
        missing = [name for name, value in (('twist', self._twist), ('gripper', self._opening_m))
                   if value is None]
        return f'waiting for the {" and ".join(missing)} command of tick {self._tick}'

    def take_complaint(self) -> str:
        """Return nothing: waiting is no fault."""
        return ''

    def begin(self) -> None:
        """Go on to the next tick with the robot as it is; commands of the last one are void."""
        self._twist: np.ndarray | None = None
        self._opening_m: float | None = None
        self._tick += 1
        self._tick_ns = self._clock.time_ns(self._tick)
        self._world.publish_tick(self._tick_ns)
        self._clock_due_s = time.monotonic() + _CLOCK_REPEAT_S
        self._sensors_due_s = time.monotonic() + _SENSORS_REPEAT_S

    def on_twist(self, twist: np.ndarray, stamp_ns: int) -> str:
        """Take the tick's twist; return why it is refused, or nothing."""
        if self._world.progress.done:
            return ''
        if stamp_ns <= self._tick_ns:
            return (f'a twist is stamped {stamp_ns * 1e-9:.3f} s, expected later than the tick '
                    f'at {self._tick_ns * 1e-9:.3f} s; stamp it by /clock (use_sim_time)')
        self._twist = twist
        self._go_on()
        return ''

    def on_opening(self, opening_m: float) -> str:
        """Take the tick's gripper command."""
        if not self._world.progress.done:
            self._opening_m = opening_m
            self._go_on()
        return ''

    def poll(self) -> None:
        """Repeat the clock and, more rarely, the sensors: a lost message must not block."""
        now_s = time.monotonic()
        if now_s >= self._sensors_due_s:
            self._sensors_due_s = now_s + _SENSORS_REPEAT_S
            self._world.repeat_tick(self._tick_ns)
        if now_s >= self._clock_due_s:
            self._clock_due_s = now_s + _CLOCK_REPEAT_S
            self._world.topics.clock(self.time_ns)

    def wait_s(self) -> float:
        """Return the time until `poll` is due again, in seconds."""
        return max(0.0, self._clock_due_s - time.monotonic())

    def _go_on(self) -> None:
        if self._twist is None or self._opening_m is None:
            return
        self._world.robot.command(self._twist, self._opening_m)
        self._world.robot.advance(STEPS_PER_PERIOD)
        self.begin()
