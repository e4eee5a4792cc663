"""Transitions that fail half way leave nothing behind."""

from lps_ros.nodes.managed_node import ManagedNode
import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Bool


class _Half(ManagedNode):
    """Gets half way, again and again."""

    def __init__(self):
        self.at_work = False
        super().__init__('half')

    def configure(self):
        self.create_publisher(Bool, 'half', 10)
        self.create_subscription(Bool, 'half', print, 10)
        raise ValueError('no more')

    def activate(self):
        self.at_work = True
        raise ValueError('no more')

    def deactivate(self):
        self.at_work = False

    def cleanup(self):
        pass

    def changed_state(self):
        pass


@pytest.fixture
def node(ros_domain):
    rclpy.init(domain_id=ros_domain)
    node = _Half()
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_publishers_of_a_failed_configuring_are_gone(node):
    before = len([*node.publishers]), len([*node.subscriptions])
    assert node.on_configure(None) == TransitionCallbackReturn.FAILURE
    assert (len([*node.publishers]), len([*node.subscriptions])) == before
    assert node.failure == 'ValueError: no more' and node.state == 'unconfigured'


def test_what_fails_to_be_activated_is_not_at_work(node):
    assert node.on_activate(None) == TransitionCallbackReturn.FAILURE
    assert not node.at_work
    assert node.failure == 'ValueError: no more'
