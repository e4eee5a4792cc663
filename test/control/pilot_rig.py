"""A pilot, a clock that a test moves, a planner that tells time and an inference beside it."""

from dataclasses import replace
from types import SimpleNamespace

from lps_ros.contract import parse_contract
from lps_ros.control.authority import Authority
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning import PlanServer
from lps_ros.control.planning import Steering
import numpy as np

MS = 1_000_000
PERIOD_MS = 50
# The node looks every so often, and is so late.
LOOK_MS, LATE_MS = 5, 1
TASK = 'task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}'
ARM = f"""
name: arm
rate_hz: 20
observations:
  - {{key: force, topic: force, type: std_msgs/msg/Float64MultiArray, names: [x], max_age_s: 0.1}}
actions:
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x]
    scale: {{low: [-2], high: [2]}}
    limits: {{low: [-1], high: [1]}}
    stop: zeros
  - key: gripper
    topic: gripper
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {{low: [0.0], high: [0.08]}}
    stop: hold
{TASK}
"""


def tick_of(observed_ms):
    """Return the tick that an observation of that time is asked for."""
    return int((observed_ms + LATE_MS + 0.2 * PERIOD_MS) // PERIOD_MS)


class TimeTeller:
    """Plans chunks whose first column is a thousandth of the tick that each action belongs to."""

    def __init__(self, horizon, width=2):
        self.horizon, self.width = horizon, width
        self.asked = []  # observed value and what else was asked
        self.actions = None  # instead of the time
        self.error = None
        self.figures = {}

    def generator(self, seed):
        return f'rng {seed}'

    def plan(self, observation, images=(), **how):
        self.asked.append((float(observation[0]), how))
        if self.error is not None:
            raise self.error
        actions = np.zeros((self.horizon, self.width))
        actions[:, 0] = 1e-3 * (tick_of(observation[0]) + np.arange(self.horizon))
        return SimpleNamespace(
            actions=actions if self.actions is None else self.actions, **self.figures)


class Inference:
    """Gives a plan when it has taken its time by the rig's clock."""

    def __init__(self, planner, rig, *, waits):
        self._server = PlanServer(planner)
        self._rig = rig
        self._waits = waits
        self._under_way = None
        self.takes_ms = 0.0
        self.dead = False
        self.requests = []

    def submit(self, request):
        self._live()
        assert self._under_way is None, 'one plan at a time'
        self.requests.append(request)
        result = replace(self._server.answer(request), plan_s=self.takes_ms * 1e-3)
        self._under_way = (self._rig.now_ns + round(self.takes_ms * MS), result)

    def poll(self):
        self._live()
        if self._under_way is None or self._rig.now_ns < self._under_way[0]:
            return None
        (_, result), self._under_way = self._under_way, None
        return result

    def wait(self):
        assert self._waits, 'the control loop waited for the network'
        self._rig.now_ns = max(self._rig.now_ns, self._under_way[0])
        return self.poll()

    def _live(self):
        if self.dead:
            raise InferenceDied('the inference process 7 was killed by signal 9')


class Rig:
    """
    Serves ticks as the policy node does.

    takes_ms: of a plan that is made beside the control loop; the loop waits for it if None.
    """

    def __init__(self, contract=ARM, *, horizon=3, takes_ms=None, planner=None, armed=True,
                 limits=None, steering=None, **execution):
        contract = parse_contract(contract) if isinstance(contract, str) else contract
        self.now_ns = 0
        self.planner = planner or TimeTeller(horizon)
        waits = takes_ms is None
        self.inference = Inference(self.planner, self, waits=waits)
        self.inference.takes_ms = takes_ms or 0.0
        self.authority = Authority(limits)
        self.pilot = Pilot(
            contract, self.inference, horizon=horizon, authority=self.authority,
            steering=steering or Steering(mode='steered', candidates=4),
            execution=Execution(waits=waits, **execution))
        if armed:
            assert self.authority.arm() == ''

    def observe(self, time_ms, value=None):
        """Give the first stream a row of its time, or of a value."""
        self.pilot.gate.accept(
            'force', np.array([time_ms if value is None else value], float), stamp_ns=None,
            received_ns=round(time_ms * MS))

    def clock_ns(self):
        return self.now_ns

    def tick(self, tick, *, observe=True, value=None):
        """Serve a tick a little late, with an observation of that tick unless told otherwise."""
        if observe:
            self.observe(tick * PERIOD_MS, value)
        self.now_ns = (tick * PERIOD_MS + LATE_MS) * MS
        return self.pilot.tick(tick, self.clock_ns)

    def run(self, first, last, *, observe=True, think=True):
        """Serve ticks `first` to `last`, thinking in between; return the decisions by tick."""
        decisions = {}
        for time_ms in range(first * PERIOD_MS, (last + 1) * PERIOD_MS, LOOK_MS):
            self.now_ns = (time_ms + LATE_MS) * MS
            if observe:
                self.observe(time_ms)
            if time_ms % PERIOD_MS == 0:
                tick = time_ms // PERIOD_MS
                decisions[tick] = self.pilot.tick(tick, self.clock_ns)
            if think:
                self.pilot.think(self.now_ns)
        return decisions


def acting(decisions):
    return [tick for tick, decision in decisions.items() if decision.acting]


def texts(decision):
    return [str(reason) for reason in decision.reasons]


def speed(message):
    return message.content['twist']['linear']['x']


def is_the_stop(decision):
    """Tell whether all that is sent is the stop: zeros for the twist, nothing for the gripper."""
    return [message.key for message in decision.messages] == ['twist'] and (
        speed(decision.messages[0]) == 0.0 and not decision.acting and not decision.chunks)
