"""Contracts that are at fault in one place."""

from contract_texts import REMOVE

# One change each to a sound contract, and the line it must give.
FAULTS = [
    # root
    ('nmae', 'x', "nmae: found an unknown key, expected name | rate_hz | observations | derived | "
     "actions | task; did you mean 'name'?"),
    ('zzz', 'x', 'zzz: found an unknown key, expected name | rate_hz | observations | derived | '
     'actions | task; remove it'),
    ('name', REMOVE, 'name: key is missing, expected text; add `name: ...`'),
    ('name', 3, 'name: found 3, expected text; quote it if needed'),
    ('name', 'a\nb', "name: found 'a\\nb', expected text; quote it if needed"),
    ('rate_hz', 0, 'rate_hz: found 0, expected a finite number from 0.1 to 1000; '
     'correct the value'),
    ('rate_hz', -20, 'rate_hz: found -20, expected a finite number from 0.1 to 1000; '
     'correct the value'),
    ('rate_hz', float('nan'), 'rate_hz: found nan, expected a finite number from 0.1 to 1000; '
     'correct the value'),
    ('rate_hz', 10 ** 400, 'rate_hz: found inf, expected a finite number from 0.1 to 1000; '
     'correct the value'),
    ('rate_hz', True, 'rate_hz: found True, expected a finite number from 0.1 to 1000; '
     'correct the value'),
    ('rate_hz', '2e1', "rate_hz: found '2e1', expected a finite number from 0.1 to 1000; "
     'YAML needs a decimal point here, as in 1.0e-3'),
    ('observations', REMOVE, 'observations: key is missing, expected a list of mappings; '
     'add `observations: ...`'),
    ('observations', {}, 'observations: found {}, expected a list of mappings; '
     'write `- key: ...` entries'),
    ('observations/0', 'joints', "observations[0]: found 'joints', expected a mapping; "
     'write `key: value` lines'),
    ('actions', [], 'actions: found [], expected a list of mappings; write `- key: ...` entries'),
    ('task', 7, 'task: found 7, expected a mapping; write `key: value` lines'),
    ('task/max_ticks', 0.5, 'task.max_ticks: found 0.5, expected a whole number from 1 to '
     '2147483648; correct the value'),
    ('task/step_reward', None, 'task.step_reward: key is missing, expected a finite number; '
     'add `step_reward: ...`'),
    # observations
    ('observations/0/key', REMOVE, 'observations[0].key: key is missing, expected lower-case '
     'letters, digits and underscores, a letter first; add `key: ...`'),
    ('observations/0/key', 'Joints', "observations.Joints.key: found 'Joints', expected lower-case"
     ' letters, digits and underscores, a letter first; rename it'),
    ('observations/9/key', 'gripper', "actions.gripper.key: found 'gripper' twice, expected a key "
     'of its own for every stream and derived observation; rename one'),
    ('observations/0/topic', 'joint states', "observations.joints.topic: found 'joint states', "
     'expected a ROS topic name such as joint_states, no private one (~/x); rename it'),
    ('actions/0/topic', '~/twist', "actions.twist.topic: found '~/twist', expected a ROS topic "
     'name such as joint_states, no private one (~/x); rename it'),
    ('observations/0/type', 'sensor_msgs/JointState', "observations.joints.type: found "
     "'sensor_msgs/JointState', expected one of sensor_msgs/msg/JointState, sensor_msgs/msg/Image,"
     ' sensor_msgs/msg/CompressedImage, geometry_msgs/msg/PoseStamped, '
     'geometry_msgs/msg/TwistStamped, geometry_msgs/msg/WrenchStamped, '
     'std_msgs/msg/Float64MultiArray, std_msgs/msg/Float32MultiArray, std_msgs/msg/Bool; '
     "did you mean 'sensor_msgs/msg/JointState'?"),
    ('observations/0/fields', ['position', 'speed'], "observations.joints.fields[1]: found 'speed'"
     ', expected one of position, velocity, effort; choose from these'),
    ('observations/0/fields', ['position', 'velocty'], 'observations.joints.fields[1]: found '
     "'velocty', expected one of position, velocity, effort; did you mean 'velocity'?"),
    ('observations/0/fields', 'position', "observations.joints.fields: found 'position', expected "
     'a list from position, velocity, effort; write `fields: [...]`'),
    ('observations/0/names', ['a', 'a'], "observations.joints.names[1]: found 'a' twice, expected "
     'different entries; remove one'),
    ('observations/0/names', [], 'observations.joints.names: found [], expected a list of texts; '
     'write `names: [...]`'),
    ('observations/0/names', ['a', 1], 'observations.joints.names[1]: found 1, expected text; '
     'quote it if needed'),
    ('observations/0/max_age_s', REMOVE, 'observations.joints.max_age_s: key is missing, expected '
     'a finite number above 0 to 1e+09; add `max_age_s: ...`'),
    ('observations/0/max_age_s', 0, 'observations.joints.max_age_s: found 0, expected a finite '
     'number above 0 to 1e+09; correct the value'),
    ('observations/0/max_age_s', float('inf'), 'observations.joints.max_age_s: found inf, expected'
     ' a finite number above 0 to 1e+09; correct the value'),
    ('observations/0/max_age_s', 1e300, 'observations.joints.max_age_s: found 1e+300, expected a '
     'finite number above 0 to 1e+09; correct the value'),
    ('observations/0/latency_s', -0.1, 'observations.joints.latency_s: found -0.1, expected a '
     'finite number from 0 to 1e+09; correct the value'),
    *(('observations/0/latency_s', latency_s, f'observations.joints.latency_s: found {latency_s}, '
       'expected less than max_age_s, 0.1, as it counts towards the age; correct it or raise '
       'max_age_s, else the policy never acts') for latency_s in (0.1, 0.25)),
    ('observations/0/required', 'maybe', "observations.joints.required: found 'maybe', expected "
     'true or false; correct the value'),
    ('observations/0/frame_id', 'base_link', 'observations.joints.frame_id: found a key that '
     'sensor_msgs/msg/JointState does not use, expected fields | names | unit; remove it'),
    ('observations/9/names', ['x'], 'observations.held.names: found a key that std_msgs/msg/Bool '
     'does not use, expected no key of its kind; remove it'),
    ('observations/1/image', REMOVE, 'observations.front.image: key is missing, expected a mapping'
     '; add `image: ...`'),
    ('observations/1/image/width', 0, 'observations.front.image.width: found 0, expected a whole '
     'number from 1 to 8192; correct the value'),
    ('observations/1/image/encoding', 'bgr8', "observations.front.image.encoding: found 'bgr8', "
     'expected one of rgb8; choose one of these'),
    ('observations/1/image/colour', 'x', 'observations.front.image.colour: found an unknown key, '
     'expected width | height | encoding | crop; remove it'),
    ('observations/2/image/crop', [0.5, 0, 0.6, 1], 'observations.wrist.image.crop: found [0.5, '
     '0.0, 0.6, 1.0], expected [x, y, width, height] as fractions inside the image; keep x + width'
     ' and y + height at most 1, both at least 0.001'),
    ('observations/3/rotation', 'quaternion', "observations.tool.rotation: found 'quaternion', "
     'expected one of sixd, yaw; choose one of these'),
    ('observations/3/frame_id', REMOVE, 'observations.tool.frame_id: key is missing, expected '
     'text; add `frame_id: ...`'),
    ('observations/5/fields', ['linear.w'], 'observations.speed.fields[0]: found '
     "'linear.w', expected one of linear.x, linear.y, linear.z, angular.x, angular.y, angular.z; "
     "did you mean 'linear.z'?"),
    ('observations/9/topic', 'joint_states', 'observations.held.type: found std_msgs/msg/Bool, '
     'expected sensor_msgs/msg/JointState as in the other observation of topic joint_states; '
     'correct type or topic'),
    ('observations/0/key', 'a\nb', "observations.a\\nb.key: found 'a\\nb', expected lower-case "
     'letters, digits and underscores, a letter first; quote it if needed'),
    ('observations/2/image/crop', [0, 0, 5e-324, 1], 'observations.wrist.image.crop: found [0.0, '
     '0.0, 5e-324, 1.0], expected [x, y, width, height] as fractions inside the image; keep x + '
     'width and y + height at most 1, both at least 0.001'),
    ('observations/0/topic', 'a' * 256, 'observations.joints.topic: found 256 characters, expected'
     ' at most 200; shorten it'),
    ('observations/0/names', 2 * [['b']], "observations.joints.names[0]: found ['b'], expected "
     'text; quote it if needed'),
    # derived
    ('derived', {}, 'derived: found {}, expected a list of mappings; write `- key: ...` entries'),
    ('derived/0/kind', 'relative', "derived.cube_in_tool.kind: found 'relative', expected one of "
     "relative_pose, periodic; did you mean 'relative_pose'?"),
    ('derived/0/of', 'cubes', "derived.cube_in_tool.of: found 'cubes', expected one of joints, "
     'front, wrist, tool, cube, speed, force, touch, current, held; '
     "did you mean 'cube'?"),
    ('derived/0/in', 'joints', "derived.cube_in_tool.in: found 'joints' of type "
     'sensor_msgs/msg/JointState, expected an observation of type geometry_msgs/msg/PoseStamped; '
     'use one of tool, cube'),
    ('derived/0/in', 'cube', "derived.cube_in_tool.in: found 'cube' as in `of`, expected another "
     'pose; change one'),
    ('observations/4/frame_id', 'world', "derived.cube_in_tool.in: found 'tool' in frame base_link"
     ", expected frame world as of 'cube'; relate poses that are published in one frame"),
    ('derived/0/rotation', 'sixd', 'derived.cube_in_tool.symmetry: found 4 with rotation sixd, '
     'expected it with rotation yaw only; remove symmetry or use yaw'),
    ('derived/0/symmetry', 0, 'derived.cube_in_tool.symmetry: found 0, expected a whole number '
     'from 1 to 360; correct the value'),
    ('derived/0/saturation_m', 0, 'derived.cube_in_tool.saturation_m: found 0, expected a finite '
     'number above 0; correct the value'),
    ('derived/0/axes', 'tool', "derived.cube_in_tool.axes: found 'tool', expected one of base, "
     'own; choose one of these'),
    ('derived/0/offset', 1, 'derived.cube_in_tool.offset: found an unknown key, expected key | '
     'kind | of | in | axes | rotation | symmetry | saturation_m; remove it'),
    ('derived/1/names', ['c'], "derived.turns.names[0]: found 'c', expected one of b, a; "
     'choose from these'),
    ('observations/0/fields', ['velocity'], "derived.turns.of: found 'joints' with fields velocity"
     ", expected joint positions; add position to the fields of 'joints'"),
    # actions
    ('actions/0/type', 'geometry_msgs/msg/Twist', "actions.twist.type: found "
     "'geometry_msgs/msg/Twist', expected one of trajectory_msgs/msg/JointTrajectory, "
     'std_msgs/msg/Float64MultiArray, geometry_msgs/msg/TwistStamped, '
     'geometry_msgs/msg/PoseStamped, sensor_msgs/msg/JointState; '
     "did you mean 'geometry_msgs/msg/TwistStamped'?"),
    ('actions/0/scale', REMOVE, 'actions.twist.scale: key is missing, expected a mapping; '
     'add `scale: ...`'),
    ('actions/0/scale/low', [-1], 'actions.twist.scale.low: found 1 numbers, expected 2; '
     'give one for each dimension'),
    ('actions/0/scale/low', -1, 'actions.twist.scale.low: found -1, expected a list of 2 finite '
     'numbers; write `low: [...]`'),
    ('actions/0/scale/low', [-1, float('nan')], 'actions.twist.scale.low[1]: found nan, expected '
     'a finite number; correct the value'),
    ('actions/0/scale/low', [-1, 6], 'actions.twist.scale.low[1]: found 6 with high[1] 6, expected'
     ' low below high; swap or correct them'),
    ('actions/3/scale/low', [0, 0, 0], 'actions.pose.scale.low: found 3 numbers, expected 9; '
     'give one for each dimension'),
    ('actions/0/scale/high', [1e308, 6], 'actions.twist.scale.low[0]: found -1 with high[0] 1e+308'
     ', expected at most 1e+09 and at least 1e-09 apart; use SI units'),
    ('actions/1/scale/high', [5e-324], 'actions.gripper.scale.low[0]: found 0 with high[0] '
     '4.94066e-324, expected at most 1e+09 and at least 1e-09 apart; use SI units'),
    ('actions/0/limits/high', [2, 6], 'actions.twist.limits.high[0]: found 2, expected -1 to 1, '
     'the scale; limits may be tighter than the scale, never wider'),
    ('actions/0/limits/low', [0.5, -3], 'actions.twist.limits.low[0]: found 0.5 with high[0] 0.5, '
     'expected low below high; swap or correct them'),
    ('actions/0/limits/step', [0.2, 0], 'actions.twist.limits.step[1]: found 0, expected a number '
     'above 0; give the largest change per control tick'),
    ('actions/0/limits/low', [0.1, -3], 'actions.twist.stop: found zeros outside the limits, '
     'expected limits with low <= 0 <= high; widen the limits or use hold'),
    ('actions/0/limits/workspace/observation', 'joints', 'actions.twist.limits.workspace.'
     "observation: found 'joints', expected an observed pose (tool, cube); observe the pose or "
     'remove the workspace'),
    ('actions/0/limits/workspace/low', [0, 0, 1], 'actions.twist.limits.workspace.low[2]: found 1 '
     'with high[2] 1, expected low below high; swap or correct them'),
    ('observations/3/required', False, 'actions.twist.limits.workspace.observation: found '
     "'tool', which may be left out, expected a required pose; remove `required: false` from "
     "'tool'"),
    ('actions/0/frame_id', 'tool0', 'actions.twist.limits.workspace.observation: found '
     "'tool' in frame base_link, expected frame tool0 as of the action; use one frame"),
    ('actions/1/limits', {'workspace': {}}, 'actions.gripper.limits.workspace: found a workspace '
     'for std_msgs/msg/Float64MultiArray, expected it for a twist or a pose; remove it'),
    ('actions/1/stop', REMOVE, 'actions.gripper.stop: key is missing, expected one of zeros, hold;'
     ' add `stop: ...`'),
    ('actions/2/stop', 'zeros', 'actions.arm.stop: found zeros for positions, expected hold; a '
     'stop must not send the robot to its zero position'),
    ('actions/2/send', 'points', "actions.arm.send: found 'points', expected one of point, chunk; "
     "did you mean 'point'?"),
    ('actions/0/send', 'chunk', 'actions.twist.send: found a key that geometry_msgs/msg/'
     'TwistStamped does not use, expected fields | frame_id | unit; remove it'),
    ('actions/1/send', 'point', 'actions.gripper.send: found a key that std_msgs/msg/'
     'Float64MultiArray does not use, expected names | unit; remove it'),
    ('actions/3/stop', 'zeros', 'actions.pose.stop: found zeros for positions, expected hold; a '
     'stop must not send the robot to its zero position'),
    ('actions/4', {'key': 'servo', 'topic': 'servo', 'type': 'sensor_msgs/msg/JointState',
                   'fields': ['position'], 'names': ['c'], 'scale': {'low': [-1], 'high': [1]},
                   'stop': 'zeros'},
     'actions.servo.stop: found zeros for positions, expected hold; a stop must not send the '
     'robot to its zero position'),
    ('actions/4/fields', ['velocity', 'position'], 'actions.servo.fields: found velocity, '
     'position, expected position alone, or no position; a stop that holds would leave the '
     'velocity or effort in force; use a JointTrajectory, or one of the fields'),
    ('actions/3/limits', {'low': [0, -1, 0, -1, -1, -0.1, -1, -1, -0.1]}, 'actions.pose.limits.'
     'low[5]: found -0.1 for a rotation, expected -1, or the scale; remove low of the rotation, '
     'which no range bounds; bound its turn by step and velocity, in rad'),
    ('actions/3/limits', {'high': [1, 1, 1, 1, 1, 1, 1, 1, 0.5]}, 'actions.pose.limits.high[8]: '
     'found 0.5 for a rotation, expected 1, or the scale; remove high of the rotation, which no '
     'range bounds; bound its turn by step and velocity, in rad'),
    ('actions/3/limits', {'step': [0.01, 0.01, 0.01, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1]}, 'actions.pose'
     '.limits.step[5]: found 0.2 with step[3] 0.1, expected one number for all of a rotation; '
     'give the largest turn per control tick, in rad, six times'),
    ('actions/3/limits', {'velocity': [1, 1, 1, 2, 2, 2, 2, 2, 1]}, 'actions.pose.limits.velocity'
     '[8]: found 1 with velocity[3] 2, expected one number for all of a rotation; give the '
     'largest turn per second, in rad, six times'),
    ('actions/3/limits', {'start': {'observation': 'tool', 'within': [1, 1, 1]}}, 'actions.pose.'
     'limits.start.within: found 3 numbers, expected 4 of a pose; give x, y, z in m and the angle '
     'between rotations in rad'),
    ('actions/1/stop', 'zeros', 'actions.gripper.stop: found zeros for numbers without unit, '
     "expected zeros for velocities or efforts only; use hold for positions; else declare the "
     "unit, such as 'rad/s' or 'Nm'"),
    ('actions/1/topic', 'twist', "actions.gripper.topic: found 'twist' twice, expected one action "
     'per topic; join the actions or correct the topic'),
    ('actions/1/topic', '/twist', "actions.gripper.topic: found '/twist' beside 'twist', expected "
     'one action per topic; join the actions or correct the topic'),
    *(('actions/1/topic', topic, f"actions.gripper.topic: found '{topic}', on which {use} "
       "'twist', expected a topic of its own, or the node would hear its own commands; rename one")
      for topic, use in (('teleop/twist', 'a person commands'),
                         ('/teleop/twist', 'a person commands'),
                         ('shadow/twist', 'shadow mode shows'))),
    ('actions/0/topic', 'teleop/gripper', "actions.twist.topic: found 'teleop/gripper', on which "
     "a person commands 'gripper', expected a topic of its own, or the node would hear its own "
     'commands; rename one'),
    ('actions/1/topic', '/held', 'actions.gripper.type: found std_msgs/msg/Float64MultiArray, '
     'expected std_msgs/msg/Bool as in the observation of topic /held; correct type or topic'),
    ('observations/9/topic', '/joint_states', 'observations.held.type: found std_msgs/msg/Bool, '
     'expected sensor_msgs/msg/JointState as in the other observation of topic /joint_states; '
     'correct type or topic'),
    ('actions/1/topic', 'held', 'actions.gripper.type: found std_msgs/msg/Float64MultiArray, '
     'expected std_msgs/msg/Bool as in the observation of topic held; correct type or topic'),
    ('actions/3/limits', {'workspace': {
        'observation': 'tool', 'low': [2, -1, 0], 'high': [3, 1, 1]}},
     'actions.pose.limits.workspace.low[0]: found 2 to 3, expected it to overlap 0 to 1, the '
     'limits; widen the box or the limits'),
    ('actions/2/limits', {'start': {'observation': 'joints', 'within': [0.1, -0.1]}},
     'actions.arm.limits.start.within[1]: found -0.1, expected a number above 0; give the largest '
     'distance'),
    ('actions/2/limits', {'start': {'observation': 'joints', 'within': [1, 1], 'lag': [1]}},
     'actions.arm.limits.start.lag: found 1 numbers, expected 2; give one for each dimension'),
    ('actions/1', {'key': 'gripper', 'topic': 'gripper', 'type': 'std_msgs/msg/Float64MultiArray',
                   'names': ['a'], 'unit': 'rad/s', 'scale': {'low': [-1], 'high': [1]},
                   'limits': {'start': {'observation': 'joints', 'within': [1]}},
                   'stop': 'zeros'},
     'actions.gripper.limits.start: found a start for velocities or efforts, expected it for '
     'positions; remove it; velocities start from rest'),
    ('actions/1/fields', ['data'], 'actions.gripper.fields: found a key that '
     'std_msgs/msg/Float64MultiArray does not use, expected names | unit; remove it'),
]
