"""What the robot's topics tell the operator."""

import json
from typing import Any

from geometry_msgs.msg import PoseStamped
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.sim.operator import OperatorView
from lps_ros.sim.pose import Pose
from lps_ros.sim.robot import JOINT_NAMES
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String

_POSES = {'tool': 'tool_pose', 'cube': 'cube_pose', 'goal': 'goal_pose'}
_GRIPPER_NAME = 'gripper_opening'
_NAMES = {*JOINT_NAMES, _GRIPPER_NAME}


class RobotView:
    """Keeps the newest message of each topic of the simulated robot; `status` is task/status."""

    def __init__(self, node: Node) -> None:
        self.status: dict[str, Any] = {}
        self._poses: dict[str, Pose] = {}
        self._gripper = (0.0, 0.0)
        self._joints = np.zeros(len(JOINT_NAMES))
        self._stamps: dict[str, int] = {}
        for key, topic in _POSES.items():
            node.create_subscription(
                PoseStamped, topic, lambda message, key=key: self._on_pose(key, message), SENSOR)
        node.create_subscription(JointState, 'joint_states', self._on_joints, SENSOR)
        node.create_subscription(String, 'task/status', self._on_status, SENSOR)

    @property
    def complete(self) -> bool:
        """Return whether every topic has been heard."""
        return len(self._stamps) == len(_POSES) + 2

    def shows(self, time_ns: int, period_ns: int) -> bool:
        """Return whether all that is known is of the period that begins at this time."""
        return self.complete and all(
            0 <= stamp - time_ns < period_ns for stamp in self._stamps.values())

    def operator_view(self) -> OperatorView:
        """Return what the operator sees; only where the view is complete."""
        opening_m, force_n = self._gripper
        return OperatorView(
            **self._poses, gripper_opening_m=opening_m, gripper_force_n=force_n,
            joint_positions=self._joints)

    def _on_pose(self, key: str, message: PoseStamped) -> None:
        p, q = message.pose.position, message.pose.orientation
        self._poses[key] = Pose(
            position=np.array([p.x, p.y, p.z]), quaternion=np.array([q.x, q.y, q.z, q.w]))
        self._stamps[key] = stamp_ns(message)

    def _on_joints(self, message: JointState) -> None:
        if _NAMES <= set(message.name):
            index = message.name.index(_GRIPPER_NAME)
            self._gripper = (message.position[index], message.effort[index])
            self._joints = np.array([
                message.position[message.name.index(name)] for name in JOINT_NAMES])
            self._stamps['joints'] = stamp_ns(message)

    def _on_status(self, message: String) -> None:
        self.status = json.loads(message.data)
        self._stamps['status'] = round(self.status['sim_time_s'] * 1e9)
