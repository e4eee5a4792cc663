"""RealSense node: colour images under realsense-ros's topic names."""

from collections.abc import Callable
import sys
from threading import Event
from threading import Thread
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lps_ros.cameras import CameraError
from lps_ros.cameras import Frame
from lps_ros.cameras import StreamFormat
from lps_ros.cameras import StreamMonitor
from lps_ros.cameras.realsense import RealSense
from lps_ros.cameras.realsense_sdk import connected_devices
from lps_ros.cameras.realsense_sdk import select_device
from lps_ros.nodes import camera_messages
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import SENSOR
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import PointCloud2

_READ_TIMEOUT_S = 0.1
_REPORT_PERIOD_S = 1.0
_RETRY_S = 1.0


class RealSenseNode(Node):
    """
    Publishes `~/color/image_raw`, `~/color/camera_info` and, on request, `~/depth/color/points`.

    Stamps are the times at which the frames were taken. A camera that stops delivering is
    STALE on `/diagnostics`; its last frame is not published again.

    :param devices: returns the cameras to choose from
    :raises StartError: where there is no usable camera
    """

    finished = False

    def __init__(self, devices: Callable[[], list[Any]] = connected_devices) -> None:
        super().__init__('camera', namespace='camera')
        self._ending = Event()
        self._reader = Thread(target=self._read, name='camera reader')
        self._camera: RealSense | None = None
        try:
            self._open(devices)
        except (CameraError, StartError, ParameterException) as error:
            self.stop()
            self.destroy_node()
            raise StartError(str(error)) from error
        self._image = self._publisher(Image, '~/color/image_raw')
        self._info = self._publisher(CameraInfo, '~/color/camera_info')
        self._cloud = (
            self._publisher(PointCloud2, '~/depth/color/points') if self._with_points else None)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._reported: tuple[str, float] = ('', 0.0)
        self._reader.start()

    def poll(self) -> None:
        """Publish the camera's state when it changes, and once a second."""
        now_s = time.monotonic()
        report = self._monitor.report(now_s)
        level, reported_s = self._reported
        if report.level == level and now_s - reported_s < _REPORT_PERIOD_S:
            return
        self._reported = (report.level, now_s)
        if report.level != level:
            self._log(report.level, report.message)
        self._diagnostics.publish(camera_messages.diagnostics(
            f'{self.get_name()}: {self._camera.name}', self._camera.serial_no, report,
            self.get_clock().now().nanoseconds))

    def wait_s(self) -> float:
        """Wait for the next callback; frames are published by a thread of their own."""
        return _REPORT_PERIOD_S

    def stop(self) -> None:
        """End the reader, then release the camera."""
        self._ending.set()
        if self._reader.is_alive():
            self._reader.join()
        if self._camera is not None:
            self._camera.stop()

    def _open(self, devices: Callable[[], list[Any]]) -> None:
        serial_no = declare(
            self, 'serial_no', '',
            'Serial number; empty: the only camera. A leading underscore, which keeps the '
            'number a text, is left out.', read_only=True)
        name = declare(
            self, 'camera_name', 'camera', 'Prefix of the frame_id.', read_only=True)
        color = declare(self, 'rgb_camera.color_profile', '640x480x30',
                        'Colour stream, WIDTHxHEIGHTxRATE.', read_only=True)
        depth = declare(self, 'depth_module.depth_profile', '640x480x30',
                        'Depth stream, WIDTHxHEIGHTxRATE, for the point cloud.', read_only=True)
        self._with_points = declare(
            self, 'pointcloud.enable', False, 'Publish a coloured point cloud.', read_only=True)
        stale_after_s = declare(
            self, 'stale_after_s', 0.5, 'Age of the last frame at which the camera is STALE.',
            between=(0.05, 60.0), read_only=True)
        self._check_clock_and_packages()
        self._frame_id = f'{name}_color_optical_frame'
        color_format = StreamFormat.parse(color)
        device = select_device(devices(), serial_no.removeprefix('_'))
        self._camera = RealSense(
            device, color=color_format,
            depth=StreamFormat.parse(depth) if self._with_points else None,
            now_ns=lambda: self.get_clock().now().nanoseconds)
        self._camera.start()
        self._monitor = StreamMonitor(
            rate_hz=color_format.rate_hz, stale_after_s=stale_after_s, start_s=time.monotonic())

    def _check_clock_and_packages(self) -> None:
        if self.get_parameter('use_sim_time').value:
            raise StartError("'use_sim_time' is set, but a camera's frames carry the computer's "
                             'time; start the camera without it')
        if self._with_points:
            camera_messages.need_point_cloud_package()

    def _publisher(self, kind: type, topic: str) -> Publisher:
        return self.create_publisher(
            kind, topic, SENSOR,
            qos_overriding_options=QoSOverridingOptions.with_default_policies())

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                frame = self._camera.read(_READ_TIMEOUT_S)
            except CameraError as error:
                self._monitor.fail(str(error))
                self._ending.wait(_RETRY_S)
                continue
            if frame is not None:
                self._monitor.add(frame.number, time.monotonic())
                self._publish(frame)

    def _publish(self, frame: Frame) -> None:
        header = camera_messages.stamped_header(frame.stamp_ns, self._frame_id)
        self._image.publish(camera_messages.image(frame.color, header))
        self._info.publish(camera_messages.camera_info(self._camera.intrinsics, header))
        if self._cloud is not None and frame.points is not None:
            self._cloud.publish(camera_messages.point_cloud(frame.points, header))

    def _log(self, level: str, message: str) -> None:
        # rclpy allows one severity per call site.
        if level == 'ok':
            self.get_logger().info(message)
        elif level == 'error':
            self.get_logger().error(message)
        else:
            self.get_logger().warning(message)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is asked to end; return the exit status."""
    return run_node(RealSenseNode, args)


if __name__ == '__main__':
    sys.exit(main())
