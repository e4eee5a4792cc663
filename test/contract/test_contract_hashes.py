from contract_texts import edited
from contract_texts import EVERY_TYPE
from contract_texts import REMOVE
from lps_ros.contract import ContractError
from lps_ros.contract import differences
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
import pytest
import yaml

CONTRACT = parse_contract(EVERY_TYPE)
FIRST_DATA, FIRST_DEPLOYMENT = 'bcfdbbcb83c70421', '460e25005be038c3'

DATA_CHANGES = [
    (('rate_hz', 10), 'rate_hz: recorded 20.0, current 10.0'),
    (('observations/0/names', ['a', 'b']),
     'observations.joints.names: recorded [b, a], current [a, b]'),
    (('observations/0/fields', ['position']),
     'observations.joints.fields: recorded [position, velocity], current [position]'),
    (('observations/5/unit', 'deg/s, m/s'),
     'observations.speed.unit: recorded rad/s, m/s, current deg/s, m/s'),
    (('observations/5/frame_id', 'world'),
     'observations.speed.frame_id: recorded base_link, current world'),
    (('observations/3/rotation', 'sixd'),
     'observations.tool.rotation: recorded yaw, current sixd'),
    (('observations/1/image/width', 5), 'observations.front.image.width: recorded 4, current 5'),
    (('observations/2/image/crop', REMOVE),
     'observations.wrist.image.crop: recorded [0.25, 0.0, 0.5, 1.0], current none'),
    (('observations/8/type', 'std_msgs/msg/Float64MultiArray'),
     'observations.current.type: recorded std_msgs/msg/Float32MultiArray, '
     'current std_msgs/msg/Float64MultiArray'),
    (('observations/9', REMOVE), 'observations.held: recorded std_msgs/msg/Bool, current none'),
    (('observations/9/key', 'gripped'), 'observations.held: recorded std_msgs/msg/Bool, '
     'current none'),
    (('derived/0/saturation_m', 0.05),
     'derived.cube_in_tool.saturation_m: recorded 0.03, current 0.05'),
    (('derived/0/symmetry', 2), 'derived.cube_in_tool.symmetry: recorded 4, current 2'),
    (('derived/0/axes', 'own'), 'derived.cube_in_tool.axes: recorded base, current own'),
    (('derived/1/names', ['b']), 'derived.turns.names: recorded [a], current [b]'),
    (('derived/1', REMOVE), 'derived.turns: recorded periodic, current none'),
    (('actions/1/scale/high', [0.1]),
     'actions.gripper.scale.high: recorded [0.085], current [0.1]'),
    (('actions/1/names', ['gap']), 'actions.gripper.names: recorded [opening], current [gap]'),
    (('actions/1/unit', 'm'), 'actions.gripper.unit: recorded none, current m'),
]

DEPLOYMENT_CHANGES = [
    (('observations/0/topic', '/robot/joint_states'),
     'observations.joints.topic: recorded joint_states, current /robot/joint_states'),
    (('observations/0/max_age_s', 0.2),
     'observations.joints.max_age_s: recorded 0.1, current 0.2'),
    (('observations/6/latency_s', REMOVE),
     'observations.force.latency_s: recorded 0.02, current 0.0'),
    (('observations/2/required', True),
     'observations.wrist.required: recorded False, current True'),
    (('actions/0/stop', 'hold'), 'actions.twist.stop: recorded zeros, current hold'),
    (('actions/2/send', 'chunk'), 'actions.arm.send: recorded none, current chunk'),
    (('actions/0/topic', 'twist_cmds'), 'actions.twist.topic: recorded twist, current twist_cmds'),
    (('actions/0/limits/high', [0.4, 6]),
     'actions.twist.limits.high: recorded [0.5, 6.0], current [0.4, 6.0]'),
    (('actions/0/limits/step', REMOVE),
     'actions.twist.limits.step: recorded [0.2, 1.0], current none'),
    (('actions/0/limits/workspace/high', [1, 1, 0.5]),
     'actions.twist.limits.workspace.high: recorded [1.0, 1.0, 1.0], current [1.0, 1.0, 0.5]'),
    (('actions/0/limits/workspace', REMOVE),
     'actions.twist.limits.workspace: recorded {observation: tool, low: [0.0, 0.0, 0.0], '
     'high: [1.0, 1.0, 1.0]}, current none'),
    (('actions/2/limits', {'start': {'observation': 'joints', 'within': [1, 1], 'lag': [2, 3]}}),
     'actions.arm.limits.start: recorded none, current {observation: joints, names: [b, a], '
     'within: [1.0, 1.0], lag: [2.0, 3.0]}'),
]


def reverse_keys(value):
    if isinstance(value, dict):
        return {key: reverse_keys(value[key]) for key in reversed(value)}
    return [reverse_keys(item) for item in value] if isinstance(value, list) else value


def test_hashes_are_16_hexadecimal_digits_and_differ():
    for value in (CONTRACT.data_hash, CONTRACT.deployment_hash):
        assert len(value) == 16
        assert int(value, 16) >= 0
    assert CONTRACT.data_hash != CONTRACT.deployment_hash


def test_hashes_are_those_of_the_first_release():
    # Recorded data is refused when the data hash changes, so a change here breaks every dataset.
    assert (CONTRACT.data_hash, CONTRACT.deployment_hash) == (FIRST_DATA, FIRST_DEPLOYMENT)


@pytest.mark.parametrize('text', [
    '# a comment\n' + EVERY_TYPE,
    yaml.safe_dump(yaml.safe_load(EVERY_TYPE), default_flow_style=False, sort_keys=True),
    yaml.safe_dump(reverse_keys(yaml.safe_load(EVERY_TYPE)), sort_keys=False),
    EVERY_TYPE.replace('rate_hz: 20', 'rate_hz: 20.0').replace('[-1, -6]', '[-1.0, -6.00]'),
    EVERY_TYPE.replace('low: [0, 0, 0]', 'low: [-0.0, 0, 0]'),
    edited(('observations/0/required', True), ('observations/0/latency_s', -0.0),
           ('observations/4/rotation', 'sixd'), ('observations/1/image/encoding', 'rgb8'),
           ('actions/1/limits', {'low': [0], 'high': [0.085], 'step': None}),
           ('actions/2/send', 'point')),
    edited(('name', 'other'), ('task/name', 'other'), ('task/max_ticks', 5)),
])
def test_writing_the_same_contract_differently_changes_neither_hash(text):
    other = parse_contract(text)
    assert other.data_hash == CONTRACT.data_hash
    assert other.deployment_hash == CONTRACT.deployment_hash
    difference = differences(CONTRACT, other)
    assert difference.data == difference.deployment == []
    assert not difference.refused


@pytest.mark.parametrize(('change', 'line'), DATA_CHANGES)
def test_a_change_of_the_data_changes_only_its_hash_and_is_refused(change, line):
    other = parse_contract(edited(change))
    assert other.data_hash != CONTRACT.data_hash
    difference = differences(CONTRACT, other)
    assert difference.refused
    assert difference.data[0] == line
    if change[0].count('/') > 1 and change[0] != 'observations/9/key':
        assert len(difference.data) == 1
        assert other.deployment_hash == CONTRACT.deployment_hash or 'scale' in change[0]


@pytest.mark.parametrize(('change', 'line'), DEPLOYMENT_CHANGES)
def test_a_change_of_the_deployment_changes_only_its_hash_and_is_shown(change, line):
    other = parse_contract(edited(change))
    assert other.data_hash == CONTRACT.data_hash
    assert other.deployment_hash != CONTRACT.deployment_hash
    difference = differences(CONTRACT, other)
    assert difference.deployment == [line]
    assert not difference.refused


def test_a_lag_that_is_not_given_leaves_the_hash_as_it_was():
    start = {'observation': 'joints', 'within': [1, 1]}
    without = parse_contract(edited(('actions/2/limits', {'start': start})))
    assert without.deployment_hash == '3c993f662428ba1f'
    with_lag = parse_contract(edited(('actions/2/limits', {'start': {**start, 'lag': [2, 2]}})))
    assert with_lag.deployment_hash != without.deployment_hash


def test_the_order_of_streams_belongs_to_the_data():
    content = yaml.safe_load(EVERY_TYPE)
    content['actions'] = content['actions'][1:] + content['actions'][:1]
    other = parse_contract(yaml.safe_dump(content))
    assert other.data_hash != CONTRACT.data_hash
    assert differences(CONTRACT, other).data == [
        'order.actions: recorded [twist, gripper, arm, pose, servo], '
        'current [gripper, arm, pose, servo, twist]']


def test_a_stream_that_is_new_is_named():
    assert differences(parse_contract(edited(('observations/9', REMOVE))), CONTRACT).data == [
        'observations.held: recorded none, current std_msgs/msg/Bool']


def test_subset_drops_what_needs_the_others_and_changes_the_data_hash():
    subset = CONTRACT.subset(['touch', 'tool', 'joints'])
    assert [o.key for o in subset.observations] == ['joints', 'tool', 'touch']
    assert [d.key for d in subset.derived] == ['turns']
    assert subset.actions[0].limits.workspace.observation == 'tool'
    assert subset.data_hash != CONTRACT.data_hash
    assert not any(n.startswith('cube') for n in ObservationEncoder(subset).names)
    again = parse_contract(subset.text)
    assert again.data_hash == subset.data_hash
    assert again.deployment_hash == subset.deployment_hash
    assert [o.key for o in subset.subset(['tool']).observations] == ['tool']
    assert subset.subset(['tool']).derived == ()


def test_subset_of_everything_is_the_contract_itself():
    assert CONTRACT.subset(o.key for o in CONTRACT.observations) is CONTRACT


@pytest.mark.parametrize(('keys', 'expected'), [
    (['tool', 'cam'], "found no observation 'cam', expected one of joints, front"),
    (['joints'], 'actions.twist.limits.workspace.observation'),
    ([], 'observations: found \\[\\], expected a list of mappings'),
])
def test_an_impossible_subset_is_refused(keys, expected):
    with pytest.raises(ContractError, match=expected):
        CONTRACT.subset(keys)


def test_a_bundle_may_use_a_subset_but_not_other_data():
    bundle = CONTRACT.subset(['joints', 'tool'])
    assert not differences(bundle, CONTRACT, subset=True).refused
    assert differences(bundle, CONTRACT, subset=True).deployment == []
    assert differences(bundle, CONTRACT).refused
    without_tool = edited(
        ('observations/3', REMOVE), ('derived/0', REMOVE), ('actions/0/limits', REMOVE))
    assert differences(bundle, parse_contract(without_tool), subset=True).data == [
        'observations.tool: recorded geometry_msgs/msg/PoseStamped, current none']
    more_derived = edited(('derived/2', {
        'key': 'more', 'kind': 'periodic', 'of': 'joints', 'names': ['b']}))
    assert differences(bundle, parse_contract(more_derived), subset=True).data == [
        'derived.more: recorded none, current periodic']
