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
    if (first_length < 1e-6).any() or (second_length < 1e-6).any():
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


def _unit(quaternion: np.ndarray) -> np.ndarray:
    return quaternion / np.sqrt((quaternion * quaternion).sum(axis=1, keepdims=True))
