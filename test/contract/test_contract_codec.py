from functools import partial

from contract_texts import edited
from contract_texts import EVERY_TYPE
from lps_ros.contract import ActionCodec
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import parse_contract
from lps_ros.contract import row_width
from lps_ros.contract.rotations import rotation_matrix
from lps_ros.nodes.ros_messages import to_ros
import numpy as np
import pytest

CONTRACT = parse_contract(EVERY_TYPE)
CODEC = ActionCodec(CONTRACT)
IN_CHUNKS = ActionCodec(parse_contract(edited(('actions/2/send', 'chunk'))))
STAMP_NS = 1_790_000_000_123_456_789
STAMP = {'sec': 1_790_000_000, 'nanosec': 123_456_789}
LEVEL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
COMMAND = np.array([0.5, -2.0, 0.04, 1.0, 2.0, 0.1, 0.2, 0.3, *LEVEL, 0.7, -4.0])


def random_rows(count):
    rng = np.random.default_rng(1)
    return {a.key: rng.normal(size=(count, row_width(a))) for a in CONTRACT.actions}


def test_names_and_scale_follow_the_contract():
    assert CODEC.names == (
        'twist.linear.x', 'twist.angular.z', 'gripper.opening', 'arm.b', 'arm.a',
        'pose.position.x', 'pose.position.y', 'pose.position.z', 'pose.sixd.r00', 'pose.sixd.r10',
        'pose.sixd.r20', 'pose.sixd.r01', 'pose.sixd.r11', 'pose.sixd.r21',
        'servo.velocity.c', 'servo.effort.c')
    assert CODEC.size == 16
    assert CODEC.low[:3].tolist() == [-1.0, -6.0, 0.0]
    assert CODEC.high[:3].tolist() == [1.0, 6.0, 0.085]
    assert sum(action.width for action in CONTRACT.actions) == CODEC.size


def test_physical_joins_the_rows_in_the_contracts_order():
    rows = random_rows(4)
    physical = CODEC.physical(rows)
    assert physical.shape == (4, 16)
    assert physical.dtype == np.float64
    np.testing.assert_array_equal(physical[:, :2], rows['twist'])
    np.testing.assert_array_equal(physical[:, 3:5], rows['arm'])
    np.testing.assert_array_equal(physical[:, 5:8], rows['pose'][:, :3])
    np.testing.assert_allclose(
        physical[:, 8:11], rotation_matrix(rows['pose'][:, 3:])[:, :, 0], atol=1e-12)
    np.testing.assert_array_equal(physical[:, 14:], rows['servo'])


def test_normalising_and_back_is_the_identity_within_the_scale():
    rng = np.random.default_rng(2)
    physical = rng.uniform(CODEC.low, CODEC.high, (100, 16))
    normalised = CODEC.normalise(physical)
    assert normalised.dtype == np.float32
    assert np.abs(normalised).max() <= 1.0
    np.testing.assert_allclose(CODEC.denormalise(normalised), physical, atol=1e-6)
    np.testing.assert_array_equal(CODEC.normalise(CODEC.low), -np.ones(16))
    np.testing.assert_array_equal(CODEC.normalise(CODEC.high), np.ones(16))
    np.testing.assert_array_equal(CODEC.denormalise(np.ones(16)), CODEC.high)
    np.testing.assert_array_equal(CODEC.denormalise(-np.ones(16)), CODEC.low)


def test_values_beyond_the_scale_are_clipped():
    np.testing.assert_array_equal(CODEC.normalise(CODEC.high + 1.0), np.ones(16))
    np.testing.assert_array_equal(CODEC.denormalise(np.full(16, -9.0)), CODEC.low)
    assert np.isnan(CODEC.denormalise(np.full(16, np.nan))).all()


def test_messages_carry_the_values_in_ros_fields():
    twist, gripper, arm, pose, servo = CODEC.messages(COMMAND, STAMP_NS)
    assert (twist.key, twist.topic, twist.type) == (
        'twist', 'twist', 'geometry_msgs/msg/TwistStamped')
    assert twist.content == {
        'header': {'stamp': STAMP, 'frame_id': 'base_link'},
        'twist': {'linear': {'x': 0.5, 'y': 0.0, 'z': 0.0},
                  'angular': {'x': 0.0, 'y': 0.0, 'z': -2.0}}}
    assert gripper.content == {'data': [0.04]}
    assert arm.content == {
        'header': {'stamp': STAMP, 'frame_id': ''}, 'joint_names': ['b', 'a'],
        'points': [{'positions': [1.0, 2.0],
                    'time_from_start': {'sec': 0, 'nanosec': 50_000_000}}]}
    assert pose.content == {
        'header': {'stamp': STAMP, 'frame_id': 'base_link'},
        'pose': {'position': {'x': 0.1, 'y': 0.2, 'z': 0.3},
                 'orientation': {'x': 0.0, 'y': 0.0, 'z': 0.0, 'w': 1.0}}}
    assert servo.content == {
        'header': {'stamp': STAMP, 'frame_id': ''}, 'name': ['c'],
        'velocity': [0.7], 'effort': [-4.0]}


def test_messages_read_back_as_the_command():
    rows = {message.key: extract(CONTRACT.action(message.key), to_ros(message))[None]
            for message in CODEC.messages(COMMAND, STAMP_NS)}
    np.testing.assert_allclose(CODEC.physical(rows)[0], COMMAND, atol=1e-12)


def test_a_chunk_is_one_trajectory_per_channel():
    chunk = np.stack([COMMAND, COMMAND + 0.01, COMMAND + 0.03])
    twist, gripper, arm, pose, servo = CODEC.chunk_messages(chunk, STAMP_NS)
    times = [{'sec': 0, 'nanosec': n * 50_000_000} for n in (1, 2, 3)]
    for message in (twist, gripper, arm, pose, servo):
        assert message.topic == f'chunk/{message.key}'
        assert message.content['header']['stamp'] == STAMP
        assert [point['time_from_start'] for point in message.content['points']] == times
        assert len(to_ros(message).points) == 3
    assert twist.type == pose.type == 'trajectory_msgs/msg/MultiDOFJointTrajectory'
    assert twist.content['header']['frame_id'] == 'base_link'
    assert twist.content['points'][1]['velocities'][0]['angular']['z'] == -1.99
    assert pose.content['points'][0]['transforms'][0]['translation'] == {
        'x': 0.1, 'y': 0.2, 'z': 0.3}
    assert gripper.type == arm.type == servo.type == 'trajectory_msgs/msg/JointTrajectory'
    assert gripper.content['joint_names'] == ['opening']
    assert 'velocities' not in gripper.content['points'][0]
    assert servo.content['points'][0]['velocities'] == [0.7]
    assert servo.content['points'][0]['effort'] == [-4.0]
    velocities = [point['velocities'] for point in arm.content['points']]
    np.testing.assert_allclose(velocities, [[0.2, 0.2], [0.2, 0.2], [0.0, 0.0]], atol=1e-9)


def test_a_chunk_of_one_step_has_no_velocity():
    arm = CODEC.chunk_messages(COMMAND[None], STAMP_NS)[2]
    assert arm.content['points'] == [
        {'positions': [1.0, 2.0], 'time_from_start': {'sec': 0, 'nanosec': 50_000_000}}]


def path(*arm):
    """Return commands (H, A) whose arm goes through these positions of both its joints."""
    commands = np.tile(COMMAND, (len(arm), 1))
    commands[:, 3:5] = np.array(arm)[:, None]
    return commands


def points(message):
    """Return times in ms, positions and velocities of a trajectory as ROS has it."""
    points = to_ros(message).points
    return ([point.time_from_start.sec * 1e3 + point.time_from_start.nanosec / 1e6
             for point in points],
            np.array([point.positions for point in points]),
            np.array([point.velocities for point in points]))


def test_a_channel_that_sends_chunks_is_sent_all_that_follows():
    ahead = path(1.0, 1.2, 1.3, 1.0)
    twist, gripper, arm, pose, servo = IN_CHUNKS.tick_messages(ahead, path(0.9)[0], STAMP_NS)
    assert [twist, gripper, pose, servo] == [
        message for message in CODEC.messages(ahead[0], STAMP_NS) if message.key != 'arm']
    assert (arm.topic, arm.type) == ('trajectory', 'trajectory_msgs/msg/JointTrajectory')
    assert arm.content['header'] == {'stamp': STAMP, 'frame_id': ''}
    assert to_ros(arm).joint_names == ['b', 'a']
    times, positions, velocities = points(arm)
    assert times == [50.0, 100.0, 150.0, 200.0]
    np.testing.assert_array_equal(positions, ahead[:, 3:5])
    # The smaller slope of the periods beside, of 50 ms each; at rest where it turns and ends.
    np.testing.assert_allclose(velocities, np.array([[2.0], [2.0], [0.0], [0.0]]) * [1, 1],
                               atol=1e-9)


def test_a_motion_from_nowhere_begins_as_it_goes_on():
    ahead, before = path(1.0, 1.2, 1.3), path(0.9)[0]
    before[4] = np.nan
    arm = IN_CHUNKS.tick_messages(ahead, before, STAMP_NS)[2]
    np.testing.assert_allclose(points(arm)[2], [[2.0, 4.0], [2.0, 2.0], [0.0, 0.0]], atol=1e-9)


def test_the_last_of_a_chunk_comes_to_rest():
    times, positions, velocities = points(
        IN_CHUNKS.tick_messages(path(1.0), path(0.9)[0], STAMP_NS)[2])
    assert times == [50.0]
    assert positions.tolist() == [[1.0, 1.0]] and velocities.tolist() == [[0.0, 0.0]]


def test_without_chunks_a_tick_is_its_command():
    assert CODEC.tick_messages(path(1.0, 1.2), path(0.9)[0], STAMP_NS) == CODEC.messages(
        path(1.0)[0], STAMP_NS)


def test_what_is_sent_of_a_chunk_reads_back_as_the_ticks_command():
    ahead = np.stack([COMMAND, COMMAND + 0.01, COMMAND + 0.03])
    rows = {message.key: extract(CONTRACT.action(message.key), to_ros(message))[None]
            for message in IN_CHUNKS.tick_messages(ahead, COMMAND, STAMP_NS)}
    np.testing.assert_allclose(IN_CHUNKS.physical(rows)[0], COMMAND, atol=1e-12)


def test_a_stop_ends_a_chunk_under_way_within_one_period():
    hold = np.full(16, np.nan)
    assert [message.key for message in IN_CHUNKS.stop(STAMP_NS, hold)] == ['twist', 'servo']
    hold[3:5] = 0.5, -0.5
    twist, arm, servo = IN_CHUNKS.stop(STAMP_NS, hold)
    assert [twist, servo] == CODEC.stop(STAMP_NS)
    assert arm.topic == 'trajectory' and to_ros(arm).joint_names == ['b', 'a']
    # At once, whatever clock the controller has.
    assert arm.content['header']['stamp'] == {'sec': 0, 'nanosec': 0}
    times, positions, velocities = points(arm)
    assert times == [50.0]
    assert positions.tolist() == [[0.5, -0.5]] and velocities.tolist() == [[0.0, 0.0]]


def test_a_stop_sends_zeros_only_where_the_contract_says_so():
    stop = CODEC.stop(STAMP_NS)
    assert [message.key for message in stop] == ['twist', 'servo']
    assert extract(CONTRACT.action('twist'), to_ros(stop[0])).tolist() == [0.0, 0.0]
    assert to_ros(stop[0]).header.stamp.nanosec == 123_456_789
    assert extract(CONTRACT.action('servo'), to_ros(stop[1])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_nothing_is_encoded_of_a_non_finite_command(bad):
    command = COMMAND.copy()
    command[[1, 4]] = bad
    expected = ('action: found non-finite values in twist.angular.z, arm.a, expected finite '
                'numbers; send nothing and check the policy')
    for encode, values in ((CODEC.messages, command),
                           (CODEC.chunk_messages, np.stack([COMMAND, command])),
                           (partial(IN_CHUNKS.tick_messages, before=COMMAND),
                            np.stack([COMMAND, command]))):
        with pytest.raises(MessageError) as caught:
            encode(values, stamp_ns=STAMP_NS)
        assert str(caught.value) == expected


@pytest.mark.parametrize(('values', 'expected'), [
    (COMMAND[:5], 'action: found shape (5,), expected (16,); use a policy of this contract'),
    (COMMAND[None], 'action: found shape (1, 16), expected (16,); use a policy of this contract'),
    (np.concatenate((COMMAND[:8], np.zeros(6), COMMAND[14:])), 'rotation of a pose: found two '
     'parallel or zero columns, expected two that span a plane; check the policy'),
])
def test_a_command_that_does_not_fit_gives_its_line(values, expected):
    with pytest.raises(MessageError) as caught:
        CODEC.messages(values, STAMP_NS)
    assert str(caught.value) == expected


@pytest.mark.parametrize(('change', 'expected'), [
    ({'arm': None}, "action 'arm': found no rows, expected (2, 2)"),
    ({'arm': np.zeros((3, 2))}, "action 'arm': found rows of shape (3, 2), expected (2, 2)"),
    ({'twist': np.zeros((2, 3))}, "action 'twist': found rows of shape (2, 3), expected (N, 2)"),
])
def test_rows_that_do_not_fit_give_their_line(change, expected):
    with pytest.raises(MessageError) as caught:
        CODEC.physical({**random_rows(2), **change})
    assert str(caught.value) == f'{expected}; pass one row per tick for every action'
