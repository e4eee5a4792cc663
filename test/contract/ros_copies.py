"""One rclpy message as every kind of object that a contract must read."""

from types import SimpleNamespace

from mcap.records import Schema
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import serialize_message
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

_STORE = get_typestore(Stores.ROS2_JAZZY)


def copies(message):
    """Return the message itself and as rosbags, mcap-ros2 and plain objects give it."""
    type_name = f"{type(message).__module__.split('.')[0]}/msg/{type(message).__name__}"
    # rclpy gives back its estimate of the size, which is larger than the message after an empty
    # list; what is published has the right length.
    buffer = serialize_message(message)
    of_rosbags = _STORE.get_msgdef(type_name)
    decoded, length = of_rosbags.deserialize_cdr_le(buffer[4:], 0, of_rosbags.cls, _STORE)
    definition, _ = _STORE.generate_msgdef(type_name, ros_version=2)
    decode = DecoderFactory().decoder_for('cdr', Schema(
        id=1, name=type_name, encoding='ros2msg', data=definition.encode()))
    return {
        'rclpy': message,
        'rosbags': decoded,
        'mcap': decode(buffer[:4 + length]),
        'plain': plain(message),
    }


def plain(value):
    """Return nested namespaces with lists, as a test or another language would write them."""
    if hasattr(value, 'get_fields_and_field_types'):
        return SimpleNamespace(**{
            field: plain(getattr(value, field)) for field in value.get_fields_and_field_types()})
    if isinstance(value, str | bytes | bool | int | float):
        return value
    return [plain(item) for item in value]
