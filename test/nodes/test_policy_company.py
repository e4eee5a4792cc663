"""Which other nodes are about: who commands too, who listens, who has the same name."""

import signal
from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lps_ros.contract import load_contract
from lps_ros.nodes.policy_company import foreign_publishers
from lps_ros.nodes.process import StartError
import numpy as np
from policy_harness import CONTRACT
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
import pytest

_OWN = ('/', 'policy')


class _Node:
    """Knows of these publishers of twists, and of its own."""

    def __init__(self, *others):
        self._publishers = {'/servo_node/delta_twist_cmds': [*others, _OWN]}

    def get_namespace(self):
        return _OWN[0]

    def get_name(self):
        return _OWN[1]

    def resolve_topic_name(self, topic):
        return f'/{topic}'

    def get_publishers_info_by_topic(self, topic):
        return [SimpleNamespace(node_namespace=space, node_name=name)
                for space, name in self._publishers.get(topic, [_OWN])]


@pytest.mark.parametrize(('others', 'expected'), [
    ([('/', 'joystick')], '/joystick'), ([_OWN], '/policy'),
    ([('/b', 'two'), ('/', 'one')], '/one, /b/two'),
    ([('_NODE_NAMESPACE_UNKNOWN_', '_NODE_NAME_UNKNOWN_')],
     'a node whose name is not known yet')])
def test_others_are_named(others, expected):
    assert foreign_publishers(_Node(*others), load_contract(CONTRACT)) == (
        f'{expected} also publishes on the command topic /servo_node/delta_twist_cmds; end it, or '
        'let it publish on teleop/servo_node/delta_twist_cmds')


def test_alone_it_says_nothing():
    assert foreign_publishers(_Node(), load_contract(CONTRACT)) == ''


@pytest.fixture
def robot(tmp_path, ros_domain):
    """Return the robot's end of an armed node that moves it."""
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='good', ramp_s=0.5, replan_every=1)
    robot = Robot(process, ros_domain)
    try:
        robot.stream()
        robot.change(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        robot.moves()
        yield robot
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


def _arms(robot):
    """Tell whether the node can be armed; it takes a moment to learn who has left."""
    try:
        return robot.trigger('policy/arm')
    except StartError as error:
        assert 'another node is called /policy too' in str(error)
        return ''


@pytest.mark.timing
@pytest.mark.parametrize('shadow', [False, True])
def test_of_two_by_the_same_name_none_is_armed(robot, tmp_path, ros_domain, shadow):
    said = 'another node is called /policy too, so that what arms the one arms the other'
    other = PolicyProcess(FAULTY, tmp_path / 'other', ros_domain, bundle='good', shadow=shadow,
                          autostart=True, arm_on_activate=False)
    try:
        robot.until(lambda: f'stopped: {said}' in robot.process.log())
        robot.rests()
        assert not _arms(robot)
        robot.until(lambda: any(
            status['state'] == 'active' and status['shadow'] == shadow
            for status in robot.statuses))
        assert not _arms(robot)
        other.signal(signal.SIGINT)
        assert other.wait() == 0
        robot.until(lambda: _arms(robot))
        robot.moves()
    finally:
        other.close()


@pytest.mark.timing
def test_a_controller_that_goes_disarms_and_one_that_comes_is_led_in(robot):
    _lose_controller(robot)
    said = 'stopped: nobody listens to /servo_node/delta_twist_cmds any more; see to the contr'
    robot.until(lambda: said in robot.process.log() and not robot.statuses[-1]['armed'])
    assert 'nobody listens to /servo_node/delta_twist_cmds; start' in robot.trigger('policy/arm')
    robot.until(lambda: robot.statuses[-1]['source'] == 'policy')
    robot.until(lambda: any(report.level == DiagnosticStatus.WARN and 'nobody listens to'
                            in report.message for report in robot.diagnostics))
    robot.spin_for(1.0)
    robot.forget()
    robot.listen()
    robot.until(lambda: len(robot.twists) > 12)
    xs = np.array([twist.twist.linear.x for twist in robot.twists])
    # Half a second of ramp, from rest: whatever the first that arrives is, it is not the whole.
    assert xs[0] < 0.1 and xs[-1] == pytest.approx(0.25)
    assert (np.diff(xs) < 0.1).all()


def _lose_controller(robot):
    subscription, = [each for each in robot.node.subscriptions
                     if each.topic_name == '/servo_node/delta_twist_cmds']
    robot.node.destroy_subscription(subscription)
