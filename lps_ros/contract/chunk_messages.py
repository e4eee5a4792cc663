"""A chunk of actions as one trajectory message per channel."""

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
    Make the trajectory of one action's chunk of physical values (H, width).

    Joints and grippers give a JointTrajectory, twists and poses a MultiDOFJointTrajectory, on
    topic `chunk/<key>`. Point i is reached i + 1 periods after the stamp, so that
    `time_from_start` is above zero and strictly increasing.
    """
    times = [{'time_from_start': time_fields((i + 1) * period_ns)} for i in range(len(values))]
    if action.type in (message_types.TWIST, message_types.POSE):
        type_name = message_types.MULTI_DOF_TRAJECTORY
        points = [_cartesian_point(action, row) for row in values]
        names, frame_id = [action.key], action.frame_id
    else:
        type_name = message_types.TRAJECTORY
        points = _joint_points(action, values, period_ns * 1e-9)
        names, frame_id = list(action.names), None
    content = {'header': header(stamp_ns, frame_id), 'joint_names': names,
               'points': [{**point, **time} for point, time in zip(points, times, strict=True)]}
    return OutgoingMessage(
        key=action.key, topic=f'chunk/{action.key}', type=type_name, content=content)


def _cartesian_point(action: Action, values: np.ndarray) -> dict[str, Any]:
    if action.type == message_types.TWIST:
        return {'velocities': [twist(action.fields, values)]}
    translation, rotation = pose(values)
    return {'transforms': [{'translation': translation, 'rotation': rotation}]}


def _joint_points(action: Action, values: np.ndarray, period_s: float) -> list[dict[str, Any]]:
    fields = action.fields or ('position',)
    blocks = values.reshape(len(values), len(fields), len(action.names))
    points = {_PLURAL[field]: blocks[:, i] for i, field in enumerate(fields)}
    if action.type == message_types.TRAJECTORY and len(values) > 1:
        # Without velocities controllers interpolate linearly; many refuse one at the end.
        velocities = np.gradient(values, period_s, axis=0)
        velocities[-1] = 0.0
        points['velocities'] = velocities
    return [{name: block[i].tolist() for name, block in points.items()}
            for i in range(len(values))]


_PLURAL = {'position': 'positions', 'velocity': 'velocities', 'effort': 'effort'}
