"""People in charge of a policy node: arming, e-stop, dead-man switch, teleoperation, others."""

from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from lps_ros.contract import load_contract
from lps_ros.nodes.process import StartError
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import ROOT
from policy_harness import stopped
import pytest
from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool

pytestmark = pytest.mark.timing

_TWIST = 'servo_node/delta_twist_cmds'
_LIMITS = load_contract(ROOT / 'config' / 'ur5e_cube.yaml').action('twist').limits
_CONFIGURE = Transition.TRANSITION_CONFIGURE
_ACTIVATE = Transition.TRANSITION_ACTIVATE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE


@pytest.fixture(scope='module')
def connection(tmp_path_factory, ros_module_domain):
    process = PolicyProcess(
        FAULTY, tmp_path_factory.mktemp('policy') / 'log', ros_module_domain, bundle='good',
        arm_on_activate=False, ramp_s=0.2, replan_every=1)
    robot = Robot(process, ros_module_domain)
    try:
        robot.change(_CONFIGURE)
        yield robot
    finally:
        robot.close()
        process.close()


@pytest.fixture
def robot(connection):
    """Return the robot's end of an active, disarmed node; observations keep coming."""
    node = connection.node
    before = list(node.publishers)
    connection.stream()
    connection.forget()
    connection.change(_ACTIVATE)
    yield connection
    connection.change(_DEACTIVATE)
    # Of a test that fails, too: what it left would command in the next one.
    for timer in list(node.timers):
        node.destroy_timer(timer)
    for publisher in node.publishers:
        if publisher not in before:
            node.destroy_publisher(publisher)


def _only_commands(robot, x):
    """
    See six commands of x in a row and none of the gripper.

    On a machine that holds the person up for longer than a hand-over takes, see it again.
    """
    def seen():
        if robot.openings or any(
                twist.twist.linear.x != pytest.approx(x) for twist in robot.twists):
            robot.forget()
        return len(robot.twists) > 5
    robot.until(seen)


def _arms(robot):
    """Tell whether the node can be armed; it takes a moment to learn who has left."""
    try:
        return robot.trigger('policy/arm').startswith('armed')
    except StartError as error:
        assert 'also publishes' in str(error)
        return False


def test_moves_only_while_armed(robot):
    robot.until(lambda: 'not armed yet' in robot.statuses[-1]['reason'] or (
        'the node was deactivated' in robot.statuses[-1]['reason']))
    assert all(map(stopped, robot.twists))
    assert robot.openings == []
    robot.silent_for(10)
    robot.trigger('policy/arm')
    robot.moves()
    assert robot.statuses[-1]['armed']
    said = len(robot.process.log())
    robot.trigger('policy/disarm')
    robot.rests('disarmed: by request')
    robot.silent_for(10)
    line, = robot.process.log()[said:].splitlines()
    assert line.startswith('[WARN]') and line.endswith('stopped: disarmed: by request')


def test_arming_an_inactive_node_is_refused(robot):
    robot.change(_DEACTIVATE)
    with pytest.raises(StartError, match='the node is inactive; activate it first'):
        robot.trigger('policy/arm')
    robot.change(_ACTIVATE)


@pytest.mark.parametrize('latched', [True, False])
def test_the_e_stop_wins_and_releasing_it_does_not_arm(robot, latched):
    from lps_ros.nodes.qos import LATCHED
    button = robot.node.create_publisher(Bool, 'e_stop', LATCHED if latched else 10)
    teleop = robot.node.create_publisher(TwistStamped, f'teleop/{_TWIST}', 1)
    robot.until(lambda: button.get_subscription_count() == (3 if latched else 2)
                and teleop.get_subscription_count())
    robot.trigger('policy/arm')
    robot.moves()
    button.publish(Bool(data=True))
    robot.rests('the e-stop')
    with pytest.raises(StartError, match='the e-stop is pressed; release it first'):
        robot.trigger('policy/arm')
    hand = robot.node.create_timer(0.05, lambda: teleop.publish(_twist(0.1)))
    robot.silent_for(10)
    robot.node.destroy_timer(hand)
    button.publish(Bool(data=False))
    robot.silent_for(10)
    robot.trigger('policy/arm')
    robot.moves()
    robot.node.destroy_publisher(button)
    robot.node.destroy_publisher(teleop)


def test_teleoperation_takes_over_at_once_within_limits_and_hands_back_smoothly(robot):
    teleop = robot.node.create_publisher(TwistStamped, f'teleop/{_TWIST}', 1)
    robot.until(teleop.get_subscription_count)
    robot.trigger('policy/arm')
    robot.moves()
    speed = [-0.1]
    hand = robot.node.create_timer(0.05, lambda: teleop.publish(_twist(speed[0])))
    robot.until(lambda: robot.statuses[-1]['source'] == 'teleop')
    # A person commands the arm only; the gripper is not moved meanwhile.
    _only_commands(robot, -0.1)
    speed[0] = 50.0
    robot.until(lambda: robot.twists[-1].twist.linear.x > 0)
    robot.until(lambda: robot.twists[-1].twist.linear.x == pytest.approx(_LIMITS.high[0]))
    speed[0] = float('nan')
    robot.until(lambda: 'non-finite' in robot.process.log())
    robot.forget()
    robot.node.destroy_timer(hand)
    robot.until(lambda: robot.statuses[-1]['source'] == 'policy')
    robot.moves()
    xs = [twist.twist.linear.x for twist in robot.twists]
    assert max(xs) <= _LIMITS.high[0]
    robot.node.destroy_publisher(teleop)


def test_a_person_is_heard_who_publishes_best_effort(robot):
    teleop = robot.node.create_publisher(
        TwistStamped, f'teleop/{_TWIST}',
        QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    robot.trigger('policy/arm')
    robot.moves()
    hand = robot.node.create_timer(0.05, lambda: teleop.publish(_twist(-0.1)))
    _only_commands(robot, -0.1)
    robot.node.destroy_timer(hand)
    robot.node.destroy_publisher(teleop)


def test_a_person_who_is_refused_stops_the_policy_until_they_let_go(robot):
    teleop = robot.node.create_publisher(TwistStamped, f'teleop/{_TWIST}', 1)
    robot.until(teleop.get_subscription_count)
    robot.trigger('policy/arm')
    robot.moves()
    message = _twist(0.1)
    message.header.frame_id = 'tool0'
    hand = robot.node.create_timer(0.05, lambda: teleop.publish(message))
    robot.rests('a command of teleoperation was refused')
    robot.silent_for(10)
    robot.node.destroy_timer(hand)
    robot.moves()
    assert robot.statuses[-1]['armed']
    robot.node.destroy_publisher(teleop)


def test_a_disarmed_node_passes_teleoperation_on_and_stops_after_it(robot):
    teleop = robot.node.create_publisher(TwistStamped, f'teleop/{_TWIST}', 1)
    robot.until(teleop.get_subscription_count)
    hand = robot.node.create_timer(0.05, lambda: teleop.publish(_twist(0.1)))
    robot.until(lambda: robot.twists and robot.twists[-1].twist.linear.x == pytest.approx(0.1))
    robot.node.destroy_timer(hand)
    robot.rests()
    robot.silent_for(10)
    robot.node.destroy_publisher(teleop)


def test_another_publisher_of_commands_disarms_and_keeps_disarmed(robot):
    robot.trigger('policy/arm')
    robot.moves()
    other = robot.node.create_publisher(TwistStamped, _TWIST, 1)
    robot.rests('/test_robot also publishes on the command topic /servo_node/delta_twist_cmds')
    with pytest.raises(StartError, match='test_robot also publishes'):
        robot.trigger('policy/arm')
    robot.node.destroy_publisher(other)
    robot.until(lambda: _arms(robot))
    robot.moves()


def test_another_publisher_of_commands_is_told_of_while_disarmed(robot):
    robot.diagnostics.clear()
    other = robot.node.create_publisher(TwistStamped, _TWIST, 1)
    robot.until(lambda: any('test_robot also publishes' in status.message
                            for status in robot.diagnostics))
    robot.node.destroy_publisher(other)


def test_a_switch_that_is_not_held_stops_without_disarming(tmp_path, ros_domain):
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='good', dead_man_topic='joy',
        dead_man_button=1, autostart=True, replan_every=1)
    robot = Robot(process, ros_domain)
    try:
        robot.stream()
        joy = robot.node.create_publisher(Joy, 'joy', 1)
        robot.until(lambda: robot.statuses and (
            'the dead-man switch is not held' in robot.statuses[-1]['reason']))
        hold = robot.node.create_timer(0.05, lambda: joy.publish(Joy(buttons=[0, 1])))
        robot.moves()
        robot.node.destroy_timer(hold)
        robot.rests()
        assert robot.statuses[-1]['armed']
        held, age_s = [0, 1], [0.0]
        robot.node.create_timer(0.05, lambda: joy.publish(_joy(robot, held, age_s[0])))
        robot.moves()
        held = [1, 0]
        robot.rests()
        # A message that has been on its way for long holds nothing.
        age_s[0] = 5.0
        held = [0, 1]
        robot.until(lambda: 'joy does not hold the switch: it is 5.0' in process.log())
        robot.silent_for(10)
        age_s[0] = 0.0
        robot.moves()
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


def _joy(robot, buttons, age_s):
    message = Joy(buttons=buttons)
    message.header.stamp = (robot.node.get_clock().now() - Duration(seconds=age_s)).to_msg()
    return message


def _twist(x):
    message = TwistStamped()
    message.header.frame_id = 'base_link'
    message.twist.linear.x = x
    return message
