from pathlib import Path
import tracemalloc

from contract_texts import edited
from contract_texts import EVERY_TYPE
from contract_texts import REMOVE
from lps_ros.contract import ContractError
from lps_ros.contract import load_contract
from lps_ros.contract import parse_contract
from malformed_contracts import bomb
from malformed_contracts import merge_bomb
import pytest

SHIPPED = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'


def message_of(text):
    with pytest.raises(ContractError) as caught:
        parse_contract(text, source='robot.yaml')
    message = str(caught.value)
    assert message.isprintable(), 'one line'
    return message


def test_every_type_is_read_as_written():
    contract = parse_contract(EVERY_TYPE)
    assert contract.name == 'every_type'
    assert contract.rate_hz == 20.0
    assert contract.clock.period_ns == 50_000_000
    joints = contract.observation('joints')
    assert joints.names == ('b', 'a')
    assert joints.fields == ('position', 'velocity')
    assert joints.max_age_s == 0.1
    assert joints.required
    assert contract.observation('force').latency_s == 0.02
    assert contract.observation('cube').rotation == 'sixd'
    assert contract.observation('wrist').image.crop == (0.25, 0.0, 0.5, 1.0)
    assert not contract.observation('wrist').required
    twist = contract.action('twist')
    assert twist.width == 2
    assert twist.scale.high.tolist() == [1.0, 6.0]
    assert twist.limits.low.tolist() == [-0.5, -3.0]
    assert twist.limits.step.tolist() == [0.2, 1.0]
    assert twist.limits.workspace.observation == 'tool'
    gripper = contract.action('gripper')
    assert gripper.limits.high.tolist() == gripper.scale.high.tolist()
    assert gripper.limits.step is None
    assert contract.derived[0].reference == 'tool'
    assert contract.task.failure_reward == -100.0
    with pytest.raises(ValueError, match='read-only'):
        twist.scale.low[0] = -2.0


def test_the_shipped_contract_has_the_simulated_robots_streams():
    contract = load_contract(SHIPPED)
    assert [o.key for o in contract.observations] == [
        'joints', 'gripper', 'tool', 'cube', 'goal', 'front']
    assert [o.key for o in contract.observations if not o.required] == ['front']
    assert [d.key for d in contract.derived] == ['cube_in_tool', 'cube_to_goal']
    assert contract.task.failure_reward is None
    assert [a.topic for a in contract.actions] == [
        'servo_node/delta_twist_cmds', 'gripper_controller/commands']
    assert contract.text == SHIPPED.read_text()


def test_an_unknown_key_names_the_known_ones():
    contract = parse_contract(EVERY_TYPE)
    with pytest.raises(ContractError, match="found no action 'grip', expected one of twist, grip"):
        contract.action('grip')


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
     'expected a ROS topic name such as joint_states; rename it'),
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
    ('actions/4/fields', ['velocity', 'position'], 'actions.servo.stop: found zeros for positions,'
     ' expected hold; a stop must not send the robot to its zero position'),
    ('actions/1/stop', 'zeros', 'actions.gripper.stop: found zeros for numbers without unit, '
     "expected zeros for velocities or efforts only; use hold for positions; else declare the "
     "unit, such as 'rad/s' or 'Nm'"),
    ('actions/1/topic', 'twist', "actions.gripper.topic: found 'twist' twice, expected one action "
     'per topic; join the actions or correct the topic'),
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


@pytest.mark.parametrize(('path', 'value', 'expected'), FAULTS)
def test_a_fault_gives_its_line(path, value, expected):
    assert message_of(edited((path, value))) == f'robot.yaml: {expected}'


@pytest.mark.parametrize(('unit', 'rests'), [
    ('rad/s', True), ('m / s', True), ('m/s, rad/s', True), ('m/s^2', True), ('N', True),
    ('Nm', True), ('N m', True), ('N, Nm', True), ('rad', False), ('m', False),
    ('m/s, rad', False), ('N/m', False), ('m/step', False), ('mm', False)])
def test_zeros_for_plain_numbers_stop_velocities_and_efforts_only(unit, rests):
    text = edited(('actions/1/stop', 'zeros'), ('actions/1/unit', unit))
    if rests:
        assert parse_contract(text).action('gripper').stop == 'zeros'
    else:
        assert f"actions.gripper.stop: found zeros for numbers of unit '{unit}'" in (
            message_of(text))


@pytest.mark.parametrize('edit', [('derived', REMOVE), ('derived', []), ('derived', None)])
def test_a_contract_needs_no_derived_observations(edit):
    assert parse_contract(edited(edit)).derived == ()


def test_derived_without_poses_says_to_observe_one():
    text = edited(('observations/3', REMOVE), ('observations/3', REMOVE),
                  ('actions/0/limits/workspace', REMOVE), ('derived/0/of', 'joints'))
    assert message_of(text) == (
        "robot.yaml: derived.cube_in_tool.of: found 'joints' of type sensor_msgs/msg/JointState, "
        'expected an observation of type geometry_msgs/msg/PoseStamped; observe one first')


@pytest.mark.parametrize(('text', 'expected'), [
    ('', 'found NoneType, expected a mapping; write `name: ...` and the other keys of a robot '
     'contract'),
    ('- a\n- b\n', 'found list, expected a mapping; write `name: ...` and the other keys of a '
     'robot contract'),
    ('name: [a\nrate_hz: 20\n', "line 2: not YAML, found: expected ',' or ']', but got ':'; "
     'correct the line or the indentation above it'),
    ('name: a\nname: b\n', "line 2: found the key 'name' twice, expected it once; remove one"),
    ('task: {name: a, max_ticks: 1, name: b}\n', "line 1: found the key 'name' twice, expected it "
     'once; remove one'),
    ('on: 3\n', "line 1: found the key on, which YAML does not read as text, expected text; "
     "write 'on' in quotes"),
    ('name: ' + '[' * 3000, 'not YAML that can be read, found lists or mappings nested hundreds '
     'of levels deep, expected those of a robot contract; correct the brackets'),
    ('? [a]\n: b\n', 'line 1: found a key that is no text, expected text; rename the key'),
    ('name: a\n---\nname: b\n', 'line 2: not YAML, found: but found another document; correct the '
     'line or the indentation above it'),
    ('name: !!python/object:os.system x\n', 'line 1: not YAML, found: could not determine a '
     "constructor for the tag 'tag:yaml.org,2002:python/object:os.system'; correct the line or "
     'the indentation above it'),
    ('name: 2001-99-99\n', 'not YAML, found: month must be in 1..12; correct the line or the '
     'indentation above it'),
    ('name: a\x00\n', 'not YAML, found: special characters are not allowed; correct the line or '
     'the indentation above it'),
])
def test_text_that_is_no_contract_gives_its_line(text, expected):
    assert message_of(text) == f'robot.yaml: {expected}'


@pytest.mark.parametrize(('text', 'expected'), [
    ("rate_hz: !!int ''\n", 'not YAML, found a value that its type cannot have (IndexError: '
     'string index out of range); correct the value'),
    ('rate_hz: !!bool maybe\n', 'not YAML, found a value that its type cannot have (KeyError: '
     "'maybe'); correct the value"),
    ('<<: {1: 2}\n', 'line 1: found the key 1, which YAML does not read as text, expected text; '
     "write '1' in quotes"),
    ('name: 0x' + 'f' * 5000, 'name: found a number of thousands of digits, expected text; quote '
     'it if needed'),
    ('# ' + 'x' * 200_000, 'found more than 200000 characters, expected a robot contract; give '
     'the path of a YAML file as in config/'),
])
def test_yaml_that_trips_its_reader_gives_its_line(text, expected):
    assert message_of(text) == f'robot.yaml: {expected}'


def test_what_is_merged_is_overridden_by_the_keys_beside_it():
    text = EVERY_TYPE.replace('{key: speed,', '{<<: &merged {max_age_s: 0.5}, key: speed,')
    text = text.replace('[motor],\n     max_age_s: 0.1', '[motor],\n     <<: *merged')
    contract = parse_contract(text)
    assert contract.observation('speed').max_age_s == 0.1
    assert contract.observation('current').max_age_s == 0.5


@pytest.mark.parametrize('text', [bomb(), merge_bomb()])
def test_a_few_aliases_that_stand_for_millions_of_texts_are_refused_at_once(text):
    tracemalloc.start()
    try:
        message_of(f'name: {text}')
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_limits_beside_a_workspace_let_the_robot_stand_still():
    limits = {'low': [0.1, -3], 'high': [1, 6], 'workspace': {
        'observation': 'tool', 'low': [0, 0, 0], 'high': [1, 1, 1]}}
    assert message_of(edited(('actions/0/limits', limits), ('actions/0/stop', 'hold'))) == (
        'robot.yaml: actions.twist.limits.low[0]: found limits that exclude 0 beside a workspace, '
        'expected low <= 0 <= high; widen the limits, so that the robot can stand at the face of '
        'the box')


def test_a_long_list_is_cut_in_the_message():
    message = message_of(edited(('actions/2/names', [f'joint_{i}' for i in range(5000)])))
    assert len(message) < 3000 and message.endswith('; give one for each dimension')
    names = [f'joint_{i}' for i in range(5000)]
    message = message_of(edited(
        ('observations/0/names', names), ('derived/1/names', ['elbow'])))
    assert len(message) < 3000 and message.endswith('; choose from these')


def test_files_that_cannot_be_read_give_their_line(tmp_path):
    missing = tmp_path / 'missing.yaml'
    with pytest.raises(ContractError) as caught:
        load_contract(missing)
    assert str(caught.value) == (f'{missing}: found no such file, expected a robot contract; '
                                 'give the path of a YAML file as in config/')
    binary = tmp_path / 'binary.yaml'
    binary.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ContractError, match='found bytes that are no UTF-8 text'):
        load_contract(binary)
    with pytest.raises(ContractError, match=r'cannot be read \(Is a directory\)'):
        load_contract(tmp_path)
    with pytest.raises(ContractError, match=r'cannot be read \(embedded null byte\)'):
        load_contract(f'{tmp_path}/\0')


def test_errors_of_a_file_name_it(tmp_path):
    path = tmp_path / 'arm.yaml'
    path.write_text(edited(('rate_hz', 0)))
    with pytest.raises(ContractError) as caught:
        load_contract(str(path))
    assert str(caught.value).startswith(f'{path}: rate_hz: found 0')
