"""The simulated robot's outgoing topics."""

from array import array
from copy import copy
import json

from geometry_msgs.msg import PoseStamped
from lps_ros.cameras import Intrinsics
from lps_ros.nodes import camera_messages
from lps_ros.nodes.acknowledgement import acknowledged
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import LOCK_STEP_CLOCK
from lps_ros.nodes.qos import LOCK_STEP_SOURCE
from lps_ros.nodes.qos import SENSOR_SOURCE
from lps_ros.sim.pose import Pose
from lps_ros.sim.progress import TaskProgress
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.robot import RobotState
from lps_ros.sim.robot import SimulatedRobot
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_msgs.msg import String

BASE_FRAME = 'base_link'
GRIPPER_NAME = 'gripper_opening'
CAMERA = 'front'
_CAMERA_FRAME = 'front_camera_optical_frame'


class RobotTopics:
    """
    Publishes `/clock`, the robot's state, the task's progress and camera pictures.

    :param lock_step: whether `received` is asked before every tick
    """

    def __init__(self, node: Node, *, lock_step: bool = False) -> None:
        self._node = node
        self._source = LOCK_STEP_SOURCE if lock_step else SENSOR_SOURCE
        self._publishers: list[Publisher] = []
        # Reliable: a lost reading would hold up whoever waits for the next tick.
        self._clock = node.create_publisher(Clock, '/clock', LOCK_STEP_CLOCK if lock_step else 100)
        self._publishers.append(self._clock)
        self._joints = self._publisher(JointState, 'joint_states')
        self._tool = self._publisher(PoseStamped, 'tool_pose')
        self._cube = self._publisher(PoseStamped, 'cube_pose')
        self._goal = self._publisher(PoseStamped, 'goal_pose', LATCHED)
        self._success = self._publisher(Bool, 'task/success', LATCHED)
        self._placed = self._publisher(Bool, 'task/placed', LATCHED)
        self._status = self._publisher(String, 'task/status', LATCHED)
        self._told: tuple[int, bool, bool] | None = None
        self._image: Publisher | None = None
        self._info: Publisher | None = None

    def clock(self, time_ns: int) -> None:
        """Publish a reading of the simulated clock."""
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(time_ns, 1_000_000_000)
        self._clock.publish(message)

    def received(self, wait_s: float) -> bool:
        """Tell whether every reliable subscriber has all of it, after waiting at most so long."""
        return acknowledged(self._publishers, wait_s)

    def state(self, state: RobotState, stamp_ns: int) -> None:
        """Publish what the sensors read."""
        joints = JointState(header=stamped_header(stamp_ns, BASE_FRAME))
        joints.name = [*JOINT_NAMES, GRIPPER_NAME]
        joints.position = array('d', [*state.joint_positions, state.gripper_opening_m])
        joints.velocity = array('d', [*state.joint_velocities, state.gripper_velocity_m_s])
        joints.effort = array('d', [*state.joint_efforts, state.gripper_force_n])
        self._joints.publish(joints)
        self._tool.publish(_pose(state.tool, stamp_ns))
        self._cube.publish(_pose(state.cube, stamp_ns))

    def goal(self, goal: Pose, stamp_ns: int) -> None:
        """Publish where the cube has to go."""
        self._goal.publish(_pose(goal, stamp_ns))

    def progress(self, progress: TaskProgress, episode: int, stamp_ns: int) -> None:
        """Publish the task's progress: status always, the two flags on change and reset."""
        told = (episode, progress.success, progress.placed)
        if told != self._told:
            self._told = told
            self._success.publish(Bool(data=progress.success))
            self._placed.publish(Bool(data=progress.placed))
        self._status.publish(String(data=json.dumps({
            'episode': episode, 'task': progress.task, 'seed': progress.seed,
            'step': progress.step, 'success': progress.success, 'placed': progress.placed,
            'success_step': progress.success_step, 'placed_step': progress.placed_step,
            'done': progress.done, 'sim_time_s': stamp_ns * 1e-9})))

    def picture(self, robot: SimulatedRobot, width: int, height: int, stamp_ns: int) -> None:
        """Render and publish the camera's picture and its CameraInfo."""
        if self._image is None:
            self._image = self._publisher(Image, f'camera/{CAMERA}/image_raw')
            self._info = self._publisher(CameraInfo, f'camera/{CAMERA}/camera_info')
        header = stamped_header(stamp_ns, _CAMERA_FRAME)
        matrix = robot.camera_intrinsics(CAMERA, width, height)
        intrinsics = Intrinsics(
            width=width, height=height, fx=matrix[0, 0], fy=matrix[1, 1], cx=matrix[0, 2],
            cy=matrix[1, 2], distortion_model='plumb_bob', distortion=(0.0,) * 5)
        self._image.publish(camera_messages.image(robot.render(CAMERA, width, height), header))
        self._info.publish(camera_messages.camera_info(intrinsics, header))

    def _publisher(
            self, kind: type, topic: str, profile: QoSProfile | None = None) -> Publisher:
        # rclpy writes overrides into the profile that it is given.
        publisher = self._node.create_publisher(
            kind, topic, copy(profile or self._source),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        self._publishers.append(publisher)
        return publisher


def _pose(pose: Pose, stamp_ns: int) -> PoseStamped:
    message = PoseStamped(header=stamped_header(stamp_ns, BASE_FRAME))
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = map(float, pose.position)
    orientation.x, orientation.y, orientation.z, orientation.w = map(float, pose.quaternion)
    return message
