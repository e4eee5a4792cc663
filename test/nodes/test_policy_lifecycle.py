"""Transitions, parameters and services of the policy node in odd orders."""

from lifecycle_msgs.msg import Transition
from lps_ros.nodes.process import StartError
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import stopped
import pytest
from std_msgs.msg import Bool

pytestmark = pytest.mark.timing

_ACTIVATE = Transition.TRANSITION_ACTIVATE
_CLEANUP = Transition.TRANSITION_CLEANUP
_CONFIGURE = Transition.TRANSITION_CONFIGURE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE
_SHUTDOWN = Transition.TRANSITION_ACTIVE_SHUTDOWN


@pytest.fixture(scope='module')
def robot(tmp_path_factory, ros_module_domain):
    """Return the robot's end of a node that is unconfigured; observations keep coming."""
    process = PolicyProcess(
        FAULTY, tmp_path_factory.mktemp('policy') / 'log', ros_module_domain, bundle='good',
        ramp_s=0.0)
    robot = Robot(process, ros_module_domain)
    try:
        robot.stream()
        yield robot
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


@pytest.mark.parametrize(('topic', 'words'), [
    ('no topic', 'Invalid topic name'), ('joint_states', 'Failed to create subscription')])
def test_what_a_failed_configuring_has_made_does_not_keep_from_arming(robot, topic, words):
    robot.set(dead_man_topic=topic)
    with pytest.raises(StartError):
        robot.change(_CONFIGURE)
    robot.until(lambda: words in robot.statuses[-1]['failure'])
    robot.set(dead_man_topic='')
    robot.change(_CONFIGURE, _ACTIVATE)
    robot.moves()
    robot.spin_for(1.0)
    assert robot.statuses[-1]['armed'], robot.process.log()
    assert len(robot.node.get_publishers_info_by_topic('/servo_node/delta_twist_cmds')) == 1
    robot.change(_DEACTIVATE, _CLEANUP)
    assert robot.node.count_publishers('/servo_node/delta_twist_cmds') == 0


def test_steering_that_was_set_while_inactive_counts_from_the_first_plan(robot):
    robot.set(bundle='imitator', mode='steered')
    robot.change(_CONFIGURE, _ACTIVATE)
    robot.until(lambda: 'no latent actor' in robot.statuses[-1]['reason'])
    robot.change(_DEACTIVATE)
    robot.set(mode='default')
    robot.change(_ACTIVATE)
    robot.moves()
    assert robot.statuses[-1]['armed']
    robot.change(_DEACTIVATE, _CLEANUP)
    robot.set(bundle='good')


def test_the_status_says_why_now_and_not_why_before(robot):
    robot.change(_CONFIGURE, _ACTIVATE)
    robot.moves()
    button = robot.node.create_publisher(Bool, 'e_stop', 10)
    robot.until(button.get_subscription_count)
    robot.trigger('policy/disarm')
    robot.until(lambda: robot.statuses[-1]['reason'] == 'disarmed: by request')
    button.publish(Bool(data=True))
    robot.until(lambda: robot.statuses[-1]['reason'] == 'the e-stop is pressed')
    button.publish(Bool(data=False))
    robot.until(lambda: robot.statuses[-1]['reason'] == 'disarmed: by request')
    robot.node.destroy_publisher(button)
    robot.change(_DEACTIVATE, _CLEANUP)


def test_a_reload_without_a_name_is_refused(robot):
    robot.change(_CONFIGURE)
    robot.set(bundle='')
    with pytest.raises(StartError, match="parameter 'bundle' is empty"):
        robot.trigger('policy/reload')
    robot.set(bundle='good')
    robot.change(_CLEANUP)


def test_a_node_that_is_shut_down_while_it_reloads_stops_and_leaves_no_process(
        tmp_path, ros_domain):
    process = PolicyProcess(FAULTY, tmp_path / 'log', ros_domain, bundle='good', ramp_s=0.0)
    robot = Robot(process, ros_domain)
    try:
        robot.stream()
        robot.change(_CONFIGURE, _ACTIVATE)
        robot.moves()
        robot.set(bundle='endless')
        robot.trigger('policy/reload')
        robot.until(lambda: len(process.planners()) == 2)
        robot.change(_SHUTDOWN)
        robot.until(lambda: stopped(robot.twists[-1]) and not process.planners())
        for service in ('arm', 'reload'):
            with pytest.raises(StartError, match='the node is finalized; start it anew'):
                robot.trigger(f'policy/{service}')
        assert not robot.statuses[-1]['armed'] and 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()
