"""Pose rows (x y z qx qy qz qw) and their encodings."""

from lps_ros.contract.errors import MessageError
from lps_ros.contract.rotations import matrix_from_sixd
from lps_ros.contract.rotations import quaternion
from lps_ros.contract.rotations import rotation_matrix
from lps_ros.contract.rotations import sixd
from lps_ros.contract.rotations import yaw
import numpy as np

POSITION_NAMES = ('position.x', 'position.y', 'position.z')
SIXD_NAMES = ('sixd.r00', 'sixd.r10', 'sixd.r20', 'sixd.r01', 'sixd.r11', 'sixd.r21')

# Of an action's values: what follows the position.
ROTATION = slice(len(POSITION_NAMES), len(POSITION_NAMES + SIXD_NAMES))


def pose_names(rotation: str) -> tuple[str, ...]:
    """Name the dimensions that encode_pose gives."""
    return POSITION_NAMES + (SIXD_NAMES if rotation == 'sixd' else ('yaw.cos', 'yaw.sin'))


def encode_pose(rows: np.ndarray, rotation: str) -> np.ndarray:
    """
    Encode pose rows (N, 7).

    rotation: 'sixd' gives (N, 9): position, two columns of the matrix; 'yaw' gives (N, 5):
    position, cosine and sine of the yaw. A quaternion and its negative give the same.
    """
    if rotation == 'sixd':
        return np.concatenate((rows[:, :3], sixd(rotation_matrix(rows[:, 3:]))), axis=1)
    encoded = np.empty((len(rows), 5))
    encoded[:, :3] = rows[:, :3]
    angle = yaw(rows[:, 3:])
    encoded[:, 3] = np.cos(angle)
    encoded[:, 4] = np.sin(angle)
    return encoded


def decode_pose(encoded: np.ndarray) -> np.ndarray:
    """Turn 'sixd' encodings (N, 9) into pose rows (N, 7); raises MessageError if degenerate."""
    try:
        matrix = matrix_from_sixd(encoded[:, 3:])
    except ValueError as error:
        raise MessageError(f'rotation of a pose: {error}; check the policy') from None
    return np.concatenate((encoded[:, :3], quaternion(matrix)), axis=1)
