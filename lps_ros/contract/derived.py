"""Derived observations: relative poses and periodic angles, computed from rows."""

from collections.abc import Callable
from collections.abc import Mapping

from lps_ros.contract.columns import row_columns
from lps_ros.contract.poses import POSITION_NAMES
from lps_ros.contract.poses import SIXD_NAMES
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.rotations import rotation_matrix
from lps_ros.contract.rotations import sixd
from lps_ros.contract.rotations import yaw
from lps_ros.contract.schema import Derived
from lps_ros.contract.schema import PeriodicJoints
from lps_ros.contract.schema import RelativePose
import numpy as np

Rows = Mapping[str, np.ndarray]


def derived_names(derived: Derived) -> tuple[str, ...]:
    """Name the dimensions of a derived observation, without its key."""
    if isinstance(derived, PeriodicJoints):
        return tuple(f'{name}.{part}' for name in derived.names for part in ('cos', 'sin'))
    names = POSITION_NAMES
    if derived.saturation_m is not None:
        names += ('near.x', 'near.y', 'near.z')
    if derived.rotation == 'yaw':
        turns = '' if derived.symmetry == 1 else str(derived.symmetry)
        return names + (f'yaw{turns}.cos', f'yaw{turns}.sin')
    return names + (SIXD_NAMES if derived.rotation == 'sixd' else ())


def derived_function(derived: Derived, contract: Contract) -> Callable[[Rows], np.ndarray]:
    """Give the function from the rows of all streams to this derived observation (N, width)."""
    if isinstance(derived, PeriodicJoints):
        columns = row_columns(contract.observation(derived.of))
        places = np.array([columns.index(f'position.{name}') for name in derived.names])
        return lambda rows: periodic(rows[derived.of][:, places])
    return lambda rows: relative_pose(derived, rows[derived.of], rows[derived.reference])


def periodic(angles: np.ndarray) -> np.ndarray:
    """Give cosine and sine of angles (N, J) in rad, side by side for each joint, (N, 2 J)."""
    encoded = np.empty((len(angles), 2 * angles.shape[1]))
    encoded[:, 0::2] = np.cos(angles)
    encoded[:, 1::2] = np.sin(angles)
    return encoded


def relative_pose(spec: RelativePose, of: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """
    Give pose rows `of` (N, 7) as seen from pose rows `reference` (N, 7).

    Columns: the displacement d in metres; tanh(d / saturation_m) where declared; then
    for 'yaw' cosine and sine of `symmetry` times the yaw difference, for 'sixd' the relative
    rotation. With axes 'base', d and the rotation are expressed in the common frame and the yaw
    difference is that of the two headings in it; with 'own', in the reference's axes.
    """
    displacement = of[:, :3] - reference[:, :3]
    relative = None
    if spec.axes == 'own':
        back = rotation_matrix(reference[:, 3:]).transpose(0, 2, 1)
        displacement = (back @ displacement[:, :, None])[:, :, 0]
        relative = back @ rotation_matrix(of[:, 3:])
    parts = [displacement]
    if spec.saturation_m is not None:
        parts.append(np.tanh(displacement / spec.saturation_m))
    if spec.rotation == 'yaw':
        if relative is None:
            turn = yaw(of[:, 3:]) - yaw(reference[:, 3:])
        else:
            turn = np.arctan2(relative[:, 1, 0], relative[:, 0, 0])
        parts.append(periodic(spec.symmetry * turn[:, None]))
    elif spec.rotation == 'sixd':
        if relative is None:
            back = rotation_matrix(reference[:, 3:]).transpose(0, 2, 1)
            relative = rotation_matrix(of[:, 3:]) @ back
        parts.append(sixd(relative))
    return np.concatenate(parts, axis=1)
