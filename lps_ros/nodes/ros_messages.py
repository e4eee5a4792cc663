"""Between plain data and ROS messages."""

from array import array
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lps_ros.contract import OutgoingMessage


def message_class(type_name: str) -> type:
    """
    Return the message class of a full name such as `std_msgs/msg/String`.

    Raises ImportError when the package with that interface is not installed.
    """
    package, _, name = type_name.split('/')
    try:
        return getattr(import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f'message type {type_name} was not found; install the package {package}') from error


def to_ros(message: OutgoingMessage) -> Any:
    """Return the ROS message that a plain outgoing message describes."""
    return fill(message_class(message.type)(), message.content)


def fill(ros_message: Any, content: Mapping[str, Any]) -> Any:
    """
    Set the fields of a ROS message from a nested mapping and return the message.

    A list of mappings fills a sequence of messages. Raises AttributeError for a field that the
    type does not have.
    """
    for field, value in content.items():
        if isinstance(value, Mapping):
            fill(getattr(ros_message, field), value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            element = message_class(_element_type(ros_message, field))
            setattr(ros_message, field, [fill(element(), item) for item in value])
        else:
            setattr(ros_message, field, value)
    return ros_message


def image_data(pixels: bytes | memoryview) -> array:
    """Return pixels as the array that rclpy assigns to `msg.data` without copying per byte."""
    data = array('B')
    data.frombytes(pixels)
    return data


def stamp_ns(message: Any) -> int | None:
    """Return the header stamp in nanoseconds, or None for a type without a header."""
    header = getattr(message, 'header', None)
    if header is None:
        return None
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def _element_type(ros_message: Any, field: str) -> str:
    declared = ros_message.get_fields_and_field_types()[field]
    package, name = declared.removeprefix('sequence<').split('>')[0].split('[')[0].split('/')
    return f'{package}/msg/{name}'
