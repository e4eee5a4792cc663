"""Episodes in simulated time, in which the robot moves on while a plan is made; without ROS."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
import math

from lps_ros.cli.in_process import commanded
from lps_ros.cli.in_process import feed
from lps_ros.cli.in_process import Motion
from lps_ros.cli.in_process import observed
from lps_ros.contract import Contract
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Decision
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import Planner
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import PlanServer
from lps_ros.control.planning import Steering
from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.robot import SimulatedRobot
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np

_FIRST_TICK = 20
# A tick is served when the clock is past it.
_AFTER_TICK_NS = 1_000_000
_PHYSICS_STEP_NS = 2_000_000
# As the simulated robot's node publishes them.
_SENSOR_PERIOD_NS = 10_000_000
_STANDS_M_S = 0.005


class DelayedInference:
    """An Inference whose plans are there a fixed time after they were asked for."""

    def __init__(self, planner: Planner, delay_ns: int, clock_ns: Callable[[], int]) -> None:
        self._server = PlanServer(planner)
        self._delay_ns = delay_ns
        self._clock_ns = clock_ns
        self._result: PlanResult | None = None
        self.due_ns: int | None = None  # when the plan that is under way is there

    def submit(self, request: PlanRequest) -> None:
        """See Inference."""
        self._result = replace(self._server.answer(request), plan_s=self._delay_ns * 1e-9)
        self.due_ns = self._clock_ns() + self._delay_ns

    def poll(self) -> PlanResult | None:
        """See Inference."""
        if self.due_ns is None or self._clock_ns() < self.due_ns:
            return None
        return self.wait()

    def wait(self) -> PlanResult:
        """See Inference; the clock stands still meanwhile."""
        result, self._result, self.due_ns = self._result, None, None
        return result


@dataclass(frozen=True, kw_only=True)
class ExecutedEpisode:
    """
    How an episode went.

    :param success_step: control periods until success, None without it
    :param roughness: mean over the ticks of the squared second difference of the commanded
        speeds, summed over their dimensions: of a twist in units of full speed, of joints in
        rad/s; a tick without a command counts as 0
    :param dropped: actions whose time had passed when their chunk came
    :param starved: ticks without an action, after the first action
    :param skipped: ticks that were not served
    :param disarms: times that the pilot disarmed; it is armed again once the tool stands
    """

    seed: int
    success_step: int | None
    placed: bool
    steps: int
    roughness: float
    dropped: int
    starved: int
    skipped: int
    disarms: int

    @property
    def success(self) -> bool:
        """Whether the task was solved."""
        return self.success_step is not None


class FreeRunningRobot:
    """
    The simulated robot whose time does not wait for a plan, every call at its simulated time.

    As with the nodes, sensors tell every 10 ms, ticks are served when they are due, and the pilot
    thinks after each tick, when it wants to and when a plan is there.
    """

    def __init__(self, contract: Contract, task: int = 1) -> None:
        self._contract = contract
        self._robot = SimulatedRobot()
        self._task = task

    def run(
            self, seed: int, planner: Planner, *, horizon: int, delay_s: float,
            steering: Steering, stops_to_think: bool) -> ExecutedEpisode:
        """Run an episode; a plan takes `delay_s`. Raises UserError for an unknown topic."""
        contract, clock, robot = self._contract, self._contract.clock, self._robot
        robot.reset(self._task, seed, episode_steps=contract.task.max_ticks)
        tick = _FIRST_TICK
        self._now_ns = self._think_ns = clock.time_ns(tick)
        inference = DelayedInference(planner, round(delay_s * 1e9), lambda: self._now_ns)
        pilot = Pilot(contract, inference, horizon=horizon, steering=steering,
                      execution=Execution(stops_to_think=stops_to_think))
        pilot.authority.arm()
        pilot.begin(seed)
        log = _Log(contract.clock.period_ns * 1e-9)
        opening_m, before_m = OPEN_M, robot.state().tool.position
        while not robot.progress.done:
            if self._now_ns % _SENSOR_PERIOD_NS == 0:
                state = robot.state()
                feed(pilot.gate, contract, observed(state), self._now_ns)
                moved_m = float(np.linalg.norm(state.tool.position - before_m))
                before_m = state.tool.position
            if self._now_ns == clock.time_ns(tick):
                if moved_m < _STANDS_M_S * _SENSOR_PERIOD_NS * 1e-9:
                    pilot.authority.arm()
                decision = pilot.tick(tick, lambda: self._now_ns + _AFTER_TICK_NS)
                motion, opening_m = commanded(decision.messages, self._now_ns, opening_m)
                if motion is not None:
                    robot.command(motion, opening_m)
                log.note(decision, motion, pilot)
                self._think(pilot, self._now_ns + _AFTER_TICK_NS)
                tick += 1
            elif self._now_ns >= self._think_ns:
                self._think(pilot, self._now_ns)
            self._advance(inference)
        progress = robot.progress
        return ExecutedEpisode(
            seed=seed, success_step=progress.success_step, placed=progress.placed,
            steps=progress.step, dropped=pilot.schedule.dropped, skipped=pilot.schedule.skipped,
            **log.figures())

    def _think(self, pilot: Pilot, now_ns: int) -> None:
        pilot.think(now_ns)
        due_s = pilot.planner.due_in_s(now_ns, pilot.steering)
        self._think_ns = math.inf if math.isinf(due_s) else now_ns + round(due_s * 1e9)

    def _advance(self, inference: DelayedInference) -> None:
        """Let the physics run until something is due."""
        if inference.due_ns is not None:
            self._think_ns = min(self._think_ns, inference.due_ns)
        left_ns = min(_SENSOR_PERIOD_NS - self._now_ns % _SENSOR_PERIOD_NS,
                      self._think_ns - self._now_ns)
        steps = max(1, math.ceil(left_ns / _PHYSICS_STEP_NS))
        self._robot.advance(steps)
        self._now_ns += steps * _PHYSICS_STEP_NS


class _Log:
    """What is counted at the ticks."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._speeds: list[np.ndarray] = []
        self._targets: np.ndarray | None = None
        self._began = False
        self._starved = 0
        self._armed = True
        self._disarms = 0

    def note(self, decision: Decision, motion: Motion | None, pilot: Pilot) -> None:
        self._speeds.append(self._speed(motion if decision.acting else None))
        self._starved += self._began and not decision.acting
        self._began |= decision.acting
        self._disarms += self._armed and not pilot.authority.armed
        self._armed = pilot.authority.armed

    def figures(self) -> dict[str, float | int]:
        size = max(map(len, self._speeds))
        speeds = [each if len(each) else np.zeros(size) for each in self._speeds]
        changes = np.diff(speeds, n=2, axis=0)
        return {'roughness': float((changes ** 2).sum(axis=1).mean()),
                'starved': self._starved, 'disarms': self._disarms}

    def _speed(self, motion: Motion | None) -> np.ndarray:
        """Return what a command asks for, empty where there is none."""
        if not isinstance(motion, JointTrajectory):
            return np.empty(0) if motion is None else motion / FULL_TWIST
        before, self._targets = self._targets, motion.positions[0]
        return (self._targets - (self._targets if before is None else before)) / self._period_s
