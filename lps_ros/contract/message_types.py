"""Which ROS message types a contract may use, and which keys each of them needs."""

from dataclasses import dataclass

JOINT_STATE = 'sensor_msgs/msg/JointState'
IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
POSE = 'geometry_msgs/msg/PoseStamped'
TWIST = 'geometry_msgs/msg/TwistStamped'
WRENCH = 'geometry_msgs/msg/WrenchStamped'
FLOAT64_ARRAY = 'std_msgs/msg/Float64MultiArray'
FLOAT32_ARRAY = 'std_msgs/msg/Float32MultiArray'
BOOL = 'std_msgs/msg/Bool'
TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'
MULTI_DOF_TRAJECTORY = 'trajectory_msgs/msg/MultiDOFJointTrajectory'

_AXES = ('x', 'y', 'z')
_JOINT_FIELDS = ('position', 'velocity', 'effort')
_TWIST_FIELDS = tuple(f'{part}.{axis}' for part in ('linear', 'angular') for axis in _AXES)
_WRENCH_FIELDS = tuple(f'{part}.{axis}' for part in ('force', 'torque') for axis in _AXES)


@dataclass(frozen=True, kw_only=True)
class MessageType:
    """Keys that a stream of one message type must (`required`) or may (`optional`) declare."""

    fields: tuple[str, ...] = ()  # what `fields` may list
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_JOINTS = MessageType(fields=_JOINT_FIELDS, required=('fields', 'names'), optional=('unit',))
_NAMED = MessageType(required=('names',), optional=('unit',))
_PICTURE = MessageType(required=('image',), optional=('max_identical',))
_TWIST = MessageType(
    fields=_TWIST_FIELDS, required=('fields', 'frame_id'), optional=('unit',))

OBSERVATION_TYPES: dict[str, MessageType] = {
    JOINT_STATE: _JOINTS,
    IMAGE: _PICTURE,
    COMPRESSED_IMAGE: _PICTURE,
    POSE: MessageType(required=('frame_id',), optional=('rotation', 'unit')),
    TWIST: _TWIST,
    WRENCH: MessageType(
        fields=_WRENCH_FIELDS, required=('fields',), optional=('frame_id', 'unit')),
    FLOAT64_ARRAY: _NAMED,
    FLOAT32_ARRAY: _NAMED,
    BOOL: MessageType(),
}

ACTION_TYPES: dict[str, MessageType] = {
    TRAJECTORY: MessageType(required=('names',), optional=('unit', 'send')),
    FLOAT64_ARRAY: _NAMED,
    TWIST: _TWIST,
    POSE: MessageType(required=('frame_id',), optional=('unit',)),
    JOINT_STATE: _JOINTS,
}

IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)
