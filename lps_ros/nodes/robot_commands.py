"""The simulated robot's incoming commands, checked."""

from collections.abc import Callable
from copy import copy
import math

from geometry_msgs.msg import TwistStamped
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.robot_topics import BASE_FRAME
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.sim.commands import GRIPPER_TOPIC
from lps_ros.sim.commands import joint_trajectory
from lps_ros.sim.commands import TRAJECTORY_TOPIC
from lps_ros.sim.commands import TWIST_TOPIC
from lps_ros.sim.trajectory import JointTrajectory as Trajectory
import numpy as np
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

_LOG_INTERVAL_S = 2.0


class RobotCommands:
    """
    Calls back with every command that fits; refuses, logs and counts the others.

    Both callbacks return why they refuse the command, or nothing.

    :param on_motion: takes linear x, y, z in m/s and angular z in rad/s (4,), or a trajectory of
        the joints, and the stamp in ns
    :param on_opening: takes the gripper's opening in m
    :param clock_ns: reads the time that a trajectory's times count from
    """

    def __init__(
            self, node: Node, on_motion: Callable[[np.ndarray | Trajectory, int], str],
            on_opening: Callable[[float], str], clock_ns: Callable[[], int]) -> None:
        self.refused = 0
        self.last_refusal = ''
        self._node = node
        self._on_motion = on_motion
        self._on_opening = on_opening
        self._clock_ns = clock_ns
        for kind, topic, callback in (
                (TwistStamped, TWIST_TOPIC, self._twist),
                (JointTrajectory, TRAJECTORY_TOPIC, self._trajectory),
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
        elif reason := self._on_motion(twist, stamp_ns(message)):
            self._refuse(reason)

    def _trajectory(self, message: JointTrajectory) -> None:
        try:
            trajectory = joint_trajectory(message, self._clock_ns())
        except ValueError as error:
            self._refuse(f'{TRAJECTORY_TOPIC} {error}')
            return
        if reason := self._on_motion(trajectory, stamp_ns(message)):
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
