"""Recordings of a point-like arm, driven by the policy node's Pilot or by an operator."""

from collections.abc import Callable
from dataclasses import dataclass
import json
from pathlib import Path
from types import SimpleNamespace

from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Steering
from lps_ros.data.messages import encode_string
from lps_ros.data.messages import STRING
from lps_ros.data.messages import typestore
from lps_ros.data.raw_log import EVENTS_TOPIC
import numpy as np
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

CONTRACT_TEXT = """
name: point_arm
rate_hz: 20
observations:
  - key: joints
    topic: joint_states
    type: sensor_msgs/msg/JointState
    fields: [position, velocity]
    names: [shoulder, elbow]
    max_age_s: 0.1
  - key: tool
    topic: tool_pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    rotation: yaw
    max_age_s: 0.1
  - key: cube
    topic: cube_pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    rotation: yaw
    max_age_s: 0.1
derived:
  - key: cube_in_tool
    kind: relative_pose
    of: cube
    in: tool
    axes: base
    rotation: yaw
    symmetry: 4
    saturation_m: 0.03
actions:
  - key: twist
    topic: servo_node/delta_twist_cmds
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x, linear.y, angular.z]
    scale: {low: [-1.0, -1.0, -6.0], high: [1.0, 1.0, 6.0]}
    limits:
      step: [0.3, 0.3, 2.0]
      workspace: {observation: tool, low: [-0.3, -0.3, 0.0], high: [0.3, 0.3, 1.0]}
    stop: zeros
  - key: gripper
    topic: gripper_controller/commands
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    unit: m
    scale: {low: [0.0], high: [0.085]}
    stop: hold
task: {name: reach, success_reward: 0, step_reward: -1, failure_reward: -10, max_ticks: 60}
"""
# What makes the arm's contract one with a camera.
CAMERA = ('\nderived:', """
  - key: front
    topic: camera/image_raw
    type: sensor_msgs/msg/Image
    image: {width: 8, height: 6}
    max_age_s: 0.15
derived:""")
_MS = 1_000_000
_FIRST_TICK = 40


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of a recording."""

    topic: str
    type: str
    received_ns: int
    cdr: bytes


def contract(*replacements: tuple[str, str]) -> Contract:
    """Return the arm's contract with texts (old, new) replaced."""
    text = CONTRACT_TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_contract(text)


def operator(seed: int) -> Callable[[int, np.ndarray], np.ndarray]:
    """Return an operator (tick, tool position) -> command that wavers."""
    rng = np.random.default_rng(seed)
    drift = np.zeros(4)

    def command(tick: int, position: np.ndarray) -> np.ndarray:
        drift[:] = 0.8 * drift + rng.normal(0.0, 0.1, 4)
        return np.array([*(drift[:2] - position[:2]), drift[2], 0.04 + 0.02 * np.tanh(drift[3])])

    return command


class Arm:
    """Integrates the commands and publishes what the contract observes."""

    def __init__(self, seed: int) -> None:
        """Place arm and cube by a seed."""
        rng = np.random.default_rng(seed)
        self.tool = np.array([*rng.uniform(-0.2, 0.2, 2), 0.2])
        self.cube = np.array([*rng.uniform(-0.2, 0.2, 2), 0.02])
        self.yaw = rng.uniform(-1.0, 1.0)
        self.joints = rng.normal(size=4)

    def move(self, command: np.ndarray, period_s: float) -> None:
        """Follow a command (4,) for a period."""
        self.tool[:2] += command[:2] * period_s
        self.yaw += command[2] * period_s
        self.joints[:2] += 0.1 * command[:2]
        self.joints[2:] = command[:2]

    def picture(self) -> np.ndarray:
        """Return a frame uint8 (6, 8, 3) that changes with every movement."""
        place = 1000 * self.tool[:2]
        return (np.add.outer(place[0] * np.arange(6), place[1] * np.arange(8))[..., None]
                + np.arange(3)).astype(int).astype(np.uint8)

    def messages(self, time_ns: int, *, camera: bool = False) -> dict[str, object]:
        """Return the observations by topic, stamped `time_ns`."""
        types = typestore().types
        header = _header(time_ns)
        turn = np.array([0.0, 0.0, np.sin(self.yaw / 2), np.cos(self.yaw / 2)])

        def pose(position: np.ndarray, quaternion: np.ndarray) -> object:
            return types['geometry_msgs/msg/PoseStamped'](
                header=header, pose=types['geometry_msgs/msg/Pose'](
                    position=types['geometry_msgs/msg/Point'](*position),
                    orientation=types['geometry_msgs/msg/Quaternion'](*quaternion)))

        seen = {'camera/image_raw': types['sensor_msgs/msg/Image'](
            header=header, height=6, width=8, encoding='rgb8', is_bigendian=0, step=24,
            data=self.picture().ravel())} if camera else {}
        return seen | {
            'joint_states': types['sensor_msgs/msg/JointState'](
                header=header, name=['elbow', 'shoulder'], position=self.joints[1::-1].copy(),
                velocity=self.joints[:1:-1].copy(), effort=np.zeros(0)),
            'tool_pose': pose(self.tool, turn),
            'cube_pose': pose(self.cube, np.array([0.0, 0.0, 0.0, 1.0])),
        }


def drive(
        robot: Contract, *, seed: int, ticks: int = 60, policy: object = None,
        steering: Steering | None = None, command: Callable | None = None,
        leave_out: Callable[[str, int], bool] = lambda topic, tick: False,
        begin: int = 0, marked: bool = True, details: dict | None = None) -> list[Message]:
    """
    Return the messages of one episode, observations at each tick, the command 2 ms later.

    :param policy: drives through a Pilot as the policy node would, seeded with `seed`
    :param command: drives otherwise: (tick, tool position) -> physical command
    :param leave_out: (topic, tick) of messages that never arrived
    :param begin: first tick with a command
    :param marked: with the recorder's events
    :param details: added to the start event
    """
    arm = Arm(seed)
    camera = any(spec.image is not None for spec in robot.observations)
    pilot = None
    if policy is not None:
        pilot = Pilot(robot, InlineInference(policy), horizon=policy.horizon, steering=steering,
                      execution=Execution(waits=True))
        pilot.authority.arm()
        pilot.begin(seed)
    first = _FIRST_TICK + 1000 * seed
    messages = []

    def event(name: str, time_ns: int, **data: object) -> None:
        if marked:
            text = json.dumps({'event': name, **data}, sort_keys=True)
            messages.append(Message(topic=EVENTS_TOPIC, type=STRING, received_ns=time_ns,
                                    cdr=encode_string(text)))

    event('start', robot.clock.time_ns(first) + _MS, contract=robot.text,
          source='teleop' if pilot is None else 'policy', utc='2026-03-04T05:06:07.000+00:00',
          **(details or {}))
    for tick in range(first, first + ticks):
        tick_ns = robot.clock.time_ns(tick)
        for topic, message in arm.messages(tick_ns, camera=camera).items():
            if not leave_out(topic, tick - first):
                messages.append(_recorded(topic, message, tick_ns))
                if pilot is not None:
                    for spec in robot.observations:
                        if spec.topic == topic:
                            pilot.gate.accept(spec.key, extract(spec, message),
                                              stamp_ns=tick_ns, received_ns=tick_ns)
        physical = None
        if tick - first >= begin:
            physical = (command(tick - first, arm.tool) if pilot is None
                        else pilot.tick(tick, lambda now_ns=tick_ns + _MS: now_ns).command)
        if physical is not None:
            for topic, message in _commands(physical, tick_ns + _MS).items():
                if not leave_out(topic, tick - first):
                    messages.append(_recorded(topic, message, tick_ns + 2 * _MS))
            arm.move(physical, robot.clock.period_ns * 1e-9)
    event('success', robot.clock.time_ns(first + ticks) + _MS)
    return messages


def write_bag(path: Path, messages: list[Message], storage: str) -> Path:
    """Write a rosbag2 folder of 'sqlite3' or 'mcap' storage, as `ros2 bag record` would."""
    plugin = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}[storage]
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for message in sorted(messages, key=lambda each: each.received_ns):
            topic = '/' + message.topic.lstrip('/')
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, message.type, typestore=typestore())
            writer.write(connections[topic], message.received_ns, message.cdr)
    return path


def _commands(physical: np.ndarray, time_ns: int) -> dict[str, object]:
    types = typestore().types
    vector = types['geometry_msgs/msg/Vector3']
    return {
        'servo_node/delta_twist_cmds': types['geometry_msgs/msg/TwistStamped'](
            header=_header(time_ns), twist=types['geometry_msgs/msg/Twist'](
                linear=vector(physical[0], physical[1], 0.0),
                angular=vector(0.0, 0.0, physical[2]))),
        'gripper_controller/commands': types['std_msgs/msg/Float64MultiArray'](
            layout=types['std_msgs/msg/MultiArrayLayout'](dim=[], data_offset=0),
            data=np.array(physical[3:4])),
    }


def _header(time_ns: int) -> object:
    types = typestore().types
    return types['std_msgs/msg/Header'](frame_id='base_link', stamp=types[
        'builtin_interfaces/msg/Time'](time_ns // 10**9, time_ns % 10**9))


def _recorded(topic: str, message: object, received_ns: int) -> Message:
    name = message.__msgtype__
    return Message(topic=topic, type=name, received_ns=received_ns,
                   cdr=bytes(typestore().serialize_cdr(message, name)))


class RandomPolicy:
    """Stands for a bundle's policy: a fixed random map, and latents drawn from the generator."""

    horizon = 5

    def __init__(self, observation_size: int, action_size: int, seed: int = 0) -> None:
        """Draw the weights."""
        rng = np.random.default_rng(seed)
        self._weights = rng.normal(0.0, 0.3, (observation_size, self.horizon, action_size))

    def generator(self, seed: int) -> object:
        """Return what noise is drawn with."""
        import torch
        return torch.Generator().manual_seed(seed)

    def plan(self, observation: np.ndarray, images: object = (), *, mode: str, candidates: int,
             strength: float, rng: object) -> SimpleNamespace:
        """Plan from the observation, plus noise where latents are drawn."""
        import torch
        chunk = np.tensordot(observation, self._weights, 1)
        if mode == 'prior' or candidates > 1:
            chunk = chunk + 0.2 * torch.randn(chunk.shape, generator=rng).numpy()
        return SimpleNamespace(actions=np.tanh(chunk).astype(np.float32))

    def q_values(self, observations: np.ndarray, actions: np.ndarray,
                 images: object = ()) -> np.ndarray:
        """Rate a chunk by minus its size."""
        q = -np.square(actions).reshape(len(actions), -1).sum(axis=1)
        return np.stack((q, q - 1.0))


def random_bundle(robot: Contract, seed: int = 0) -> SimpleNamespace:
    """Return what replay needs of a bundle, with a random policy."""
    size = ObservationEncoder(robot).size
    return SimpleNamespace(contract=robot, policy=RandomPolicy(size, 4, seed), metadata={
        'observation_statistics': {'min': [-10.0] * size, 'max': [10.0] * size}})
