"""A contract with every message type, and ways to change it."""

import copy
from functools import cache

import yaml

EVERY_TYPE = """
name: every_type
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [position, velocity], names: [b, a], max_age_s: 0.1}
  - {key: front, topic: front/image_raw, type: sensor_msgs/msg/Image,
     image: {width: 4, height: 3}, max_age_s: 0.15}
  - {key: wrist, topic: wrist/compressed, type: sensor_msgs/msg/CompressedImage,
     image: {width: 8, height: 6, crop: [0.25, 0.0, 0.5, 1.0]}, max_age_s: 0.15, required: false}
  - {key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: 0.1}
  - {key: cube, topic: cube_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     max_age_s: 0.1}
  - {key: speed, topic: tool_twist, type: geometry_msgs/msg/TwistStamped, frame_id: base_link,
     fields: [angular.z, linear.x], unit: 'rad/s, m/s', max_age_s: 0.1}
  - {key: force, topic: wrench, type: geometry_msgs/msg/WrenchStamped, fields: [force.z],
     max_age_s: 0.1, latency_s: 0.02}
  - {key: touch, topic: touch, type: std_msgs/msg/Float64MultiArray, names: [left, right],
     max_age_s: 0.1}
  - {key: current, topic: current, type: std_msgs/msg/Float32MultiArray, names: [motor],
     max_age_s: 0.1}
  - {key: held, topic: held, type: std_msgs/msg/Bool, max_age_s: 1.0}
derived:
  - {key: cube_in_tool, kind: relative_pose, of: cube, in: tool, axes: base, rotation: yaw,
     symmetry: 4, saturation_m: 0.03}
  - {key: turns, kind: periodic, of: joints, names: [a]}
actions:
  - {key: twist, topic: twist, type: geometry_msgs/msg/TwistStamped, frame_id: base_link,
     fields: [linear.x, angular.z], scale: {low: [-1, -6], high: [1, 6]},
     limits: {low: [-0.5, -3], high: [0.5, 6], step: [0.2, 1],
              workspace: {observation: tool, low: [0, 0, 0], high: [1, 1, 1]}}, stop: zeros}
  - {key: gripper, topic: gripper, type: std_msgs/msg/Float64MultiArray, names: [opening],
     scale: {low: [0], high: [0.085]}, stop: hold}
  - {key: arm, topic: trajectory, type: trajectory_msgs/msg/JointTrajectory, names: [b, a],
     scale: {low: [-3, -3], high: [3, 3]}, stop: hold}
  - {key: pose, topic: target_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     scale: {low: [0, -1, 0, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]},
     stop: hold}
  - {key: servo, topic: servo, type: sensor_msgs/msg/JointState, fields: [velocity, effort],
     names: [c], scale: {low: [-1, -10], high: [1, 10]}, stop: zeros}
task: {name: stack, success_reward: 0, step_reward: -1, failure_reward: -100, max_ticks: 200}
"""

REMOVE = object()


def edited(*edits, text=EVERY_TYPE):
    """Return the text with each (path, value) applied; a number in a path is a list index."""
    content = copy.deepcopy(_content(text))
    for path, value in edits:
        *parents, last = path.split('/')
        part = content
        for name in parents:
            part = part[int(name) if name.isdigit() else name]
        if isinstance(part, list):
            last = int(last)
        if value is REMOVE:
            del part[last]
        elif isinstance(part, list) and last == len(part):
            part.append(value)
        else:
            part[last] = value
    return yaml.safe_dump(content, sort_keys=False)


@cache
def _content(text):
    return yaml.safe_load(text)
