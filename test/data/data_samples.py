"""Recordings made up for the tests of the data room."""

from collections.abc import Iterable
import json
from pathlib import Path
from typing import NamedTuple

from lps_ros.contract import Contract
from lps_ros.contract import parse_contract
from lps_ros.data.messages import typestore
from lps_ros.data.raw_log import EVENTS_TOPIC
from lps_ros.data.raw_log import RawLogWriter
from lps_ros.data.recording import Recording
import numpy as np
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

CONTRACT = """
name: tabletop
rate_hz: 20
observations:
  - key: joints
    topic: joint_states
    type: sensor_msgs/msg/JointState
    fields: [position]
    names: [shoulder, elbow]
    max_age_s: 0.1
  - key: tool
    topic: tool_pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    rotation: yaw
    max_age_s: 0.1
  - key: front
    topic: camera/image_raw
    type: sensor_msgs/msg/Image
    image: {width: 8, height: 6}
    max_age_s: 0.2
    required: false
actions:
  - key: twist
    topic: servo/twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x, angular.z]
    scale: {low: [-1.0, -2.0], high: [1.0, 2.0]}
    stop: zeros
  - key: grip
    topic: gripper/command
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {low: [0.0], high: [0.1]}
    stop: hold
task: {name: reach, success_reward: 0.0, step_reward: -1.0, failure_reward: -100.0, max_ticks: 200}
"""
PERIOD_NS = 50_000_000
MS = 1_000_000
UTC = '2026-03-04T05:06:07.250+00:00'


class Sent(NamedTuple):
    """A message as a recorder gets it."""

    topic: str
    type: str
    cdr: bytes
    received_ns: int


def contract(text: str = CONTRACT) -> Contract:
    return parse_contract(text)


def vectors(text: str = CONTRACT) -> Contract:
    """Return the contract without its camera, which `marked` records only on request."""
    return contract(text).subset(('joints', 'tool'))


def sent(topic: str, type_name: str, received_ns: int, **fields: object) -> Sent:
    """Serialise a message of plain fields; `stamp_ns` fills a header."""
    store = typestore()
    if 'stamp_ns' in fields:
        fields['header'] = header(fields.pop('stamp_ns'))
    message = store.types[type_name](**fields)
    return Sent(topic, type_name, bytes(store.serialize_cdr(message, type_name)), received_ns)


def header(stamp_ns: int, frame_id: str = 'base_link') -> object:
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)


def joints(received_ns: int, shoulder: float, elbow: float = 0.5) -> Sent:
    return sent('joint_states', 'sensor_msgs/msg/JointState', received_ns, stamp_ns=received_ns,
                name=['elbow', 'shoulder'], position=np.array([elbow, shoulder]),
                velocity=np.zeros(2), effort=np.zeros(2))


def pose(received_ns: int, x: float) -> Sent:
    types = typestore().types
    return sent('tool_pose', 'geometry_msgs/msg/PoseStamped', received_ns, stamp_ns=received_ns,
                pose=types['geometry_msgs/msg/Pose'](
                    position=types['geometry_msgs/msg/Point'](x=x, y=0.0, z=0.2),
                    orientation=types['geometry_msgs/msg/Quaternion'](
                        x=0.0, y=0.0, z=0.0, w=1.0)))


def image(received_ns: int, value: int) -> Sent:
    pixels = np.full((6, 8, 3), value, np.uint8)
    return sent('camera/image_raw', 'sensor_msgs/msg/Image', received_ns, stamp_ns=received_ns,
                height=6, width=8, encoding='rgb8', is_bigendian=0, step=24, data=pixels.ravel())


def twist(received_ns: int, linear: float, angular: float = 0.0) -> Sent:
    types = typestore().types
    vector = types['geometry_msgs/msg/Vector3']
    return sent('servo/twist', 'geometry_msgs/msg/TwistStamped', received_ns, stamp_ns=received_ns,
                twist=types['geometry_msgs/msg/Twist'](
                    linear=vector(x=linear, y=0.0, z=0.0),
                    angular=vector(x=0.0, y=0.0, z=angular)))


def grip(received_ns: int, opening: float) -> Sent:
    types = typestore().types
    return sent('gripper/command', 'std_msgs/msg/Float64MultiArray', received_ns,
                layout=types['std_msgs/msg/MultiArrayLayout'](dim=[], data_offset=0),
                data=np.array([opening]))


def event(name: str, received_ns: int, **details: object) -> Sent:
    if name == 'start':
        details = {'operator': 'ann', 'source': 'teleop', 'utc': UTC, 'contract': CONTRACT,
                   **details}
    return sent(EVENTS_TOPIC, 'std_msgs/msg/String', received_ns,
                data=json.dumps({'event': name, **details}, sort_keys=True))


def motion(ticks: int, *, first_ns: int = 0, delay_ns: int = 10 * MS,
           images: bool = False) -> list[Sent]:
    """
    Return `ticks` periods of observations at each tick and commands delay_ns later.

    The arm's numbers count the ticks: shoulder = tick, twist = tick / 1000.
    """
    messages = []
    for tick in range(ticks):
        time_ns = first_ns + tick * PERIOD_NS
        messages += [joints(time_ns, float(tick)), pose(time_ns, 0.01 * tick)]
        if images:
            messages.append(image(time_ns, 10 * tick % 250))
        messages += [twist(time_ns + delay_ns, 0.001 * tick),
                     grip(time_ns + delay_ns, 0.05)]
    return messages


def marked(ticks: int, outcome: str = 'success', **options: object) -> list[Sent]:
    """Return a session whose marks make an episode of `ticks` ticks."""
    first_ns = options.get('first_ns', 0)
    end_ns = first_ns + (ticks - 1) * PERIOD_NS + 20 * MS
    messages = motion(ticks, **options)
    messages += [event('start', first_ns + MS), event(outcome, end_ns)]
    return sorted(messages, key=lambda message: message.received_ns)


def write_log(path: Path, messages: Iterable[Sent], robot: Contract | None = None) -> Path:
    """Write messages, events included, with the recorder's own writer."""
    writer = RawLogWriter(path, robot or contract())
    for message in messages:
        if message.topic == EVENTS_TOPIC:
            text = typestore().deserialize_cdr(message.cdr, message.type).data
            details = json.loads(text)
            writer.event(details.pop('event'), message.received_ns, **details)
        else:
            writer.write(*message)
    writer.close()
    return path


def write_rosbag2(folder: Path, messages: Iterable[Sent], storage: StoragePlugin) -> Path:
    """Write the same messages as a rosbag2, with another implementation."""
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        connections = {}
        for message in messages:
            topic = '/' + message.topic.lstrip('/')
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, message.type, typestore=typestore())
            writer.write(connections[topic], message.received_ns, message.cdr)
    return folder


def record(dataset: Path, messages: Iterable[Sent], **options: object) -> Path:
    """Save an episode as the recorder does and return its path."""
    recording = Recording.begin(dataset, contract(), **options)
    for message in messages:
        if message.topic == EVENTS_TOPIC:
            details = json.loads(typestore().deserialize_cdr(message.cdr, message.type).data)
            recording.event(details.pop('event'), message.received_ns, **details)
        else:
            recording.write(*message)
    return recording.save()
