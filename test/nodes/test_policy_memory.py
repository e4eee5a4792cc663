"""A node that is configured again and again does not keep what it has cleaned up."""

import gc
import weakref

import faulty_policy
from lps_ros.nodes.policy_node import PolicyNode
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn


def test_what_was_cleaned_up_is_forgotten(ros_domain):
    rclpy.init(domain_id=ros_domain, args=['--ros-args', '-p', 'bundle:=good'])
    node = PolicyNode(load=faulty_policy._load)
    try:
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        before = weakref.ref(node._control)
        node.trigger_cleanup()
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert before() is None
        node.trigger_cleanup()
    finally:
        node.stop()
        node.destroy_node()
        rclpy.shutdown()
        gc.unfreeze()
