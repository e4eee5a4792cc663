"""Rotations as the network sees them; quaternions are x, y, z, w as in ROS."""

import numpy as np


def rotation_matrix(quaternion: np.ndarray) -> np.ndarray:
    """Turn quaternions (N, 4) of any length above zero into matrices (N, 3, 3)."""
    x, y, z, w = _unit(quaternion).T
    matrix = np.empty((len(quaternion), 3, 3))
    matrix[:, 0, 0] = 1.0 - 2.0 * (y * y + z * z)
    matrix[:, 0, 1] = 2.0 * (x * y - z * w)
    matrix[:, 0, 2] = 2.0 * (x * z + y * w)
    matrix[:, 1, 0] = 2.0 * (x * y + z * w)
    matrix[:, 1, 1] = 1.0 - 2.0 * (x * x + z * z)
    matrix[:, 1, 2] = 2.0 * (y * z - x * w)
    matrix[:, 2, 0] = 2.0 * (x * z - y * w)
    matrix[:, 2, 1] = 2.0 * (y * z + x * w)
    matrix[:, 2, 2] = 1.0 - 2.0 * (x * x + y * y)
    return matrix


def yaw(quaternion: np.ndarray) -> np.ndarray:
    """
    Give the heading of the body's x axis, atan2(R10, R00), of quaternions (N, 4) in rad (N,).

    It is defined for a gripper that points down as well, and arbitrary where x is vertical.
    """
    x, y, z, w = quaternion.T
    # R10 and R00 times the squared length, which cancels in the angle.
    return np.arctan2(2.0 * (x * y + z * w), x * x + w * w - y * y - z * z)


def sixd(matrix: np.ndarray) -> np.ndarray:
    """
    Give the first two columns of matrices (N, 3, 3), one after the other, as (N, 6).

    Zhou et al., "On the Continuity of Rotation Representations", CVPR 2019.
    """
    return np.concatenate((matrix[:, :, 0], matrix[:, :, 1]), axis=1)


def matrix_from_sixd(columns: np.ndarray) -> np.ndarray:
    """
    Turn two columns (N, 6), not necessarily orthonormal, into matrices (N, 3, 3).

    Gram-Schmidt as in Zhou et al.; raises ValueError where the columns are parallel or zero.
    """
    first = columns[:, :3]
    first_length = np.linalg.norm(first, axis=1, keepdims=True)
    first = first / np.maximum(first_length, 1e-12)
    second = columns[:, 3:] - (first * columns[:, 3:]).sum(axis=1, keepdims=True) * first
    second_length = np.linalg.norm(second, axis=1, keepdims=True)
    lengths = np.concatenate((first_length, second_length))
    # What overflows spans nothing either.
    if not ((lengths >= 1e-6) & (lengths < np.inf)).all():
        raise ValueError('found two parallel or zero columns, expected two that span a plane')
    second = second / second_length
    return np.stack((first, second, np.cross(first, second)), axis=2)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """Turn matrices (N, 3, 3) into unit quaternions (N, 4) with w >= 0."""
    m = matrix
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    a, b, c = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    d, e, f = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]
    # Each row is the quaternion times four of its x, y, z or w: the longest row is exact enough.
    rows = np.stack((
        np.stack((1.0 + xx - yy - zz, d, e, a), axis=1),
        np.stack((d, 1.0 - xx + yy - zz, f, b), axis=1),
        np.stack((e, f, 1.0 - xx - yy + zz, c), axis=1),
        np.stack((a, b, c, 1.0 + xx + yy + zz), axis=1)), axis=1)
    best = np.argmax((rows * rows).sum(axis=2), axis=1)
    result = _unit(rows[np.arange(len(m)), best])
    return np.where(result[:, 3:] < 0.0, -result, result)


def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Give the angles (N,), 0 to pi rad, between the rotations of unit quaternions (N, 4)."""
    near = _nearer(first, second)
    # Exact for small angles, where the cosine is not.
    return 4.0 * np.arctan2(np.linalg.norm(near - first, axis=1),
                            np.linalg.norm(near + first, axis=1))


def slerp(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """
    Give the unit quaternions (N, 4) a share of the shortest turn from `first` to `second`.

    Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985.
    """
    half = 0.5 * angle_between(first, second)[:, None]
    # sin(share * half) / sin(half), which has a limit at zero.
    weights = [part * np.sinc(part * half / np.pi) / np.sinc(half / np.pi)
               for part in (1.0 - share, share)]
    return _unit(weights[0] * first + weights[1] * _nearer(first, second))


def _nearer(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    # A quaternion and its negative are one rotation.
    return np.where((first * second).sum(axis=1, keepdims=True) < 0.0, -second, second)


def _unit(quaternion: np.ndarray) -> np.ndarray:
    return quaternion / np.sqrt((quaternion * quaternion).sum(axis=1, keepdims=True))
