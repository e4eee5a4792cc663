"""What a controller makes of the chunks that it is sent, whatever happens."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.contract import parse_contract
from lps_ros.control.authority import Source
from lps_ros.control.clock_watch import ClockWatch
from lps_ros.control.gates import Reason
from lps_ros.control.planning import Steering
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.nodes.ros_messages import to_ros
from lps_ros.sim.trajectory import JointTrajectory
from lps_ros.sim.trajectory import TrajectoryFollower
import numpy as np
from pilot_rig import LATE_MS
from pilot_rig import LOOK_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import texts
import pytest
from trajectory_rig import ArmRig
from trajectory_rig import CONTRACT
from trajectory_rig import HORIZON
from trajectory_rig import person
from trajectory_rig import SPEED
from trajectory_rig import STEP
from trajectory_rig import TEXT


class _FollowedRig(ArmRig):
    """The arm as a controller moves it, by cubics, and a clock that the node watches."""

    def __init__(self, **how):
        super().__init__(takes_ms=3.0, **how)
        self.arm = TrajectoryFollower(np.zeros(2))
        self.steady_ms, self.ends_ms, self.jumped_ms = 10_000, 0.0, 0
        self.stops_from, self.sees, self.reached = None, True, 0.0
        self.watch = ClockWatch(simulated=False, still_s=0.25, period_s=PERIOD_MS * 1e-3)

    def follow(self, messages):
        for message in messages:
            if message.key != 'arm':
                continue
            ros = to_ros(message)
            assert stamp_ns(ros) in (0, self.now_ns)
            times_s = np.array([point.time_from_start.nanosec * 1e-9 for point in ros.points])
            places = np.array([point.positions for point in ros.points])
            velocities = np.array([point.velocities for point in ros.points])
            assert abs(places).max() <= 2.0
            self.stops_from = self.arm.velocity if stamp_ns(ros) == 0 else None
            self.arm.follow(JointTrajectory(
                times_s=times_s, positions=places,
                velocities=velocities if velocities.size else None))
            self.ends_ms = self.steady_ms + times_s[-1] * 1e3
            self.reached = max(self.reached, abs(places).max())

    def advance(self):
        for _ in range(LOOK_MS):
            self.arm.advance(1e-3)
            assert abs(self.arm.velocity).max() <= SPEED * (1 + 1e-6)
            assert abs(self.arm.position).max() <= 2.0 + _BEYOND
            if self.stops_from is not None:  # without turning round
                assert (self.arm.velocity * self.stops_from >= -1e-6).all()
                assert (abs(self.arm.velocity) <= abs(self.stops_from) + 1e-6).all()

    def live(self, looks, *, serves=True):
        for _ in range(looks):
            self.advance()
            self.steady_ms += LOOK_MS
            time_ms = self.steady_ms + self.jumped_ms
            self.now_ns, self.jumped_ns = (time_ms + LATE_MS) * MS, self.jumped_ms * MS
            self.at = self.arm.position
            if self.sees:
                self.observe(time_ms)
            if serves and time_ms % PERIOD_MS == 0:
                decision = self.pilot.tick(time_ms // PERIOD_MS, self.clock_ns)
                self.follow(decision.messages)
                assert 'no command could be made' not in ' '.join(texts(decision))
                if decision.source == Source.NONE:
                    assert self.ends_ms <= self.steady_ms + PERIOD_MS + 1e-6
            if serves:
                if wrong := self.watch.look(self.now_ns, self.steady_ms * 1e-3):
                    self.authority.forget_times()
                    self.follow(self.pilot.halt(Reason(
                        subject='clock', text=wrong, disarms=True), self.now_ns).messages)
                    self.pilot.gate.clear()
                    assert self.ends_ms <= self.steady_ms + PERIOD_MS + 1e-6
                self.pilot.think(self.now_ns)

    def do(self, event, value):
        if event in ('serves', 'stalls'):
            self.live(value, serves=event == 'serves')
        elif event == 'person':
            self.follow(person(self, *value))
        elif event == 'plans':
            self.want(value)
        elif event == 'jumps':
            self.jumped_ms += value
        elif event == 'takes_ms':
            self.inference.takes_ms = float(value)
        elif event == 'e_stop':
            self.authority.press_stop(value)
            if value:
                self.follow(self.pilot.halt(Reason(
                    subject='authority', text='the e-stop is pressed'), self.now_ns).messages)
        elif event == 'armed':
            self.authority.arm() if value else self.authority.disarm('asked')
        elif event == 'sees':
            self.sees = value
        elif event == 'deactivated':
            self.follow(self.pilot.stop(self.now_ns))


def test_a_chunk_that_turns_round_at_full_speed_keeps_the_limits():
    rig = _FollowedRig(steering=Steering(mode='prior', replan_every=1))
    rig.live(60)
    rng, fastest, furthest, turned = np.random.default_rng(0), 0.0, 0.0, 0
    for _ in range(60):
        rig.want(rng.uniform(-3, 3, 2))
        for _ in range(int(rng.integers(2, 60))):
            before = rig.arm.velocity
            rig.live(1)
            fastest = max(fastest, abs(rig.arm.velocity).max())
            furthest = max(furthest, abs(rig.arm.position).max())
            turned += bool((before * rig.arm.velocity < 0).any())
    assert fastest > 0.9 * SPEED and turned > 20
    assert furthest == pytest.approx(2.0, abs=1e-9)


# So much beyond a limit does a cubic lead that replaces one which brakes towards that limit.
_BEYOND = 0.08 * STEP
_PLACES = st.tuples(st.floats(-3, 3), st.floats(-3, 3))
_EVENTS = st.lists(st.one_of(
    st.tuples(st.just('serves'), st.integers(1, 60)),
    st.tuples(st.just('serves'), st.integers(1, 60)),
    st.tuples(st.just('stalls'), st.integers(1, 60)),
    st.tuples(st.just('plans'), _PLACES),
    st.tuples(st.just('person'), st.one_of(
        st.tuples(st.just('arm'), _PLACES), st.just(('hand', (0.3,))))),
    st.tuples(st.just('plans'), _PLACES),
    st.tuples(st.just('plans'), st.lists(_PLACES, min_size=HORIZON, max_size=HORIZON)),
    st.tuples(st.just('takes_ms'), st.sampled_from([0, 3, 40, 170, 5000])),
    st.tuples(st.just('e_stop'), st.booleans()),
    st.tuples(st.just('armed'), st.just(True)),
    st.tuples(st.just('armed'), st.booleans()),
    st.tuples(st.just('sees'), st.booleans()),
    st.tuples(st.just('jumps'), st.sampled_from([-400, -5, 5, 30, 50, 95, 400, 60_000])),
    st.tuples(st.just('deactivated'), st.none())), max_size=30)


# With a `start` that refuses, and led in from the observed joints wherever they are.
_BEGINNINGS = (CONTRACT, parse_contract(TEXT.replace(
    '      start: {observation: joints, within: [0.5, 0.5]}\n', '')))


@settings(max_examples=150)
@given(events=_EVENTS, ramp_s=st.sampled_from([0.0, 0.3]),
       join=st.sampled_from(['replace', 'ensemble']), contract=st.sampled_from(_BEGINNINGS))
def test_no_message_asks_more_of_the_arm_than_its_limits_whatever_happens(
        events, ramp_s, join, contract):
    rig = _FollowedRig(
        contract=contract, ramp_s=ramp_s,
        steering=Steering(mode='prior', replan_every=3, join=join))
    rig.live(60)
    assert rig.reached > 0.1
    for event in events:
        rig.do(*event)
    rig.live(30)
