"""A simulated clock that waits for the command of every control tick."""

import time

from lps_ros.contract import ControlClock
from lps_ros.nodes.acknowledgement import ACKNOWLEDGE_S
from lps_ros.nodes.acknowledgement import HELD_UP_S
from lps_ros.nodes.qos import LOCK_STEP_CLOCK
from lps_ros.nodes.robot_world import AFTER_TICK_NS
from lps_ros.nodes.robot_world import RobotWorld
from lps_ros.sim.scene import CONTROL_PERIOD_S
from lps_ros.sim.scene import STEPS_PER_PERIOD
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np

# A simulated clock of zero means that there is none.
_FIRST_TICK = 20
_CLOCK_REPEAT_S = 0.1
_SENSORS_REPEAT_S = 1.0


class LockStep:
    """
    Publishes a tick, waits for its motion and gripper command, moves one control period.

    A tick also lasts until every reliable subscriber has it. So the result, and what a recorder
    receives, depend on the commands alone, never on the machine's load.
    """

    def __init__(self, world: RobotWorld) -> None:
        self._world = world
        self._clock = ControlClock(1.0 / CONTROL_PERIOD_S)
        self._tick = _FIRST_TICK - 1
        self._complaint = ''

    @property
    def time_ns(self) -> int:
        """Return the reading of the clock."""
        return self._tick_ns + AFTER_TICK_NS

    @property
    def robot_ns(self) -> int:
        """Return the time that the robot is at."""
        return self._tick_ns

    @property
    def condition(self) -> str:
        """Return what is being waited for."""
        if self._world.progress.done and not self._end_untold:
            return 'episode done, waiting for a reset'
        missing = [name for name, value in (('motion', self._motion), ('gripper', self._opening_m))
                   if value is None]
        if self._due:
            return f'waiting for a subscriber to acknowledge tick {self._tick}'
        return f'waiting for the {" and ".join(missing)} command of tick {self._tick}'

    def take_complaint(self) -> str:
        """Return who was not waited for any longer, or nothing: waiting is no fault."""
        complaint, self._complaint = self._complaint, ''
        return complaint

    def begin(self) -> None:
        """Go on to the next tick with the robot as it is; commands of the last one are void."""
        self._motion: np.ndarray | JointTrajectory | None = None
        self._opening_m: float | None = None
        self._tick += 1
        self._tick_ns = self._clock.time_ns(self._tick)
        # That the episode is over makes others stop and save, so all else has to be there first.
        self._end_untold = self._world.progress.done
        self._world.publish_tick(self._tick_ns, progress=not self._end_untold)
        self._began_s = time.monotonic()
        self._clock_due_s = self._began_s + _CLOCK_REPEAT_S
        self._sensors_due_s = self._began_s + _SENSORS_REPEAT_S

    def on_motion(self, motion: np.ndarray | JointTrajectory, stamp_ns: int) -> str:
        """Take the tick's twist or trajectory; return why it is refused, or nothing."""
        if self._world.progress.done:
            return ''
        # A trajectory without a stamp begins as it comes.
        stamped = stamp_ns or not isinstance(motion, JointTrajectory)
        if stamped and stamp_ns <= self._tick_ns:
            return (f'a motion is stamped {stamp_ns * 1e-9:.3f} s, expected later than the tick '
                    f'at {self._tick_ns * 1e-9:.3f} s; stamp it by /clock (use_sim_time)')
        self._motion = motion
        self._go_on()
        return ''

    def on_opening(self, opening_m: float) -> str:
        """Take the tick's gripper command."""
        if not self._world.progress.done:
            self._opening_m = opening_m
            self._go_on()
        return ''

    def poll(self) -> None:
        """
        Go on where a subscriber had to be waited for.

        Repeat the clock and, more rarely, the sensors: a lost message must not block.
        """
        self._go_on()
        now_s = time.monotonic()
        if now_s < self._clock_due_s:
            return
        if not self._received(0.0):
            # A repetition would overwrite the tick's own readings, which date what is recorded.
            self._clock_due_s = now_s + ACKNOWLEDGE_S
            return
        if now_s >= self._sensors_due_s:
            self._sensors_due_s = now_s + _SENSORS_REPEAT_S
            self._world.repeat_tick(self._tick_ns)
        self._clock_due_s = now_s + _CLOCK_REPEAT_S
        # As many as belong to a tick: a queue that is not full is not acknowledged for seconds.
        for _ in range(LOCK_STEP_CLOCK.depth):
            self._world.topics.clock(self.time_ns)

    def wait_s(self) -> float:
        """Return the time until `poll` is due again, in seconds."""
        return 0.0 if self._due else max(0.0, self._clock_due_s - time.monotonic())

    @property
    def _commanded(self) -> bool:
        return self._motion is not None and self._opening_m is not None

    @property
    def _due(self) -> bool:
        """Whether there is something to do once all have the tick."""
        return self._commanded or self._end_untold

    def _received(self, wait_s: float) -> bool:
        if self._world.topics.received(wait_s):
            return True
        if not self._due or time.monotonic() - self._began_s < HELD_UP_S:
            return False
        self._complaint = (f'a subscriber has not acknowledged tick {self._tick} for '
                           f'{HELD_UP_S:g} s; it may miss it')
        return True

    def _go_on(self) -> None:
        if not self._due or not self._received(ACKNOWLEDGE_S):
            return
        if self._end_untold:
            self._end_untold = False
            self._world.tell_progress(self._tick_ns)
            return
        self._world.robot.command(self._motion, self._opening_m)
        self._world.robot.advance(STEPS_PER_PERIOD)
        self.begin()
