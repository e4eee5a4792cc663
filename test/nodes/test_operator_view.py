"""What the operator knows of a tick, whatever the order in which its messages come."""

from types import SimpleNamespace

from geometry_msgs.msg import PoseStamped
from lps_ros.nodes.operator_view import RobotView
from lps_ros.sim.robot import JOINT_NAMES
import pytest
from sensor_msgs.msg import JointState

PERIOD_NS = 50_000_000
TOPICS = ('tool_pose', 'cube_pose', 'goal_pose', 'joint_states', 'task/status')


class Robot:
    """A view, and what it hears."""

    def __init__(self) -> None:
        self._hear = {}
        self.view = RobotView(self)

    def create_subscription(self, kind: type, topic: str, callback: object, *_: object) -> None:
        """Keep the callback."""
        self._hear[topic] = callback

    def show(self, topic: str, tick: int) -> None:
        """Send a topic's message of a tick."""
        if topic == 'task/status':
            message = SimpleNamespace(data=f'{{"sim_time_s": {tick * PERIOD_NS * 1e-9}}}')
        elif topic == 'joint_states':
            message = JointState(name=[*JOINT_NAMES, 'gripper_opening'], position=[0.0] * 7,
                                 effort=[0.0] * 7)
        else:
            message = PoseStamped()
        if topic != 'task/status':
            stamp = message.header.stamp
            stamp.sec, stamp.nanosec = divmod(tick * PERIOD_NS, 1_000_000_000)
        self._hear[topic](message)

    def shows(self, tick: int) -> bool:
        """Ask for a tick."""
        return self.view.shows(tick * PERIOD_NS, PERIOD_NS)


@pytest.mark.parametrize('early', TOPICS)
def test_a_mixture_of_two_ticks_shows_neither(early: str) -> None:
    robot = Robot()
    for topic in TOPICS:
        assert not robot.shows(20)
        robot.show(topic, 20)
    assert robot.shows(20) and not robot.shows(19) and not robot.shows(21)
    # A reset shows the next tick without a command, and its messages come in any order.
    robot.show(early, 21)
    assert not robot.shows(20) and not robot.shows(21)
    for topic in TOPICS:
        robot.show(topic, 21)
    assert robot.shows(21) and not robot.shows(20)
