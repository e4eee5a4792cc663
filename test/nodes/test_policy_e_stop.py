"""The e-stop over real rclpy: every kind of publisher, and more than one of them."""

import time

from lifecycle_msgs.msg import Transition
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import LATCHED
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import stopped
import pytest
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from std_msgs.msg import Bool

pytestmark = pytest.mark.timing

_BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_PUBLISHERS = {'best effort': (_BEST_EFFORT, 1), 'reliable': (QoSProfile(depth=10), 2),
               'latched': (LATCHED, 3)}


@pytest.fixture(scope='module')
def connection(tmp_path_factory, ros_module_domain):
    process = PolicyProcess(
        FAULTY, tmp_path_factory.mktemp('policy') / 'log', ros_module_domain, bundle='good',
        arm_on_activate=False, ramp_s=0.0, replan_every=1)
    robot = Robot(process, ros_module_domain)
    try:
        robot.change(Transition.TRANSITION_CONFIGURE)
        robot.stream()
        robot.change(Transition.TRANSITION_ACTIVATE)
        yield robot
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


@pytest.fixture
def robot(connection):
    """Return the robot's end of an active node; what a test publishes on ends with it."""
    before = list(connection.node.publishers)
    yield connection
    connection.trigger('policy/disarm')
    for publisher in list(connection.node.publishers):
        if publisher not in before:
            connection.node.destroy_publisher(publisher)


def _button(robot, kind='reliable'):
    """Return a publisher of the e-stop once the node hears it."""
    profile, subscriptions = _PUBLISHERS[kind]
    button = robot.node.create_publisher(Bool, 'e_stop', profile)
    robot.until(lambda: button.get_subscription_count() >= subscriptions)
    return button


def _press(robot, button):
    button.publish(Bool(data=True))
    robot.rests('the e-stop is pressed')


def _arms(robot):
    """Tell whether the node can be armed; it takes a moment to hear of a release."""
    try:
        robot.trigger('policy/arm')
        return True
    except StartError as error:
        assert 'the e-stop is pressed' in str(error)
        return False


def _stays_pressed(robot):
    robot.silent_for(10)
    assert not _arms(robot)


def _never_moved(robot):
    """See that a node that was to be armed on activation was not."""
    assert 'not armed: the e-stop is pressed' in robot.process.log()
    assert not _arms(robot)
    robot.until(lambda: robot.twists)
    assert all(map(stopped, robot.twists))
    assert not any(status['armed'] for status in robot.statuses)


@pytest.mark.parametrize('kind', _PUBLISHERS)
def test_every_kind_of_publisher_is_heard(robot, kind):
    button = _button(robot, kind)
    robot.trigger('policy/arm')
    robot.moves()
    said = len(robot.process.log())
    _press(robot, button)
    _stays_pressed(robot)
    line, = robot.process.log()[said:].splitlines()
    assert line.startswith('[WARN]') and line.endswith('stopped: the e-stop is pressed')
    button.publish(Bool(data=False))
    robot.until(lambda: _arms(robot))
    robot.moves()
    # Heard on several subscriptions, the first press does not come again.
    robot.moves()
    assert robot.statuses[-1]['armed']


def test_a_publisher_that_goes_takes_the_e_stop_with_it(robot):
    button = _button(robot)
    robot.trigger('policy/arm')
    robot.moves()
    # It has been there for long enough to be missed.
    robot.spin_for(1.0)
    robot.node.destroy_publisher(button)
    robot.rests('nobody publishes on the e-stop topic /e_stop any more; see to the e-stop')
    assert not robot.statuses[-1]['armed']
    # Who has none may do without.
    assert robot.trigger('policy/arm').startswith('armed; nobody publishes on the e-stop topic')
    robot.moves()


def test_while_one_is_pressed_another_cannot_release_it(robot):
    pressed, other = _button(robot), _button(robot, 'best effort')
    robot.trigger('policy/arm')
    robot.moves()
    _press(robot, pressed)
    for _ in range(3):
        other.publish(Bool(data=False))
        robot.silent_for(2)
    with pytest.raises(StartError, match=(
            r'the e-stop is pressed; release it first; 2 publish on the e-stop topic /e_stop')):
        robot.trigger('policy/arm')
    assert 'a release of the e-stop does not count: 2 publish' in robot.process.log()
    robot.node.destroy_publisher(other)
    _stays_pressed(robot)
    robot.until(lambda: _arms(robot), repeat=lambda: pressed.publish(Bool(data=False)))


def test_where_who_pressed_has_gone_anybody_releases(robot):
    pressed, other = _button(robot), _button(robot)
    robot.trigger('policy/arm')
    robot.moves()
    _press(robot, pressed)
    robot.node.destroy_publisher(pressed)
    _stays_pressed(robot)
    robot.until(lambda: _arms(robot), repeat=lambda: other.publish(Bool(data=False)))


def test_a_node_that_is_armed_without_an_e_stop_says_which_it_listens_to(tmp_path, ros_domain):
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, '-r', '__ns:=/left_arm', bundle='good',
        arm_on_activate=False)
    robot = Robot(process, ros_domain, namespace='/left_arm')
    try:
        cell_wide = robot.node.create_publisher(Bool, '/e_stop', 10)
        robot.change(Transition.TRANSITION_CONFIGURE)
        assert 'the e-stop is listened to on /left_arm/e_stop' in process.log()
        robot.change(Transition.TRANSITION_ACTIVATE)
        assert cell_wide.get_subscription_count() == 0
        line = 'nobody publishes on the e-stop topic /left_arm/e_stop'
        assert robot.trigger('policy/arm').startswith(f'armed; {line}')
        assert process.log().count(line) == 1
        _button(robot)
        robot.until(lambda: robot.trigger('policy/arm') == 'armed')
    finally:
        robot.close()
        process.close()


def test_a_press_while_the_node_loads_is_not_hidden_by_releases_of_another(tmp_path, ros_domain):
    process = PolicyProcess(FAULTY, tmp_path / 'log', ros_domain, bundle='good')
    robot = Robot(process, ros_domain)
    try:
        pressed, other = _button(robot), _button(robot)
        robot.stream()
        robot.node.create_timer(0.005, lambda: other.publish(Bool(data=False)))
        # Once the node is busy.
        press = robot.node.create_timer(0.1, lambda: (
            pressed.publish(Bool(data=True)), press.cancel()))
        robot.change(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        _never_moved(robot)
    finally:
        robot.close()
        process.close()


def test_a_latched_press_from_before_the_start_keeps_the_node_from_being_armed(
        tmp_path, ros_domain):
    robot = Robot(None, ros_domain)
    buttons = [robot.node.create_publisher(Bool, 'e_stop', LATCHED) for _ in range(2)]
    for button, pressed in zip(buttons, (True, False), strict=True):
        button.publish(Bool(data=pressed))
    process = robot.process = PolicyProcess(FAULTY, tmp_path / 'log', ros_domain, bundle='good')
    try:
        robot.until(lambda: all(button.get_subscription_count() == 3 for button in buttons))
        robot.stream()
        robot.change(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        _never_moved(robot)
    finally:
        robot.close()
        process.close()


def test_whoever_publishes_has_been_discovered_before_the_node_arms_itself(tmp_path, ros_domain):
    started_s = time.monotonic()
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='good', autostart=True)
    robot = Robot(process, ros_domain)
    try:
        robot.stream_until(lambda: robot.statuses and robot.statuses[-1]['armed'])
        # A participant whose first word was lost announces itself again after 3 s.
        assert time.monotonic() - started_s > 5.0
    finally:
        robot.close()
        process.close()
