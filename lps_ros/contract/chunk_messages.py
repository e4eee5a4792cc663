"""A chunk of actions as one trajectory message per channel, to be told or to be carried out."""

from typing import Any

from lps_ros.contract import message_types
from lps_ros.contract.outgoing import header
from lps_ros.contract.outgoing import OutgoingMessage
from lps_ros.contract.outgoing import pose
from lps_ros.contract.outgoing import time_fields
from lps_ros.contract.outgoing import twist
from lps_ros.contract.schema import Action
import numpy as np


def chunk_message(
        action: Action, values: np.ndarray, *, stamp_ns: int, period_ns: int) -> OutgoingMessage:
    """
    Make the trajectory that tells one action's chunk of physical values (H, width).

    Joints and grippers give a JointTrajectory, twists and poses a MultiDOFJointTrajectory, on
    topic `chunk/<key>`. Point i is reached i + 1 periods after the stamp, so that
    `time_from_start` is above zero and strictly increasing.
    """
    if action.type in (message_types.TWIST, message_types.POSE):
        type_name = message_types.MULTI_DOF_TRAJECTORY
        points = [_cartesian_point(action, row) for row in values]
        names, frame_id = [action.key], action.frame_id
    else:
        type_name = message_types.TRAJECTORY
        points = _joint_points(action, values, period_ns * 1e-9)
        names, frame_id = list(action.names), None
    return OutgoingMessage(
        key=action.key, topic=f'chunk/{action.key}', type=type_name,
        content=_content(header(stamp_ns, frame_id), names, points, period_ns))


def trajectory_message(
        action: Action, values: np.ndarray, before: np.ndarray | None = None, *, stamp_ns: int,
        period_ns: int) -> OutgoingMessage:
    """
    Make the JointTrajectory of positions (H, width) that the action's controller carries out.

    before: positions (width,) of the period before the first, NaN or None where unknown. The
    times are those of `chunk_message`; the motion is at rest at its end.
    """
    points = _rows({'positions': values,
                    'velocities': path_velocities(values, before, period_ns * 1e-9)})
    return OutgoingMessage(
        key=action.key, topic=action.topic, type=message_types.TRAJECTORY,
        content=_content(header(stamp_ns, None), list(action.names), points, period_ns))


def _content(
        head: dict[str, Any], names: list[str], points: list[dict[str, Any]], period_ns: int
) -> dict[str, Any]:
    return {'header': head, 'joint_names': names,
            'points': [{**point, 'time_from_start': time_fields(i * period_ns)}
                       for i, point in enumerate(points, 1)]}


def _cartesian_point(action: Action, values: np.ndarray) -> dict[str, Any]:
    if action.type == message_types.TWIST:
        return {'velocities': [twist(action.fields, values)]}
    translation, rotation = pose(values)
    return {'transforms': [{'translation': translation, 'rotation': rotation}]}


def _joint_points(action: Action, values: np.ndarray, period_s: float) -> list[dict[str, Any]]:
    fields = action.fields or ('position',)
    blocks = values.reshape(len(values), len(fields), len(action.names))
    columns = {_PLURAL[field]: blocks[:, i] for i, field in enumerate(fields)}
    if action.type == message_types.TRAJECTORY and len(values) > 1:
        columns['velocities'] = path_velocities(values, None, period_s)
    return _rows(columns)


def path_velocities(
        positions: np.ndarray, before: np.ndarray | None, period_s: float) -> np.ndarray:
    """
    Return velocities (H, width) with which each cubic between points is monotone.

    before: positions (width,) of the period before the first, NaN or None where unknown. At each
    point the smaller of the two neighbouring slopes, zero where they differ in sign and at the
    end, so that no cubic leaves its two points or is faster than 1.5 times its mean (a case of
    Fritsch and Carlson, SIAM J. Numer. Anal. 17, 1980).
    """
    # Without velocities controllers interpolate linearly; many refuse one at the end.
    velocities = np.zeros_like(positions)
    if len(positions) > 1:
        straight = 2.0 * positions[0] - positions[1]  # to where it is not known
        before = straight if before is None else np.where(np.isfinite(before), before, straight)
        slopes = np.diff(np.vstack([before, positions]), axis=0) / period_s
        into, out = slopes[:-1], slopes[1:]
        velocities[:-1] = np.where(
            into * out > 0, np.sign(out) * np.minimum(np.abs(into), np.abs(out)), 0.0)
    return velocities


def _rows(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Turn arrays (H, width) by name into one mapping of lists for each point."""
    lists = {name: values.tolist() for name, values in columns.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


_PLURAL = {'position': 'positions', 'velocity': 'velocities', 'effort': 'effort'}
