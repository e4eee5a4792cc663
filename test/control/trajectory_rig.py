"""An arm that is sent chunks, and a gripper that is sent points, for tests of the pilot."""

from lps_ros.contract import extract
from lps_ros.contract import parse_contract
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.nodes.ros_messages import to_ros
import numpy as np
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import speed
from pilot_rig import TASK
from pilot_rig import TimeTeller
import pytest

SPEED = 3.0  # rad/s
STEP = SPEED / 1.5 * 0.05  # rad a tick, so that a cubic keeps the speed
TEXT = f"""
name: arm
rate_hz: 20
observations:
  - {{key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [a, b], max_age_s: 0.1}}
actions:
  - key: arm
    topic: arm_controller/joint_trajectory
    type: trajectory_msgs/msg/JointTrajectory
    names: [a, b]
    scale: {{low: [-3, -3], high: [3, 3]}}
    limits:
      low: [-2, -2]
      high: [2, 2]
      velocity: [{SPEED}, {SPEED}]
      start: {{observation: joints, within: [0.5, 0.5]}}
    stop: hold
    send: chunk
  - key: hand
    topic: hand_controller/joint_trajectory
    type: trajectory_msgs/msg/JointTrajectory
    names: [c]
    scale: {{low: [0], high: [1]}}
    stop: hold
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x]
    scale: {{low: [-1], high: [1]}}
    stop: zeros
{TASK}
"""
CONTRACT = parse_contract(TEXT)
HORIZON = 6


class ArmRig(Rig):
    """The robot stands at `at`; each plan wants `wants`, or a path (6, 2) of the arm."""

    def __init__(self, *, wants=(0.3, -0.3), at=(0.0, 0.0), contract=CONTRACT, **how):
        super().__init__(contract, horizon=HORIZON, planner=TimeTeller(HORIZON, 4), **how)
        self.at, self.jumped_ns = at, 0
        self.pilot.steady_s = lambda: (self.now_ns - self.jumped_ns) * 1e-9
        self.want(wants)

    def jump(self, by_ms):
        self.now_ns += by_ms * MS
        self.jumped_ns += by_ms * MS

    def want(self, wants):
        self.planner.actions = np.full((HORIZON, 4), [0.0, 0.0, 0.0, 0.4])
        self.planner.actions[:, :2] = np.array(wants) / 3

    def observe(self, time_ms, value=None):
        self.pilot.gate.accept('joints', np.array(self.at, float), stamp_ns=None,
                               received_ns=round(time_ms * MS))

    def serve(self, first, last):
        return [self.tick(tick) for tick in range(first, last + 1)]


class Trajectory:
    """The arm's one message among others, as ROS has it."""

    def __init__(self, messages):
        message, = [message for message in messages if message.key == 'arm']
        self.topic, ros = message.topic, to_ros(message)
        self.stamp_ns = stamp_ns(ros)
        self.joints = list(ros.joint_names)
        self.times_ms = [point.time_from_start.sec * 1000 + point.time_from_start.nanosec / MS
                         for point in ros.points]
        self.positions = np.array([point.positions for point in ros.points])
        self.velocities = np.array([point.velocities for point in ros.points])
        self.row = extract(CONTRACT.action('arm'), ros)


def keys_of(messages):
    return [message.key for message in messages]


def holds_at(messages, position, within_ms=PERIOD_MS):
    """Tell whether the arm is to come to rest there, in a period, and what else stops."""
    arm = Trajectory(messages)
    return (arm.stamp_ns == 0 and arm.times_ms == pytest.approx([within_ms], abs=1e-3)
            and arm.positions == pytest.approx(np.array([position]))
            and not arm.velocities.any() and arm.velocities.shape == (1, 2)
            and keys_of(messages) == ['arm', 'twist'] and speed(messages[1]) == 0.0)


def person(rig, key='arm', row=(3.0, -3.0)):
    return rig.pilot.teleoperate(key, np.array(row), rig.now_ns)
