from pathlib import Path
import tracemalloc

from contract_faults import FAULTS
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


@pytest.mark.parametrize(('path', 'value', 'expected'), FAULTS)
def test_a_fault_gives_its_line(path, value, expected):
    assert message_of(edited((path, value))) == f'robot.yaml: {expected}'


def test_the_last_command_may_be_observed():
    text = edited(('actions/1/topic', '/touch'))
    assert parse_contract(text).action('gripper').topic == '/touch'


@pytest.mark.parametrize('scale', [0.2, 1, 2])
def test_a_rotation_has_no_range_but_may_say_so(scale):
    """Of what a network gives any scale is sound, as are limits that bound nothing."""
    low, high = [0, -1, 0, *[-scale] * 6], [1, 1, 1, *[scale] * 6]
    for least in {scale, min(scale, 1)}:
        contract = parse_contract(edited(
            ('actions/3/scale', {'low': low, 'high': high}),
            ('actions/3/limits', {
                'low': [0.1, -1, 0, *[-least] * 6], 'high': [1, 1, 1, *[least] * 6],
                'step': [1, 2, 3, 4, 4, 4, 4, 4, 4]})))
        assert contract.action('pose').limits.low[3] == -least


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
