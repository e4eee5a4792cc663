"""The simulated robot's incoming commands, checked."""

from collections.abc import Callable
from copy import copy
import math

from geometry_msgs.msg import TwistStamped
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.robot_topics import BASE_FRAME
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import Float64MultiArray

TWIST_TOPIC = 'servo_node/delta_twist_cmds'
GRIPPER_TOPIC = 'gripper_controller/commands'
_LOG_INTERVAL_S = 2.0


class RobotCommands:
    """
    Calls back with every command that fits; refuses, logs and counts the others.

    Both callbacks return why they refuse the command, or nothing.

    :param on_twist: takes linear x, y, z in m/s and angular z in rad/s (4,) and the stamp in ns
    :param on_opening: takes the gripper's opening in m
    """

    def __init__(
            self, node: Node, on_twist: Callable[[np.ndarray, int], str],
            on_opening: Callable[[float], str]) -> None:
        self.refused = 0
        self.last_refusal = ''
        self._node = node
        self._on_twist = on_twist
        self._on_opening = on_opening
        for kind, topic, callback in (
                (TwistStamped, TWIST_TOPIC, self._twist),
                (Float64MultiArray, GRIPPER_TOPIC, self._gripper)):
            # rclpy writes overrides into the profile that it is given.
            node.create_subscription(
                kind, topic, callback, copy(COMMAND),
                qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def _twist(self, message: TwistStamped) -> None:
        linear, angular = message.twist.linear, message.twist.angular
        twist = np.array([linear.x, linear.y, linear.z, angular.z])
        if message.header.frame_id != BASE_FRAME:
            self._refuse(f"{TWIST_TOPIC} has frame_id '{message.header.frame_id}', expected "
                        f"'{BASE_FRAME}'")
        elif not np.isfinite(twist).all():
            self._refuse(f'{TWIST_TOPIC} is {twist.tolist()}, expected finite numbers')
        elif reason := self._on_twist(twist, stamp_ns(message)):
            self._refuse(reason)

    def _gripper(self, message: Float64MultiArray) -> None:
        if len(message.data) != 1:
            self._refuse(f'{GRIPPER_TOPIC} has {len(message.data)} values, expected 1, the '
                        'opening in m')
        elif not math.isfinite(message.data[0]):
            self._refuse(f'{GRIPPER_TOPIC} is {message.data[0]}, expected a finite opening in m')
        elif reason := self._on_opening(message.data[0]):
            self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        self.last_refusal = reason
        self._node.get_logger().warning(
            f'command refused: {reason}', throttle_duration_sec=_LOG_INTERVAL_S)
