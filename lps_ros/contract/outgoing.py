"""Commands as plain ROS field values, ready to be turned into messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lps_ros.contract import message_types
from lps_ros.contract.poses import decode_pose
from lps_ros.contract.schema import Action
import numpy as np


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """A message to publish: `content` holds nested dicts and lists of ROS field values."""

    key: str
    topic: str
    type: str
    content: dict[str, Any]


def outgoing_message(
        action: Action, values: np.ndarray, *, stamp_ns: int, period_ns: int) -> OutgoingMessage:
    """Make the message of one action from its physical values (width,)."""
    content = _CONTENT[action.type](action, values, stamp_ns, period_ns)
    return OutgoingMessage(
        key=action.key, topic=action.topic, type=action.type, content=content)


def header(stamp_ns: int, frame_id: str | None) -> dict[str, Any]:
    """Make a std_msgs/Header."""
    return {'stamp': time_fields(stamp_ns), 'frame_id': frame_id or ''}


def time_fields(time_ns: int) -> dict[str, int]:
    """Split ns into the fields of a ROS Time or Duration, which share their names."""
    seconds, nanoseconds = divmod(int(time_ns), 1_000_000_000)
    return {'sec': seconds, 'nanosec': nanoseconds}


def twist(fields: tuple[str, ...], values: np.ndarray) -> dict[str, dict[str, float]]:
    """Make a geometry_msgs/Twist; components that are not commanded are zero."""
    content = {part: dict.fromkeys('xyz', 0.0) for part in ('linear', 'angular')}
    for field, value in zip(fields, values.tolist(), strict=True):
        part, axis = field.split('.')
        content[part][axis] = value
    return content


def pose(values: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Make position and orientation fields from an encoded pose (9,)."""
    row = decode_pose(values[None])[0].tolist()
    return (dict(zip('xyz', row[:3], strict=True)), dict(zip('xyzw', row[3:], strict=True)))


def _twist(action: Action, values: np.ndarray, stamp_ns: int, period_ns: int) -> dict[str, Any]:
    return {'header': header(stamp_ns, action.frame_id), 'twist': twist(action.fields, values)}


def _pose(action: Action, values: np.ndarray, stamp_ns: int, period_ns: int) -> dict[str, Any]:
    position, orientation = pose(values)
    return {'header': header(stamp_ns, action.frame_id),
            'pose': {'position': position, 'orientation': orientation}}


def _array(action: Action, values: np.ndarray, stamp_ns: int, period_ns: int) -> dict[str, Any]:
    return {'data': values.tolist()}


def _joint_state(
        action: Action, values: np.ndarray, stamp_ns: int, period_ns: int) -> dict[str, Any]:
    blocks = values.reshape(len(action.fields), len(action.names)).tolist()
    return {'header': header(stamp_ns, None), 'name': list(action.names),
            **dict(zip(action.fields, blocks, strict=True))}


def _trajectory(
        action: Action, values: np.ndarray, stamp_ns: int, period_ns: int) -> dict[str, Any]:
    # Positions only: with one point, a velocity would be a guess.
    point = {'positions': values.tolist(), 'time_from_start': time_fields(period_ns)}
    return {'header': header(stamp_ns, None), 'joint_names': list(action.names),
            'points': [point]}


_CONTENT: dict[str, Callable[[Action, np.ndarray, int, int], dict[str, Any]]] = {
    message_types.TWIST: _twist,
    message_types.POSE: _pose,
    message_types.FLOAT64_ARRAY: _array,
    message_types.JOINT_STATE: _joint_state,
    message_types.TRAJECTORY: _trajectory,
}
