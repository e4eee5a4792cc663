"""Between ticks: what people do counts at once. No ROS graph, no tick is served."""

from contextlib import nullcontext
import time
from types import SimpleNamespace

from builtin_interfaces.msg import Duration
from lps_ros.contract import parse_contract
from lps_ros.control.authority import Authority
from lps_ros.control.authority import AuthorityLimits
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


class _Empty(nullcontext):
    def take_message(self, *_):
        return None


class _Node:
    """Keeps what is subscribed and published by topic; its clock is set by the test."""

    def __init__(self, *, simulated=False, namesakes=0):
        self.now_ns, self.log = 1_000_000_000, _Log()
        self.heard, self.sent = {}, []
        self._simulated, self._nodes = simulated, 1 + namesakes

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=self.now_ns))

    def get_parameter(self, _):
        return SimpleNamespace(value=self._simulated)

    def get_name(self):
        return 'policy'

    def get_namespace(self):
        return '/'

    def get_fully_qualified_name(self):
        return '/policy'

    def get_node_names_and_namespaces(self):
        return [('policy', '/')] * self._nodes

    def resolve_topic_name(self, topic):
        return f'/{topic}'

    def get_publishers_info_by_topic(self, _):
        return []

    def get_logger(self):
        return self.log

    def create_subscription(self, _, topic, callback, *__, **___):
        self.heard[topic] = callback
        return SimpleNamespace(handle=_Empty(), msg_type=None, raw=False, callback=callback)

    def create_publisher(self, _, topic, *__, **___):
        return SimpleNamespace(
            publish=lambda message: self.sent.append((topic, message)),
            get_subscription_count=lambda: 1, topic_name=topic)


class _Rig:
    def __init__(self, *, limits=None, **node):
        self.node, self.authority, self.told = _Node(**node), Authority(limits), []
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


def test_a_dead_man_switch_of_which_nothing_is_heard_stops_between_ticks():
    """At a slow rate the next tick is long in coming."""
    rig = _Rig(simulated=True, limits=AuthorityLimits(dead_man_s=0.03))
    rig.authority.arm()
    rig.authority.hold_switch(True, rig.node.now_ns)
    rig.control.source = Source.POLICY
    for after_ms, topics in ((1, []), (29, []), (32, ['twist']), (33, [])):
        rig.node.now_ns = 1_000_000_000 + after_ms * _MS
        rig.control.poll()
        assert rig.commands() == topics
    assert rig.node.log.lines[-1] == 'stopped: the dead-man switch is not held'
    assert rig.authority.armed and rig.control.source == Source.NONE


def test_a_clock_that_stands_still_right_before_a_tick_holds_up_nothing_else():
    rig = _Rig(simulated=True, namesakes=1)
    rig.node.now_ns += 45 * _MS
    end_s, complaints = time.monotonic() + 30.0, []
    while not complaints:
        assert time.monotonic() < end_s
        rig.control.poll()
        complaints = rig.control.take_complaints()
    assert complaints[0].startswith('another node is called /policy too')
