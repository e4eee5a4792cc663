"""Cameras, joints and a tool pose that need little processor time to publish."""

from collections.abc import Callable

from geometry_msgs.msg import PoseStamped
from lps_ros.contract import ControlClock
from lps_ros.nodes.bench_signals import FRAME_NUMBERS
from lps_ros.nodes.bench_signals import frame_shade
from lps_ros.nodes.bench_signals import JOINT_NUMBERS
from lps_ros.nodes.bench_signals import joint_positions
from lps_ros.nodes.bench_signals import PATCH_PIXELS
from lps_ros.nodes.camera_messages import image
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import SENSOR
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState

JOINTS = tuple(f'joint_{i}' for i in range(6))
_POOL = 4  # frames of noise


class BenchStreams:
    """
    Publishes by timers, best effort; `joint_stamps` and `frame_stamps`: number -> stamp in ns.

    now_ns: the time on the stamps, whose seconds pass `factor` times as fast as real ones.
    """

    def __init__(
            self, node: Node, clock: ControlClock, now_ns: Callable[[], int], *, cameras: int,
            size: tuple[int, int], camera_hz: float, joint_hz: float, tool_hz: float,
            factor: float) -> None:
        self.joint_stamps: dict[int, int] = {}
        self.frame_stamps: dict[int, int] = {}
        self._clock = clock
        self._now_ns = now_ns
        width, height = size
        rng = np.random.default_rng(0)
        self._frames = [
            image(rng.integers(0, 255, (height, width, 3), np.uint8), stamped_header(0, 'camera'))
            for _ in range(_POOL)]
        # Pixels that are changed where they lie.
        self._patches = [
            np.frombuffer(frame.data, np.uint8).reshape(height, width, 3)[
                :PATCH_PIXELS, :PATCH_PIXELS] for frame in self._frames]
        self._cameras = [
            node.create_publisher(Image, f'camera_{i}/image_raw', SENSOR) for i in range(cameras)]
        self._joints = node.create_publisher(JointState, 'joint_states', SENSOR)
        self._tool = node.create_publisher(PoseStamped, 'tool_pose', SENSOR)
        self._count = 0
        self._frame_counts = [0] * cameras
        for rate_hz, act in (
                (joint_hz, self._publish_joints), (tool_hz, self._publish_tool),
                *((camera_hz, lambda i=i: self._publish_frame(i)) for i in range(cameras))):
            node.create_timer(1 / (rate_hz * factor), act)

    def _publish_joints(self) -> None:
        stamp_ns = self._now_ns()
        number, self._count = self._count, self._count + 1
        message = JointState(
            header=stamped_header(stamp_ns, ''), name=JOINTS, velocity=[0.0] * len(JOINTS),
            position=joint_positions(number, self._clock.index_at_or_before(stamp_ns)))
        self._joints.publish(message)
        self.joint_stamps[number % JOINT_NUMBERS] = stamp_ns

    def _publish_tool(self) -> None:
        message = PoseStamped(header=stamped_header(self._now_ns(), 'base_link'))
        message.pose.position.x = 0.4
        self._tool.publish(message)

    def _publish_frame(self, camera: int) -> None:
        stamp_ns = self._now_ns()
        number = self._frame_counts[camera]
        self._frame_counts[camera] += 1
        frame = self._frames[number % _POOL]
        frame.header = stamped_header(stamp_ns, f'camera_{camera}')
        self._patches[number % _POOL][:] = frame_shade(number)
        self._cameras[camera].publish(frame)
        if camera == 0:
            self.frame_stamps[number % FRAME_NUMBERS] = stamp_ns
