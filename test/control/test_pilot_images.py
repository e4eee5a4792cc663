"""A pilot that sees: frames reach the planner, and a camera that fails stops the robot."""

from types import SimpleNamespace

from lps_ros.contract import MessageError
from lps_ros.contract import parse_contract
from lps_ros.control.authority import Authority
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Steering
import numpy as np
import pytest

_MS = 1_000_000
_PERIOD_NS = 50 * _MS
_CONTRACT = parse_contract("""
name: arm
rate_hz: 20
observations:
  - key: front
    topic: front
    type: sensor_msgs/msg/Image
    image: {width: 4, height: 3}
    max_age_s: 0.15
    max_identical: 4
  - {key: force, topic: force, type: std_msgs/msg/Float64MultiArray, names: [x], max_age_s: 0.1}
  - key: wrist
    topic: wrist
    type: sensor_msgs/msg/CompressedImage
    image: {width: 2, height: 2}
    max_age_s: 0.15
    required: false
actions:
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x]
    scale: {low: [-2], high: [2]}
    stop: zeros
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
""")
_SHAPES = {'front': (3, 4, 3), 'wrist': (2, 2, 3)}


class _Planner:
    """Keeps what it was shown: the vector, and the brightness of each frame."""

    def __init__(self):
        self.shown = []

    def generator(self, seed):
        return f'rng {seed}'

    def plan(self, observation, images=(), *, mode, candidates, strength, rng):
        assert all(image.dtype == np.uint8 for image in images)
        assert [image.shape for image in images] == list(_SHAPES.values())
        self.shown.append((observation.tolist(), [int(image[0, 0, 0]) for image in images]))
        return SimpleNamespace(actions=np.full((2, 1), 0.5, np.float32))


@pytest.fixture
def planner():
    return _Planner()


@pytest.fixture
def pilot(planner):
    return _pilot(_CONTRACT, planner)


def _pilot(contract, planner, **execution):
    authority = Authority()
    authority.arm()
    return Pilot(contract, InlineInference(planner), horizon=2, authority=authority,
                 steering=Steering(mode='prior', replan_every=1),
                 execution=Execution(waits=True, **execution))


def _frame(key, value):
    return np.full(_SHAPES[key], value, np.uint8)


def _observe(pilot, time_ns, value, *, without=(), stamp_ns=None):
    """Give a message of every stream, received at a time and, if not said otherwise, stamped."""
    for key in ('force', 'front', 'wrist'):
        if key not in without:
            row = np.array([value]) if key == 'force' else _frame(key, value)
            pilot.gate.accept(key, row, received_ns=time_ns,
                              stamp_ns=None if key == 'force' else stamp_ns or time_ns)


def _tick(pilot, tick):
    return pilot.tick(tick, lambda: tick * _PERIOD_NS + _MS)


def _texts(decision):
    return [str(reason) for reason in decision.reasons]


def test_the_planner_sees_the_frames_of_the_tick_in_the_contracts_order(pilot, planner):
    for tick in (1, 2, 3):
        _observe(pilot, tick * _PERIOD_NS, 10 * tick)
        # Frames from after the tick are not for it.
        pilot.gate.accept('wrist', _frame('wrist', 255), received_ns=tick * _PERIOD_NS + 1,
                          stamp_ns=tick * _PERIOD_NS + 1)
        assert _tick(pilot, tick).acting
    assert planner.shown == [([10.0], [10, 10]), ([20.0], [20, 20]), ([30.0], [30, 30])]


@pytest.mark.parametrize('camera', ['front', 'wrist'])
def test_a_camera_that_never_came_keeps_the_robot_still(pilot, planner, camera):
    _observe(pilot, _PERIOD_NS, 1, without=(camera,))
    decision = _tick(pilot, 1)
    assert _texts(decision) == [
        f"observation '{camera}' is missing; no message on topic '{camera}'"]
    assert not decision.acting and planner.shown == []


def test_a_camera_that_went_silent_stops_the_robot_and_a_new_frame_lets_it_go_on(pilot):
    _observe(pilot, _PERIOD_NS, 1)
    assert _tick(pilot, 1).acting
    decisions = []
    for tick in range(2, 7):
        _observe(pilot, tick * _PERIOD_NS, 1, without=('front',))
        decisions.append(_tick(pilot, tick))
    assert [decision.acting for decision in decisions] == [True, True, False, False, False]
    stop, = decisions[2].messages
    assert stop.content['twist']['linear']['x'] == 0.0
    assert decisions[2].reasons[0].stale
    assert "'front' is 0.151 s old by its receipt, expected at most 0.15 s" in _texts(
        decisions[2])[0]
    _observe(pilot, 7 * _PERIOD_NS, 1)
    assert _tick(pilot, 7).acting


def test_a_camera_that_repeats_its_last_frame_stops_the_robot(pilot):
    """Its messages keep coming, but the stamp says when the frame was taken."""
    _observe(pilot, _PERIOD_NS, 1)
    assert _tick(pilot, 1).acting
    acting = []
    for tick in range(2, 6):
        _observe(pilot, tick * _PERIOD_NS, 1, without=('wrist',))
        pilot.gate.accept('wrist', _frame('wrist', 1), received_ns=tick * _PERIOD_NS,
                          stamp_ns=_PERIOD_NS)
        acting.append(_tick(pilot, tick))
    assert [decision.acting for decision in acting] == [True, True, False, False]
    assert "observation 'wrist' is 0.151 s old by its header stamp" in _texts(acting[2])[0]


def test_a_frame_from_the_future_is_refused(pilot):
    _observe(pilot, _PERIOD_NS, 1, stamp_ns=3 * _PERIOD_NS)
    assert 'in the future by its header stamp' in _texts(_tick(pilot, 1))[0]


def _lazily(made, value, error=None):
    """Return what makes a frame of the front camera and notes that it did."""
    def make():
        made.append(value)
        if error:
            raise MessageError(error)
        return _frame('front', value)
    return make


def test_only_the_frame_that_a_tick_sees_is_decoded_and_only_once(pilot, planner):
    made = []
    for tick in (1, 2):
        _observe(pilot, tick * _PERIOD_NS, 1, without=('front',))
        for number in range(5):
            time_ns = (tick - 1) * _PERIOD_NS + number * 12 * _MS
            pilot.gate.accept('front', _lazily(made, 10 * tick + number), stamp_ns=time_ns,
                              received_ns=time_ns)
        assert _tick(pilot, tick).acting
    assert made == [14, 24]
    assert [frames[0] for _, frames in planner.shown] == [14, 24]


def test_a_frame_that_does_not_decode_gives_way_to_the_one_before(pilot, planner):
    made = []
    _observe(pilot, _PERIOD_NS, 1)
    pilot.gate.accept('front', _lazily(made, 2, 'found a torn frame'), stamp_ns=_PERIOD_NS,
                      received_ns=_PERIOD_NS)
    assert _tick(pilot, 1).acting
    assert planner.shown == [([1.0], [1, 1])]
    for tick in range(2, 6):
        _observe(pilot, tick * _PERIOD_NS, 1, without=('front',))
        pilot.gate.accept('front', _lazily(made, 2, 'found a torn frame'),
                          stamp_ns=tick * _PERIOD_NS, received_ns=tick * _PERIOD_NS)
        decision = _tick(pilot, tick)
    assert not decision.acting
    assert _texts(decision)[0].endswith('; found a torn frame')
    assert not decision.reasons[0].stale
    assert len(made) == 5


def test_the_frame_before_one_that_does_not_decode_must_not_be_too_old(planner):
    """A camera that comes back begins with a torn frame, and what it saw before is long ago."""
    pilot = _pilot(_CONTRACT, planner)
    pilot.begin(0, Execution())
    _observe(pilot, _PERIOD_NS, 1)
    now_ns = 9 * _PERIOD_NS
    _observe(pilot, now_ns, 9, without=('front',))
    pilot.gate.accept('front', _lazily([], 2, 'found a torn frame'), stamp_ns=now_ns,
                      received_ns=now_ns)
    pilot.think(now_ns)
    assert planner.shown == []
    assert _texts(_tick(pilot, 9))[0].endswith('old by its receipt, expected at most 0.15 s; '
                                               'found a torn frame')
    _observe(pilot, 10 * _PERIOD_NS, 10)
    pilot.think(10 * _PERIOD_NS)
    assert planner.shown == [([10.0], [10, 10])] and _tick(pilot, 10).acting


def test_frames_that_are_too_old_to_act_on_are_let_go(pilot):
    _observe(pilot, 0, 1)
    for number in range(200):
        pilot.gate.accept('front', _frame('front', 1), stamp_ns=number * 10 * _MS,
                          received_ns=number * 10 * _MS)
    # 0.15 s at 100 Hz, and the one that was in force before them.
    kept = [time_ms for time_ms in range(0, 2000, 10) if 'front' in pilot.gate.rows(time_ms * _MS)]
    assert 1990 - kept[0] <= 170


def test_a_policy_may_see_pictures_alone(planner):
    contract = _CONTRACT.subset(['front', 'wrist'])
    pilot = _pilot(contract, planner)
    for key in _SHAPES:
        pilot.gate.accept(key, _frame(key, 7), stamp_ns=_PERIOD_NS, received_ns=_PERIOD_NS)
    assert _tick(pilot, 1).acting
    assert planner.shown == [([], [7, 7])]


def _see(pilot, tick, picture):
    """Give every stream, the front camera with the picture as it came."""
    _observe(pilot, tick * _PERIOD_NS, 1, without=('front',))
    pilot.gate.accept('front', _frame('front', 1), stamp_ns=tick * _PERIOD_NS,
                      received_ns=tick * _PERIOD_NS, content=np.full(36, picture, np.uint8))
    return _tick(pilot, tick)


def test_a_camera_that_is_frozen_under_new_stamps_stops_and_disarms(pilot):
    assert all(_see(pilot, tick, tick).acting for tick in range(1, 10))
    decisions = [_see(pilot, tick, 9) for tick in range(10, 20)]
    assert [decision.acting for decision in decisions] == [True] * 3 + [False] * 7
    stop, = decisions[3].messages
    assert stop.content['twist']['linear']['x'] == 0.0
    assert _texts(decisions[3]) == [
        "observation 'front' has brought the same picture 5 times while the robot moved; check "
        'the camera']
    assert not pilot.authority.armed
    # Armed again it does not go on as long as the picture does not change.
    pilot.authority.arm()
    assert not _see(pilot, 20, 9).acting and not pilot.authority.armed
    pilot.authority.arm()
    assert _see(pilot, 21, 10).acting


@pytest.mark.parametrize('speed', [0.04, 0.0])
def test_a_robot_that_hardly_moves_may_see_the_same_picture(pilot, planner, speed):
    planner.plan = lambda *_, **__: SimpleNamespace(actions=np.full((2, 1), speed))
    assert all(_see(pilot, tick, 9).acting for tick in range(1, 40))


def test_a_stop_ends_the_counting(pilot):
    for tick in range(1, 4):
        assert _see(pilot, tick, 9).acting
    pilot.authority.disarm('asked')
    for tick in range(4, 40):
        _see(pilot, tick, 9)
    pilot.authority.arm()
    assert _see(pilot, 40, 9).acting
    assert not _see(pilot, 41, 9).acting


def test_a_picture_that_does_not_decode_is_not_planned_from_beside_the_loop(planner):
    pilot = _pilot(_CONTRACT, planner)
    pilot.begin(0, Execution())
    made = []
    for tick in range(1, 4):
        _observe(pilot, tick * _PERIOD_NS, 1, without=('front',))
        pilot.gate.accept('front', _lazily(made, 1, 'found a torn frame'),
                          stamp_ns=tick * _PERIOD_NS, received_ns=tick * _PERIOD_NS)
        pilot.think(tick * _PERIOD_NS + _MS)
        assert not _tick(pilot, tick).acting
    assert planner.shown == [] and len(made) == 3
    _observe(pilot, 4 * _PERIOD_NS, 1)
    pilot.think(4 * _PERIOD_NS)
    assert _tick(pilot, 4).acting


_WIDE = """
name: arm
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [a, b], max_age_s: 0.1}
actions:
  - {key: limited, topic: arm, type: trajectory_msgs/msg/JointTrajectory, names: [a],
     scale: {low: [-6.28], high: [6.28]}, limits: {velocity: [1.0]}, stop: hold}
  - {key: free, topic: other, type: trajectory_msgs/msg/JointTrajectory, names: [b],
     scale: {low: [-6.28], high: [6.28]}, stop: hold}
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""


@pytest.mark.parametrize(('rad_s', 'moves'), [
    ((0.06, 0.0), True), ((0.04, 0.0), False), ((0.0, 0.32), True), ((0.0, 0.3), False),
    ((-0.06, 0.0), True), ((np.nan, 0.0), False)])
def test_a_joint_of_a_wide_range_moves_at_a_share_of_its_limit_or_of_its_range_a_second(
        planner, rad_s, moves):
    pilot = _pilot(parse_contract(_WIDE), planner)
    assert pilot.moves(0.05 * np.array(rad_s), np.zeros(2)) == moves
