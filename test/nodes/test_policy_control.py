"""Between ticks: what people do counts at once. No ROS graph, no tick is served."""

from types import SimpleNamespace

from builtin_interfaces.msg import Duration
from lps_ros.contract import parse_contract
from lps_ros.control.authority import Authority
from lps_ros.control.authority import Source
from lps_ros.control.execution import Execution
from lps_ros.control.planning import Steering
from lps_ros.nodes.policy_bundle import BundleFacts
from lps_ros.nodes.policy_control import PolicyControl
import pytest
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

_MS = 1_000_000
_CONTRACT = parse_contract("""
name: arm
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [a], max_age_s: 0.1}
actions:
  - {key: hand, topic: hand, type: trajectory_msgs/msg/JointTrajectory, names: [c],
     scale: {low: [-3], high: [3]}, stop: hold, send: chunk}
  - {key: twist, topic: twist, type: geometry_msgs/msg/TwistStamped, frame_id: base_link,
     fields: [linear.x], scale: {low: [-1], high: [1]}, stop: zeros}
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
""")


class _Settings(dict):
    def steering(self, own):
        return own

    def execution(self):
        return Execution()


class _Log:
    def __init__(self):
        self.lines = []

    def info(self, line, **_):
        self.lines.append(line)

    warning = error = info


class _Node:
    """Keeps what is subscribed and published by topic; its clock is set by the test."""

    def __init__(self):
        self.now_ns, self.log = 1_000_000_000, _Log()
        self.heard, self.sent = {}, []

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=self.now_ns))

    def get_parameter(self, _):
        return SimpleNamespace(value=False)

    def get_logger(self):
        return self.log

    def create_subscription(self, _, topic, callback, *__, **___):
        self.heard[topic] = callback

    def create_publisher(self, _, topic, *__, **___):
        return SimpleNamespace(
            publish=lambda message: self.sent.append((topic, message)),
            get_subscription_count=lambda: 1, topic_name=topic)


class _Rig:
    def __init__(self):
        self.node, self.authority, self.told = _Node(), Authority(), []
        self.control = PolicyControl(
            self.node, BundleFacts(
                name='bundle', contract=_CONTRACT, horizon=4, steering=Steering(mode='prior'),
                deployment=()),
            SimpleNamespace(poll=lambda: None, close=lambda: None),
            _Settings(lock_step=False, lock_step_wait_s=0.0, shadow=False, report_dir='', seed=0,
                      dead_man_topic='', dead_man_button=0, dead_man_s=0.3),
            self.authority, SimpleNamespace(flush=lambda: None), self._changed)
        self.control.begin()

    def _changed(self):
        self.told.append(self.control.source)

    def person(self, position=0.1, *, after_ms=50, joints=('c',)):
        self.node.heard['teleop/hand'](JointTrajectory(
            joint_names=list(joints), points=[JointTrajectoryPoint(
                positions=[position],
                time_from_start=Duration(sec=after_ms // 1000,
                                         nanosec=after_ms % 1000 * _MS))]))

    def commands(self):
        """Take what was sent since the last call, by topic."""
        sent, self.node.sent = self.node.sent, []
        return [topic for topic, _ in sent if topic in ('hand', 'twist')]


@pytest.fixture
def rig():
    return _Rig()


def test_an_e_stop_right_after_a_persons_first_command_stops_at_once(rig):
    rig.person()
    assert rig.commands() == ['twist', 'hand'] and rig.told == [Source.TELEOP]
    rig.authority.press_stop(True)
    rig.control.heed_people()
    assert 'twist' in rig.commands()
    assert rig.control.source == Source.NONE and rig.told[-1] == Source.NONE
    assert rig.node.log.lines[-1] == 'stopped: the e-stop is pressed'
    rig.person()
    assert rig.commands() == [] and rig.control.source == Source.NONE


@pytest.mark.parametrize(('what', 'line'), [
    ({'position': float('nan')}, 'non-finite value in hand.c'),
    ({'joints': ('elbow',)}, "found no joint 'c'")])
def test_a_person_whose_command_is_refused_stops_the_policy_between_ticks(rig, what, line):
    rig.authority.arm()
    rig.control.source = Source.POLICY
    rig.person(**what)
    assert rig.commands() == ['twist'] and rig.control.source == Source.NONE
    assert any(line in each for each in rig.node.log.lines)
    assert rig.authority.armed
    # Again and again, it is stopped once.
    rig.person(**what)
    assert rig.commands() == []
    # What is fit then is obeyed.
    rig.person()
    assert rig.commands()[-1] == 'hand' and rig.control.source == Source.TELEOP


@pytest.mark.parametrize(('after_ms', 'refused'), [(0, False), (100, False), (101, True),
                                                   (5000, True)])
def test_a_trajectory_of_a_person_is_of_one_period(rig, after_ms, refused):
    rig.person(after_ms=after_ms)
    assert rig.commands() == ([] if refused else ['twist', 'hand'])
    assert refused == (
        f'teleop/hand ignored: found a first point after {after_ms / 1e3:g} s, expected at most '
        '0.1 s; send one point per control period' in rig.node.log.lines)
