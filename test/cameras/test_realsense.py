"""RealSense frame source, on real frames through the SDK's software device."""

import cv2
from lps_ros.cameras import CameraError
from lps_ros.cameras import StreamFormat
from lps_ros.cameras.realsense import RealSense
from lps_ros.cameras.realsense import ros_intrinsics
import numpy as np
import pytest
from software_camera import CX
from software_camera import CY
from software_camera import FORMAT
from software_camera import FX
from software_camera import FY
from software_camera import HEIGHT
from software_camera import intrinsics
from software_camera import random_image
from software_camera import SoftwareCamera
from software_camera import WIDTH

READ_S = 2.0
NOTHING_S = 0.02
START_MS = 1_790_000_000_000.25


@pytest.fixture
def open_camera():
    """Return a function that starts a source on a software camera; stops them at the end."""
    opened = []

    def start(camera, **options):
        depth = StreamFormat.parse(FORMAT) if options.pop('depth', False) else None
        source = RealSense(
            camera.device, color=StreamFormat.parse(FORMAT), depth=depth, **options)
        source.start()
        opened.append(source)
        return source
    yield start
    for source in opened:
        source.stop()


@pytest.mark.parametrize('domain', ['global_time', 'system_time'])
def test_color_is_exact_and_stamped_with_the_time_it_was_taken(open_camera, domain):
    camera = SoftwareCamera(domain=domain)
    source = open_camera(camera, now_ns=lambda: 0)
    for number in range(1, 4):
        pixels = random_image(number)
        camera.send_color(pixels, number, START_MS + 33.5 * number)
        frame = source.read(READ_S)
        np.testing.assert_array_equal(frame.color, pixels)
        assert frame.color.dtype == np.uint8
        assert frame.number == number
        assert frame.stamp_ns == 1_790_000_000_000_250_000 + 33_500_000 * number
        assert frame.points is None


def test_a_frame_outlives_the_next_ones(open_camera):
    camera = SoftwareCamera()
    source = open_camera(camera)
    camera.send_color(random_image(1), 1, START_MS)
    first = source.read(READ_S)
    for number in range(2, 40):
        camera.send_color(random_image(number), number, START_MS + number)
        source.read(READ_S)
    np.testing.assert_array_equal(first.color, random_image(1))


def test_no_frame_is_served_twice(open_camera):
    camera = SoftwareCamera()
    source = open_camera(camera)
    camera.send_color(random_image(1), 1, START_MS)
    assert source.read(READ_S).number == 1
    assert source.read(NOTHING_S) is None
    camera.send_color(random_image(1), 1, START_MS)
    assert source.read(READ_S) is None
    camera.send_color(random_image(2), 2, START_MS + 33)
    assert source.read(READ_S).number == 2


def test_a_slow_reader_gets_the_newest_frames_only(open_camera):
    camera = SoftwareCamera()
    source = open_camera(camera)
    for number in range(1, 11):
        camera.send_color(random_image(number), number, START_MS + 33 * number)
    read = []
    while (frame := source.read(0.2)) is not None:
        read.append(frame.number)
    assert read == [9, 10]


def test_a_cameras_own_clock_is_mapped_to_the_callers(open_camera):
    camera = SoftwareCamera(domain='hardware_clock')
    now_ns = 0
    source = open_camera(camera, now_ns=lambda: now_ns)
    stamps = []
    for number in range(1, 31):
        taken_ns = 5_000_000_000 + 33_000_000 * number
        # Frames arrive 4 ms after they were taken, most of them a little later.
        now_ns = 1_000_000_000_000 + taken_ns + 4_000_000 + (number % 5) * 1_000_000
        camera.send_color(random_image(number), number, taken_ns * 1e-6)
        frame = source.read(READ_S)
        if frame is not None:
            stamps.append(frame.stamp_ns - 1_000_000_000_000 - taken_ns)
    assert len(stamps) == 15
    assert all(3_990_000 <= error_ns <= 4_050_000 for error_ns in stamps)


def test_points_are_in_the_colour_frame_with_the_colour_seen_there(open_camera):
    camera = SoftwareCamera(depth=True)
    source = open_camera(camera, depth=True)
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[10:20, 30:50] = 1500
    pixels = random_image(5)
    frame = None
    # The SDK pairs the streams from the second pair of frames on.
    for number in range(1, 6):
        camera.send_depth(depth, number, START_MS + 33 * number)
        camera.send_color(pixels, number, START_MS + 33 * number)
        while (read := source.read(0.1)) is not None:
            frame = read if read.points is not None else frame
    assert frame.points.xyz.shape == frame.points.rgb.shape
    assert 0.8 * 200 < len(frame.points.xyz) <= 1.2 * 200
    np.testing.assert_allclose(frame.points.xyz[:, 2], 1.5, rtol=1e-5)
    # Undistorted pixels of the block's corners bound the points.
    corners = cv2.undistortPoints(
        np.array([[[29.0, 9.0]], [[50.0, 20.0]]]), np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]]),
        np.array(source.intrinsics.distortion))[:, 0] * 1.5
    assert (frame.points.xyz[:, :2] >= corners[0] - 0.03).all()
    assert (frame.points.xyz[:, :2] <= corners[1] + 0.03).all()
    seen = {tuple(color) for color in pixels[9:21, 29:51].reshape(-1, 3)}
    assert {tuple(color) for color in frame.points.rgb} <= seen


@pytest.mark.parametrize('model, project', [
    ('none', None), ('brown_conrady', cv2.projectPoints),
    ('modified_brown_conrady', cv2.projectPoints), ('inverse_brown_conrady', cv2.projectPoints),
    ('kannala_brandt4', cv2.fisheye.projectPoints)])
def test_distortion_means_to_ros_what_it_means_to_the_sdk(model, project):
    sdk = intrinsics(model)
    ros = ros_intrinsics(sdk)
    assert ros.distortion_model == (
        'equidistant' if model == 'kannala_brandt4' else 'plumb_bob')
    points = np.random.default_rng(0).uniform([-0.5, -0.4, 1], [0.5, 0.4, 1.2], (100, 3))
    matrix = np.array([[ros.fx, 0, ros.cx], [0, ros.fy, ros.cy], [0, 0, 1]])
    seen_by_ros, _ = (project or cv2.projectPoints)(
        points[:, None], np.zeros(3), np.zeros(3), matrix, np.array(ros.distortion))
    rs = SoftwareCamera().rs
    seen_by_sdk = [rs.rs2_project_point_to_pixel(sdk, point.tolist()) for point in points]
    np.testing.assert_allclose(seen_by_ros[:, 0], seen_by_sdk, atol=0.01)


def test_a_distortion_without_an_equal_in_ros_is_refused():
    with pytest.raises(CameraError, match="'ftheta' has no equal"):
        ros_intrinsics(intrinsics('ftheta'))


def test_a_stream_that_the_camera_lacks_is_refused_with_what_it_offers():
    camera = SoftwareCamera()
    with pytest.raises(CameraError, match='no color stream 640x480x30; it offers: 64x48x30'):
        RealSense(camera.device, color=StreamFormat.parse('640x480x30'))
    with pytest.raises(CameraError, match='no depth stream 64x48x30; it offers: no such stream'):
        RealSense(camera.device, color=StreamFormat.parse(FORMAT),
                  depth=StreamFormat.parse(FORMAT))


def test_a_camera_in_use_is_refused_and_free_after_a_stop(open_camera):
    camera = SoftwareCamera()
    first = open_camera(camera)
    second = RealSense(camera.device, color=StreamFormat.parse(FORMAT))
    with pytest.raises(CameraError, match='Software D435 cannot be opened'):
        second.start()
    first.stop()
    second.start()
    second.stop()


@pytest.mark.parametrize('text', ['', '640x480', '640x480xx30', '0x48x30', '64x48x-30'])
def test_a_stream_format_that_cannot_be_read_is_refused(text):
    with pytest.raises(CameraError, match='write for example 640x480x30'):
        StreamFormat.parse(text)


def test_a_stream_format_reads_what_it_writes():
    assert str(StreamFormat.parse('640x480x30')) == '640x480x30'
    assert StreamFormat.parse('640,480,30') == StreamFormat(width=640, height=480, rate_hz=30)
