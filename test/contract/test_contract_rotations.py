from lps_ros.contract import RelativePose
from lps_ros.contract.derived import periodic
from lps_ros.contract.derived import relative_pose
from lps_ros.contract.poses import decode_pose
from lps_ros.contract.poses import encode_pose
from lps_ros.contract.poses import pose_names
from lps_ros.contract.rotations import angle_between
from lps_ros.contract.rotations import matrix_from_sixd
from lps_ros.contract.rotations import quaternion
from lps_ros.contract.rotations import rotation_matrix
from lps_ros.contract.rotations import sixd
from lps_ros.contract.rotations import slerp
from lps_ros.contract.rotations import yaw
import numpy as np
from ogbench.manipspace import lie
import pytest

RNG = np.random.default_rng(3)
QUATERNIONS = RNG.normal(size=(200, 4))  # of any length, as messages may carry them
TURN_90 = [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]
LEVEL = [0.0, 0.0, 0.0, 1.0]
# OGBench's gripper pointing down, turned about the vertical: z(angle) @ (w x y z = 0 0 1 0).
DOWN = [1.0, 0.0, 0.0, 0.0]


def about_z(angle, start=LEVEL):
    x, y, z, w = start
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z])


def pose(position, orientation):
    return np.array([[*position, *orientation]])


def relative(of, reference, **spec):
    chosen = {'axes': 'base', 'rotation': 'none', **spec}
    return relative_pose(
        RelativePose(key='d', of='of', reference='in', **chosen), of, reference)


def test_a_matrix_is_the_rotation_of_its_quaternion():
    np.testing.assert_allclose(
        rotation_matrix(np.array([TURN_90]))[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    for q, matrix in zip(QUATERNIONS, rotation_matrix(QUATERNIONS)):
        wxyz = q[[3, 0, 1, 2]] / np.linalg.norm(q)
        np.testing.assert_allclose(matrix, lie.SO3(wxyz).as_matrix(), atol=1e-12)


def test_sixd_is_the_first_two_columns_and_keeps_the_rotation():
    matrix = rotation_matrix(QUATERNIONS)
    columns = sixd(matrix)
    np.testing.assert_array_equal(columns[:, :3], matrix[:, :, 0])
    np.testing.assert_array_equal(columns[:, 3:], matrix[:, :, 1])
    np.testing.assert_allclose(matrix_from_sixd(columns), matrix, atol=1e-12)


def test_sixd_of_a_network_is_made_orthonormal():
    matrix = matrix_from_sixd(RNG.normal(size=(50, 6)))
    np.testing.assert_allclose(
        matrix @ matrix.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0)


def test_quaternion_is_the_inverse_of_the_matrix():
    special = np.array([DOWN, [0, 1, 0, 0], [0, 0, 1, 0], LEVEL, [0, 0, 1, 1e-9]])
    given = np.concatenate((QUATERNIONS, special))
    given /= np.linalg.norm(given, axis=1, keepdims=True)
    found = quaternion(rotation_matrix(given))
    np.testing.assert_allclose(np.abs((found * given).sum(axis=1)), 1.0, atol=1e-12)
    assert (found[:, 3] >= 0.0).all()


def test_yaw_of_a_gripper_pointing_down_is_that_of_ogbench():
    for angle in np.linspace(-3.1, 3.1, 17):
        q = about_z(angle, [0.0, 1.0, 0.0, 0.0])
        matrix = rotation_matrix(q[None])[0]
        np.testing.assert_allclose(matrix[2, 2], -1.0, atol=1e-12)
        expected = np.arctan2(matrix[1, 0], matrix[0, 0])
        np.testing.assert_allclose(yaw(q[None])[0], expected, atol=1e-12)
        ogbench = lie.SO3.from_z_radians(angle) @ lie.SO3(np.array([0.0, 0.0, 1.0, 0.0]))
        np.testing.assert_allclose(
            np.exp(1j * yaw(q[None])[0]), np.exp(1j * ogbench.compute_yaw_radians()), atol=1e-12)


@pytest.mark.parametrize('rotation', ['sixd', 'yaw'])
def test_a_quaternion_its_negative_and_its_multiples_encode_the_same(rotation):
    rows = np.concatenate((RNG.normal(size=(200, 3)), QUATERNIONS), axis=1)
    encoded = encode_pose(rows, rotation)
    assert encoded.shape == (200, len(pose_names(rotation)))
    np.testing.assert_array_equal(encoded[:, :3], rows[:, :3])
    for factor in (-1.0, 2.5):
        other = rows.copy()
        other[:, 3:] *= factor
        np.testing.assert_allclose(encode_pose(other, rotation), encoded, atol=1e-12)


def test_yaw_encoding_by_hand():
    encoded = encode_pose(pose([1, 2, 3], about_z(np.pi / 6)), 'yaw')[0]
    np.testing.assert_allclose(encoded, [1, 2, 3, np.sqrt(3) / 2, 0.5], atol=1e-12)


def test_decoding_a_pose_gives_the_pose():
    rows = np.concatenate((RNG.normal(size=(200, 3)), QUATERNIONS), axis=1)
    decoded = decode_pose(encode_pose(rows, 'sixd'))
    np.testing.assert_array_equal(decoded[:, :3], rows[:, :3])
    np.testing.assert_allclose(
        rotation_matrix(decoded[:, 3:]), rotation_matrix(QUATERNIONS), atol=1e-12)


def test_relative_position_by_hand():
    # The tool at x=1 is turned by 90 degrees: the cube at x=1, y=2 lies 2 m along its x axis.
    tool, cube = pose([1, 0, 0], TURN_90), pose([1, 2, 0.5], LEVEL)
    np.testing.assert_allclose(relative(cube, tool)[0], [0, 2, 0.5], atol=1e-12)
    np.testing.assert_allclose(relative(cube, tool, axes='own')[0], [2, 0, 0.5], atol=1e-12)


def test_saturation_adds_the_hyperbolic_tangent():
    tool, cube = pose([0, 0, 0], LEVEL), pose([0.03, -0.3, 0], LEVEL)
    np.testing.assert_allclose(
        relative(cube, tool, saturation_m=0.03)[0],
        [0.03, -0.3, 0.0, np.tanh(1.0), np.tanh(-10.0), 0.0], atol=1e-12)


@pytest.mark.parametrize(('axes', 'start', 'sign'), [
    ('base', LEVEL, 1.0), ('own', LEVEL, 1.0), ('base', DOWN, 1.0), ('own', DOWN, -1.0)])
def test_relative_yaw_by_hand(axes, start, sign):
    # Seen along its own z axis, which points down, a gripper turns the other way.
    tool, cube = pose([0, 0, 0], about_z(0.3, start)), pose([0, 0, 0], about_z(1.1))
    found = relative(cube, tool, axes=axes, rotation='yaw')[0]
    np.testing.assert_allclose(found[3:], [np.cos(0.8), sign * np.sin(0.8)], atol=1e-12)


def test_symmetry_makes_quarter_turns_look_the_same():
    tool = pose([0, 0, 0], about_z(0.3, DOWN))
    seen = [relative(pose([0, 0, 0], about_z(1.1 + turn * np.pi / 2)), tool,
                     rotation='yaw', symmetry=4)[0] for turn in range(5)]
    np.testing.assert_allclose(seen[0][3:], [np.cos(3.2), np.sin(3.2)], atol=1e-12)
    np.testing.assert_allclose(seen, np.broadcast_to(seen[0], (5, 5)), atol=1e-9)


def test_relative_rotation_in_six_dimensions():
    tool, cube = pose([0, 0, 0], QUATERNIONS[0]), pose([0, 0, 0], QUATERNIONS[1])
    r_tool, r_cube = rotation_matrix(QUATERNIONS[:2])
    for axes, expected in (('own', r_tool.T @ r_cube), ('base', r_cube @ r_tool.T)):
        found = relative(cube, tool, axes=axes, rotation='sixd')[0]
        np.testing.assert_allclose(found[3:], expected[:, :2].T.ravel(), atol=1e-12)


def test_periodic_joins_cosine_and_sine_of_each_joint():
    angles = np.array([[0.0, np.pi / 2], [np.pi, 7 * np.pi / 3]])
    np.testing.assert_allclose(
        periodic(angles),
        [[1, 0, 0, 1], [-1, 0, 0.5, np.sqrt(3) / 2]], atol=1e-12)


def test_the_angle_between_rotations_is_that_of_the_turn():
    for turn in (0.0, 1e-9, 0.3, np.pi - 1e-9, np.pi):
        for axis in np.eye(3):
            q = np.array([[*np.sin(turn / 2) * axis, np.cos(turn / 2)]])
            for sign in (1.0, -1.0):
                np.testing.assert_allclose(
                    angle_between(np.array([LEVEL], float), sign * q), turn, atol=1e-12)


def test_a_share_of_a_turn_is_that_of_its_angle_the_shortest_way():
    unit = QUATERNIONS / np.linalg.norm(QUATERNIONS, axis=1, keepdims=True)
    first, second = unit, np.roll(unit, 1, axis=0)
    whole = angle_between(first, second)
    assert (whole <= np.pi).all()
    for share in (0.0, 0.25, 0.5, 1.0):
        for sign in (1.0, -1.0):
            between = slerp(first, sign * second, share)
            np.testing.assert_allclose(angle_between(first, between), share * whole, atol=1e-9)
            np.testing.assert_allclose(
                angle_between(between, second), (1 - share) * whole, atol=1e-9)
    np.testing.assert_allclose(slerp(unit, unit, 0.3), unit, atol=1e-12)


def test_columns_that_overflow_are_no_rotation():
    with np.errstate(over='ignore', invalid='ignore'):
        with pytest.raises(ValueError, match='expected two that span a plane'):
            matrix_from_sixd(np.array([[1e200, 0, 0, 0, 1e200, 0]]))
