"""Messages into rows of plain physical numbers, one function for every way a message comes."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from lps_ros.contract import message_types
from lps_ros.contract.errors import MessageError
from lps_ros.contract.images import image_from_compressed
from lps_ros.contract.images import image_from_message
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Observation
import numpy as np

Spec = Observation | Action
# Of a quaternion that can be made one of length 1; far beyond, the squares overflow.
_SQUARED = (1e-12, 1e12)


def extract(spec: Spec, msg: Any) -> np.ndarray:
    """
    Turn one message into the row that is stored, encoded and replayed.

    msg: any object with the ROS field names as attributes (rclpy, rosbags, mcap).
    Returns float64 (row_width(spec),), in the order of `row_columns(spec)`; for an image
    uint8 (height, width, 3). Non-finite numbers pass; they are for the caller to judge.
    Raises MessageError where the message does not fit the contract.
    """
    try:
        row = _EXTRACT[spec.type](spec, msg)
    except AttributeError as error:
        raise MessageError(f'{spec.label}: found a message without the field '
                           f"'{error.name}', expected {spec.type}; correct the type in the "
                           'contract or the topic') from None
    except MessageError as error:
        raise MessageError(f'{spec.label}: {error}') from None
    # Whatever else a publisher's nonsense makes NumPy or OpenCV raise ends no recording.
    except Exception as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise MessageError(f'{spec.label}: found a message that cannot be read ({reason}), '
                           f'expected {spec.type}; correct the publisher') from error
    # Only what is no ROS message has lists where numbers belong.
    if row.dtype == np.float64 and row.ndim != 1:
        raise MessageError(f'{spec.label}: found lists of numbers, expected numbers; correct the '
                           'publisher')
    return row


def _joint_state(spec: Spec, msg: Any) -> np.ndarray:
    places = _places(spec.names, msg.name)
    row = []
    for field in spec.fields:
        values = getattr(msg, field)
        if len(values) != len(msg.name):
            raise MessageError(f'found {len(values)} values in {field}, expected '
                               f'{len(msg.name)}, one for each joint; take {field} out of the '
                               'contract or correct the publisher')
        row.extend([values[place] for place in places])
    return np.array(row, dtype=np.float64)


def _trajectory(spec: Spec, msg: Any) -> np.ndarray:
    places = _places(spec.names, msg.joint_names)
    if not len(msg.points):
        raise MessageError('found a trajectory without points, expected at least one; '
                           'correct the publisher')
    # The command of its tick; what follows is sent anew, and newer, at the next one.
    values = msg.points[0].positions
    if len(values) != len(msg.joint_names):
        raise MessageError(f'found {len(values)} positions, expected {len(msg.joint_names)}, '
                           'one for each joint; correct the publisher')
    return np.array([values[place] for place in places], dtype=np.float64)


def _pose(spec: Spec, msg: Any) -> np.ndarray:
    _check_frame(spec, msg)
    p = msg.pose.position
    q = msg.pose.orientation
    squared = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w
    if squared < _SQUARED[0] or squared > _SQUARED[1]:
        length = 'zero' if squared < _SQUARED[0] else f'{squared ** 0.5:g}'
        raise MessageError(f'found a quaternion of length {length}, expected a rotation; '
                           'correct the publisher')
    return np.array((p.x, p.y, p.z, q.x, q.y, q.z, q.w), dtype=np.float64)


def _twist(spec: Spec, msg: Any) -> np.ndarray:
    _check_frame(spec, msg)
    return _fields(spec, msg.twist)


def _wrench(spec: Spec, msg: Any) -> np.ndarray:
    _check_frame(spec, msg)
    return _fields(spec, msg.wrench)


def _array(spec: Spec, msg: Any) -> np.ndarray:
    if len(msg.data) != len(spec.names):
        raise MessageError(f'found {len(msg.data)} values, expected {len(spec.names)} '
                           f"({', '.join(spec.names)}); correct the names in the contract or "
                           'the publisher')
    return np.array(msg.data, dtype=np.float64)


def _bool(spec: Spec, msg: Any) -> np.ndarray:
    return np.array((float(msg.data),))


def _image(spec: Spec, msg: Any) -> np.ndarray:
    return image_from_message(spec.image, msg)


def _compressed(spec: Spec, msg: Any) -> np.ndarray:
    return image_from_compressed(spec.image, msg)


_EXTRACT: dict[str, Callable[[Spec, Any], np.ndarray]] = {
    message_types.JOINT_STATE: _joint_state,
    message_types.IMAGE: _image,
    message_types.COMPRESSED_IMAGE: _compressed,
    message_types.POSE: _pose,
    message_types.TWIST: _twist,
    message_types.WRENCH: _wrench,
    message_types.FLOAT64_ARRAY: _array,
    message_types.FLOAT32_ARRAY: _array,
    message_types.BOOL: _bool,
    message_types.TRAJECTORY: _trajectory,
}


def _places(wanted: tuple[str, ...], names: list[str]) -> list[int]:
    place = {name: index for index, name in enumerate(names)}
    if len(place) != len(names):
        for name in wanted:
            if list(names).count(name) > 1:
                raise MessageError(f"found joint '{name}' twice, expected it once; correct the "
                                   'publisher')
    try:
        return [place[name] for name in wanted]
    except KeyError as error:
        raise MessageError(f"found no joint '{error.args[0]}', expected it among the message's "
                           f"joints ({', '.join(names) or 'none'}); correct the names in the "
                           'contract or the publisher') from None


def _check_frame(spec: Spec, msg: Any) -> None:
    if spec.frame_id is not None and msg.header.frame_id != spec.frame_id:
        raise MessageError(f"found frame_id '{msg.header.frame_id}', expected '{spec.frame_id}'; "
                           'correct the publisher or frame_id in the contract')


def _fields(spec: Spec, part: Any) -> np.ndarray:
    return np.array(_getter(spec.fields)(part), dtype=np.float64).reshape(len(spec.fields))


@cache
def _getter(fields: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(*fields)
