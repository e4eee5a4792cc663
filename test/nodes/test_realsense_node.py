"""RealSense node on real rclpy, on frames of the SDK's software device."""

from importlib.util import find_spec
import os
import subprocess
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.realsense_node import RealSenseNode
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import PointCloud2
from software_camera import CX
from software_camera import CY
from software_camera import DISTORTION
from software_camera import FORMAT
from software_camera import FX
from software_camera import FY
from software_camera import HEIGHT
from software_camera import random_image
from software_camera import SoftwareCamera
from software_camera import WIDTH

WAIT_S = 20.0
START_MS = 1_790_000_000_000.0
PERIOD_MS = 33


class Listener:
    """A camera node, and a second node that keeps what it publishes."""

    def __init__(self, camera, domain_id, *parameters):
        arguments = ['--ros-args']
        for parameter in (f'rgb_camera.color_profile:={FORMAT}',
                          f'depth_module.depth_profile:={FORMAT}', *parameters):
            arguments += ['-p', parameter]
        rclpy.init(args=arguments, domain_id=domain_id)
        try:
            self.node = RealSenseNode(lambda: [camera.device])
        except StartError:
            rclpy.try_shutdown()
            raise
        self.executor = SingleThreadedExecutor()
        self.listener = rclpy.create_node('listener')
        self.received = {}
        for kind, topic, qos in (
                (Image, '/camera/camera/color/image_raw', SENSOR),
                (CameraInfo, '/camera/camera/color/camera_info', SENSOR),
                (PointCloud2, '/camera/camera/depth/color/points', SENSOR),
                (DiagnosticArray, '/diagnostics', 10)):
            kept = self.received[kind] = []
            self.listener.create_subscription(kind, topic, kept.append, qos)
        for node in (self.node, self.listener):
            self.executor.add_node(node)

    def connect(self):
        """Wait until both nodes know each other."""
        self.wait(lambda: self.node.count_subscribers('/camera/camera/color/image_raw') == 1
                  and self.listener.count_publishers('/camera/camera/color/camera_info') == 1)
        return self

    def wait(self, condition):
        """Spin both nodes until a condition holds."""
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, 'the condition did not come true'
            self.executor.spin_once(timeout_sec=0.01)
            self.node.poll()

    def send(self, camera, number, pixels):
        """Send frames with rising numbers until one has arrived; best effort may lose some."""
        count = len(self.received[Image])
        while len(self.received[Image]) == count:
            camera.send_color(pixels, number, START_MS + number)
            number += 1
            end_s = time.monotonic() + 0.2
            self.wait(lambda end_s=end_s: len(self.received[Image]) > count
                      or time.monotonic() > end_s)
        return number

    def levels(self):
        """Return the levels on /diagnostics so far."""
        return [message.status[0].level for message in self.received[DiagnosticArray]]

    def close(self):
        """End both nodes as a process would."""
        self.node.stop()
        self.executor.shutdown()
        self.node.destroy_node()
        self.listener.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def listen(ros_domain):
    """Return a function that starts a Listener; ends them afterwards."""
    started = []

    def start(camera, *parameters):
        started.append(Listener(camera, ros_domain, *parameters))
        return started[-1].connect()
    yield start
    for listener in started:
        listener.close()


def test_images_arrive_exact_with_their_time_and_camera_info(listen):
    camera = SoftwareCamera()
    listener = listen(camera)
    number = listener.send(camera, 1, random_image(1)) - 1
    image = listener.received[Image][-1]
    assert image.header.frame_id == 'camera_color_optical_frame'
    stamp_ns = image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
    assert stamp_ns == 1_790_000_000_000_000_000 + number * 1_000_000
    assert (image.width, image.height, image.step) == (WIDTH, HEIGHT, 3 * WIDTH)
    assert (image.encoding, image.is_bigendian) == ('rgb8', 0)
    np.testing.assert_array_equal(
        np.frombuffer(image.data, np.uint8).reshape(HEIGHT, WIDTH, 3), random_image(1))

    listener.wait(lambda: listener.received[CameraInfo])
    info = listener.received[CameraInfo][-1]
    assert info.header == image.header
    assert (info.width, info.height, info.distortion_model) == (WIDTH, HEIGHT, 'plumb_bob')
    np.testing.assert_allclose(info.d, DISTORTION, rtol=1e-6)
    np.testing.assert_allclose(info.k, [FX, 0, CX, 0, FY, CY, 0, 0, 1])
    np.testing.assert_allclose(info.p, [FX, 0, CX, 0, 0, FY, CY, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(info.r, np.eye(3).ravel())


def test_a_camera_that_stops_is_stale_and_its_last_frame_is_not_sent_again(listen):
    camera = SoftwareCamera()
    listener = listen(camera, 'stale_after_s:=0.3')
    number = listener.send(camera, 1, random_image(1))
    listener.wait(lambda: DiagnosticStatus.OK in listener.levels())
    images = len(listener.received[Image])
    listener.wait(lambda: listener.levels()[-1] == DiagnosticStatus.STALE)
    status = listener.received[DiagnosticArray][-1].status[0]
    assert status.name == 'camera: Software D435'
    assert status.hardware_id == '0123'
    assert status.message.startswith('no frame for 0.')
    assert len(listener.received[Image]) == images
    listener.send(camera, number, random_image(2))
    listener.wait(lambda: listener.levels()[-1] == DiagnosticStatus.OK)


def test_a_point_cloud_is_published_or_the_missing_package_named(listen):
    camera = SoftwareCamera(depth=True)
    if find_spec('sensor_msgs_py') is None:
        with pytest.raises(StartError, match='needs the package sensor_msgs_py.*or set'):
            listen(camera, 'pointcloud.enable:=true')
        return
    listener = listen(camera, 'pointcloud.enable:=true')
    for number in range(1, 200):
        time_ms = START_MS + PERIOD_MS * number
        camera.send_depth(np.full((HEIGHT, WIDTH), 1500, np.uint16), number, time_ms)
        camera.send_color(random_image(number), number, time_ms)
        end_s = time.monotonic() + 0.1
        listener.wait(
            lambda end_s=end_s: listener.received[PointCloud2] or time.monotonic() > end_s)
        if listener.received[PointCloud2]:
            break
    cloud = listener.received[PointCloud2][0]
    assert [field.name for field in cloud.fields] == ['x', 'y', 'z', 'rgb']
    assert cloud.header.frame_id == 'camera_color_optical_frame'
    number = (cloud.header.stamp.sec * 1_000_000_000 + cloud.header.stamp.nanosec
              - 1_790_000_000_000_000_000) // (PERIOD_MS * 1_000_000)
    points = np.frombuffer(cloud.data, np.dtype(
        [('xyz', '<f4', 3), ('bgr', 'u1', 3), ('zero', 'u1')]))
    np.testing.assert_allclose(points['xyz'][:, 2], 1.5, rtol=1e-5)
    image = random_image(number).reshape(-1, 3)
    assert {tuple(color[::-1]) for color in points['bgr']} <= {tuple(color) for color in image}
    assert not points['zero'].any()


@pytest.mark.parametrize('parameter, message', [
    ('use_sim_time:=true', "'use_sim_time' is set"),
    ('serial_no:=_999', r'no RealSense camera has serial number 999; found: 0123'),
    ('rgb_camera.color_profile:=big', "stream format 'big' is not WIDTHxHEIGHTxRATE"),
    ('rgb_camera.color_profile:=8x8x8', 'no color stream 8x8x8; it offers: 64x48x30'),
    ('serial_no:=999', "'serial_no'"),
    ('stale_after_s:=0.0', 'stale_after_s'),
])
def test_a_start_that_cannot_work_is_refused_in_one_line(listen, parameter, message):
    with pytest.raises(StartError, match=message) as error:
        listen(SoftwareCamera(), parameter)
    assert '\n' not in str(error.value)


def test_the_process_without_its_camera_ends_with_one_line(ros_domain):
    done = subprocess.run(
        [sys.executable, '-m', 'lps_ros.nodes.realsense_node', '--ros-args', '-p',
         'serial_no:=_000000000000'], capture_output=True, text=True, timeout=60,
        env={**os.environ, 'ROS_DOMAIN_ID': str(ros_domain)})
    assert done.returncode == 1
    # Kilted's middleware warns that the profile's older variable is set too.
    lines = [line for line in done.stderr.splitlines() if not line.startswith('[WARN]')]
    assert len(lines) == 1
    assert lines[0].startswith('error: no RealSense camera ')
