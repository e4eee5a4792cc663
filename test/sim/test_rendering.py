from lps_ros.sim.backend import choose_backend
from lps_ros.sim.rendering import CameraRenderer
from lps_ros.sim.rendering import RenderingUnavailable
import numpy as np
import pytest

# OGBench's camera `front`: its place, and its axes x (right) and y (up) in the base's frame.
PLACE = np.array([1.287, 0.0, 0.509])
RIGHT = np.array([0.0, 1.0, 0.0])
UP = np.array([-0.342, 0.0, 0.940])


def project(point, intrinsics):
    """Return the pixel (column, row) of a point, for a camera that looks along right x down."""
    rotation = np.array([RIGHT, -UP, np.cross(RIGHT, -UP)])
    pixel = intrinsics @ rotation @ (point - PLACE)
    return np.round(pixel[:2] / pixel[2]).astype(int)


def is_red(pixel):
    red, green, blue = pixel.astype(int)
    return red > 150 and red > 2 * green and red > 2 * blue


def test_the_picture_shows_the_cube_where_the_intrinsics_say(robot):
    robot.reset(1, 0)
    width, height = 96, 64
    picture = robot.render('front', width, height)
    assert picture.shape == (height, width, 3) and picture.dtype == np.uint8
    intrinsics = robot.camera_intrinsics('front', width, height)
    column, row = project(robot.state().cube.position, intrinsics)
    assert is_red(picture[row, column])
    column, row = project(robot.state().goal.position, intrinsics)
    assert not is_red(picture[row, column])


def test_the_picture_changes_with_the_robot_only(robot):
    robot.reset(1, 0)
    first = robot.render('front', 64, 64)
    assert np.array_equal(robot.render('front', 64, 64), first)
    robot.reset(1, 1)
    assert not np.array_equal(robot.render('front', 64, 64), first)


def test_says_what_to_install_where_nothing_renders(robot, monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'disabled')
    renderer = CameraRenderer(robot._model)
    with pytest.raises(RenderingUnavailable, match='libegl1 libegl-mesa0 libgl1-mesa-dri'):
        renderer.render(robot._data, 'front', 64, 64)


@pytest.mark.parametrize(('installed', 'chosen'), [
    ({'EGL', 'OSMesa'}, 'egl'), ({'OSMesa'}, 'osmesa'), (set(), 'disabled')])
def test_takes_the_first_backend_that_is_installed(monkeypatch, installed, chosen):
    monkeypatch.delenv('MUJOCO_GL')
    monkeypatch.setattr('sys.platform', 'linux')
    monkeypatch.setattr('ctypes.util.find_library', lambda name: name in installed or None)
    assert choose_backend() == chosen


def test_keeps_the_backend_that_the_user_has_chosen(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'osmesa')
    assert choose_backend() == 'osmesa'
