"""Serialised ROS messages and their definitions, without ROS."""

from functools import cache
from typing import Any

from lps_ros.data.errors import DataError
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore

STRING = 'std_msgs/msg/String'


@cache
def typestore() -> Typestore:
    """Return the message types; those of a contract are the same in Humble and Jazzy."""
    return get_typestore(Stores.ROS2_JAZZY)


@cache
def definition(type_name: str) -> str:
    """
    Return a type's definition with those it needs, as rosbag2 stores it (`ros2msg`).

    Raises DataError for a type that is not known.
    """
    if type_name not in typestore().fielddefs:
        raise DataError(f"message type '{type_name}': found no definition, expected a type of "
                        'ROS 2 such as sensor_msgs/msg/JointState; check its spelling')
    return typestore().generate_msgdef(type_name, ros_version=2)[0]


def prepare(type_name: str) -> None:
    """Make ready what decodes a type, which would else be made of the first message: 0.1 s."""
    typestore().get_msgdef(type_name)


def decode(type_name: str, cdr: bytes) -> Any:
    """Return the message, an object with ROS field names; raises DataError if it is damaged."""
    try:
        return typestore().deserialize_cdr(cdr, type_name)
    # rosbags raises whatever its generated code runs into.
    except Exception as error:
        raise DataError(f'cannot decode a message of type {type_name} ({len(cdr)} bytes): '
                        f'{error}') from error


def encode_string(text: str) -> bytes:
    """Serialise a std_msgs/String."""
    store = typestore()
    return bytes(store.serialize_cdr(store.types[STRING](data=text), STRING))


def stamp_ns(message: Any) -> int:
    """Return the header stamp in nanoseconds, -1 for a type without a header."""
    header = getattr(message, 'header', None)
    if header is None:
        return -1
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
