"""Commands within range, step and workspace."""

from hypothesis import given
from hypothesis import strategies as st
from lps_ros.contract import parse_contract
from lps_ros.control.limits import CommandLimiter
from lps_ros.control.limits import CommandRefused
import numpy as np
import pytest

_CONTRACT = """
name: arm
rate_hz: 20
observations:
  - {key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: 0.1}
actions:
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [angular.z, linear.x, linear.z]
    scale: {low: [-6, -1, -1], high: [6, 1, 1]}
    limits:
      low: [-6, -0.5, -1]
      high: [6, 0.5, 1]
      step: [100, 0.2, 100]
      workspace: {observation: tool, low: [0.2, -0.3, 0.0], high: [0.6, 0.3, 0.4]}
    stop: zeros
  - key: gripper
    topic: gripper
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {low: [0.0], high: [0.08]}
    limits: {low: [0.0], high: [0.08], step: [0.01]}
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""
_POSE_CONTRACT = """
name: arm
rate_hz: 20
observations:
  - {key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: 0.1}
actions:
  - key: pose
    topic: pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    scale: {low: [-1, -1, -1, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]}
    limits:
      workspace: {observation: tool, low: [0.2, -0.3, 0.0], high: [0.6, 0.3, 0.4]}
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""
_NOWHERE_NEAR = (0.4, 0.0, 0.2)


def _apply(command, previous=(0.0, 0.0, 0.0, np.nan), position=_NOWHERE_NEAR):
    return CommandLimiter(parse_contract(_CONTRACT)).apply(
        np.array(command, float), np.array(previous, float),
        {'tool': np.array([*position, 0.0, 0.0, 0.0, 1.0])})


def test_a_command_within_all_limits_passes_untouched():
    wanted = [1.0, 0.1, -0.3, 0.05]
    command, notes = _apply(wanted)
    assert command.tolist() == wanted
    assert notes == []


def test_range_is_clipped_and_noted():
    command, notes = _apply([7.0, 0.0, -2.0, 0.09])
    assert command.tolist() == [6.0, 0.0, -1.0, 0.08]
    assert notes == ['twist.angular.z 7 limited to 6 by range',
                     'twist.linear.z -2 limited to -1 by range',
                     'gripper.opening 0.09 limited to 0.08 by range']


def test_a_step_is_limited_against_the_command_in_force():
    command, notes = _apply([0.0, 0.5, 0.0, 0.05], previous=[0.0, 0.1, 0.0, 0.03])
    np.testing.assert_allclose(command, [0.0, 0.3, 0.0, 0.04])
    assert [note.split()[0] for note in notes] == ['twist.linear.x', 'gripper.opening']
    command, _ = _apply([0.0, -0.5, 0.0, 0.03], previous=[0.0, 0.1, 0.0, 0.03])
    np.testing.assert_allclose(command, [0.0, -0.1, 0.0, 0.03])


def test_an_unknown_command_in_force_sets_no_step_limit():
    command, _ = _apply([0.0, 0.0, 0.0, 0.07])
    assert command[3] == 0.07


def test_at_rest_velocities_are_zero_and_held_channels_unknown():
    at_rest = CommandLimiter(parse_contract(_CONTRACT)).at_rest
    np.testing.assert_array_equal(at_rest, [0.0, 0.0, 0.0, np.nan])


@pytest.mark.parametrize(('position', 'wanted', 'expected'), [
    ((0.4, 0.0, 0.0), -1.0, 0.0),  # at the floor, outwards
    ((0.4, 0.0, -0.01), -1.0, 0.0),  # below it, outwards
    ((0.4, 0.0, -0.01), 0.7, 0.7),  # below it, inwards
    ((0.4, 0.0, 0.4), 1.0, 0.0),  # at the ceiling
    ((0.4, 0.0, 0.4), -1.0, -1.0),  # at the ceiling, inwards
    ((0.4, 0.0, 0.02), -1.0, -0.4),  # one period from the floor
    ((0.4, 0.0, 0.02), -0.3, -0.3),
])
def test_the_tool_does_not_leave_the_workspace(position, wanted, expected):
    command, notes = _apply([1.0, 0.1, wanted, 0.05], position=position)
    np.testing.assert_allclose(command, [1.0, 0.1, expected, 0.05])
    assert bool(notes) == (wanted != expected)


def test_the_workspace_wins_over_the_step_limit():
    command, notes = _apply(
        [0.0, 0.5, 0.0, 0.05], previous=[0.0, 0.5, 0.0, 0.05], position=(0.6, 0.0, 0.2))
    assert command[1] == 0.0
    assert notes == ['twist.linear.x 0.5 limited to 0 by workspace']


def test_commanded_positions_are_clipped_to_the_workspace():
    limiter = CommandLimiter(parse_contract(_POSE_CONTRACT))
    command, notes = limiter.apply(
        np.array([0.9, -0.9, 0.2, 1, 0, 0, 0, 1, 0.0]), limiter.at_rest,
        {'tool': np.array([0.4, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0])})
    np.testing.assert_allclose(command, [0.6, -0.3, 0.2, 1, 0, 0, 0, 1, 0])
    assert len(notes) == 2


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_non_finite_command_is_refused_by_name(value):
    with pytest.raises(CommandRefused, match='non-finite value in twist.linear.x'):
        _apply([0.0, value, 0.0, 0.05])


def test_a_non_finite_or_missing_tool_position_is_refused():
    with pytest.raises(CommandRefused, match="observation 'tool' has a non-finite position"):
        _apply([0.0, 0.1, 0.0, 0.05], position=(np.nan, 0.0, 0.2))
    limiter = CommandLimiter(parse_contract(_CONTRACT))
    with pytest.raises(CommandRefused, match="needs observation 'tool'"):
        limiter.apply(np.zeros(4), limiter.at_rest, {})


_JOINT_CONTRACT = """
name: arm
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [velocity, position], names: [a, b, c], max_age_s: 0.1}
actions:
  - key: gripper
    topic: gripper
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {low: [0.0], high: [0.08]}
    stop: hold
  - key: arm
    topic: arm
    type: trajectory_msgs/msg/JointTrajectory
    names: [c, a]
    scale: {low: [-3, -3], high: [3, 3]}
    limits:
      step: [0.1, 0.05]
      velocity: [1.0, 4.0]
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""


@pytest.fixture
def joints():
    return CommandLimiter(parse_contract(_JOINT_CONTRACT))


def test_velocity_and_step_limit_what_a_period_changes(joints):
    command, notes = joints.apply(np.array([0.0, 3, -3]), np.array([np.nan, 2, 1]), {})
    np.testing.assert_allclose(command, [0.0, 2.05, 0.95])  # by velocity, by step
    assert [note.split()[-1] for note in notes] == ['step', 'step']


@pytest.mark.parametrize(('send', 'share', 'from_rest', 'against_it'), [
    ('point', 1.0, 0.05, 0.05), ('chunk', 0.0, 0.05 / 1.5, 0.05 / 1.5),
    ('chunk', 0.5, 0.05 / 1.5, (0.5 + 1.5 ** 0.5) / 60), ('chunk', 1.0, 0.05 / 1.5, 2**0.5 / 60)])
def test_a_chunk_turns_round_so_slowly_that_its_velocity_holds(
        send, share, from_rest, against_it):
    limiter = CommandLimiter(parse_contract(
        _JOINT_CONTRACT.replace('stop: hold\ntask', f'stop: hold\n    send: {send}\ntask')))
    for sign in (1, -1):
        for goes, step in ((sign, from_rest), (-sign, against_it)):
            command, _ = limiter.apply(
                np.array([0.0, 3 * sign, 0]), np.zeros(3), {},
                velocity=np.array([0.0, share * goes, 0.0]))
            assert command[1] == pytest.approx(sign * step)


def test_a_part_of_a_period_allows_a_part_of_the_step(joints):
    for periods, moved in ((0.0, 0.0), (0.5, 0.5), (np.array([1.0, 0.5, 0.0]), [0.05 / 2, 0])):
        command, _ = joints.apply(
            np.array([0.08, 3, 3]), np.array([0.0, 2, 1]), {}, periods=periods)
        np.testing.assert_allclose(command[1:], np.add(
            [2, 1], moved if np.ndim(moved) else np.multiply(moved, [0.05, 0.05])))
        assert command[0] == 0.08  # without a step limit


def test_range_wins_over_step(joints):
    command, _ = joints.apply(np.array([0.0, 2, 2]), np.array([0.0, 3.5, -9]), {})
    np.testing.assert_allclose(command, [0.0, 3.0, -3.0])


def test_only_the_named_actions_are_commanded(joints):
    previous = np.array([np.nan, 2.0, 1.0])
    command, notes = joints.apply(
        np.array([0.5, np.nan, np.nan]), previous, {}, keys=['gripper'])
    np.testing.assert_array_equal(command, [0.08, 2, 1])
    assert notes == ['gripper.opening 0.5 limited to 0.08 by range']
    with pytest.raises(CommandRefused, match='non-finite value in arm.a'):
        joints.apply(np.array([np.nan, 2.0, np.inf]), previous, {}, keys=['arm'])


def test_the_columns_of_an_action(joints):
    assert joints.columns('gripper') == slice(0, 1)
    assert joints.columns('arm') == slice(1, 3)


_ANY = st.floats(-20, 20)
_LIMITED = CommandLimiter(parse_contract(_CONTRACT))
_LOW, _HIGH = np.array([-6, -0.5, -1, 0.0]), np.array([6, 0.5, 1, 0.08])
_STEP = np.array([100, 0.2, 100, 0.01])


@given(wanted=st.lists(st.tuples(_ANY, _ANY, _ANY, _ANY), min_size=1, max_size=10),
       position=st.tuples(st.floats(0, 0.8), st.floats(-0.5, 0.5), st.floats(-0.2, 0.6)),
       periods=st.floats(0, 1))
def test_nothing_leaves_range_step_or_box_whatever_is_wanted(wanted, position, periods):
    """The tool follows each command for one period."""
    low, high = np.array([0.2, -0.3, 0.0]), np.array([0.6, 0.3, 0.4])
    previous, position = _LIMITED.at_rest, np.array(position)
    for command in np.array(wanted):
        sent, notes = _LIMITED.apply(
            command, previous, {'tool': np.array([*position, 0, 0, 0, 1])}, periods=periods)
        assert (sent >= _LOW).all() and (sent <= _HIGH).all()
        assert bool(notes) == bool((np.abs(sent - command) > 1e-6).any())
        moved = position + 0.05 * np.array([sent[1], 0, sent[2]])
        for axis in (0, 2):
            # Within the box, or not farther from it than before.
            assert moved[axis] >= min(low[axis], position[axis]) - 1e-9
            assert moved[axis] <= max(high[axis], position[axis]) + 1e-9
        braked = (moved <= low + 1e-9) | (moved >= high - 1e-9)
        step = np.where(np.isfinite(previous), np.abs(sent - previous), 0.0)
        assert step[[0, 3]] == pytest.approx(np.minimum(step, _STEP * periods)[[0, 3]])
        assert braked[0] or step[1] <= 0.2 * periods + 1e-9
        assert braked[2] or step[2] <= 100 * periods + 1e-9
        previous, position = sent, moved


@given(wanted=st.lists(st.tuples(_ANY, _ANY, _ANY), min_size=1, max_size=10),
       begin=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_positions_move_no_faster_than_their_velocity_limit(wanted, begin):
    limiter = CommandLimiter(parse_contract(_JOINT_CONTRACT))
    previous = np.array([np.nan, *begin])
    for command in np.array(wanted):
        sent, _ = limiter.apply(command, previous, {})
        assert (np.abs(sent) <= [0.08, 3, 3]).all()
        assert (np.abs(sent - previous)[1:] <= 0.05 + 1e-9).all()
        previous = sent


@given(wanted=st.lists(st.tuples(_ANY, _ANY, _ANY, _ANY), min_size=1, max_size=10),
       position=st.tuples(st.floats(0, 0.8), st.floats(-0.5, 0.5), st.floats(-0.2, 0.6)))
def test_what_follows_a_command_is_limited_as_each_would_be(wanted, position):
    rows = {'tool': np.array([*position, 0.0, 0.0, 0.0, 1.0])}
    first, *rest = np.array(wanted)
    one_by_one = [_LIMITED.apply(first, _LIMITED.at_rest, rows)[0]]
    for command in rest:
        one_by_one.append(_LIMITED.apply(command, one_by_one[-1], rows)[0])
    together = _LIMITED.follow(one_by_one[0], np.reshape(rest, (-1, 4)), rows)
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-12)


def test_what_follows_is_refused_where_it_is_not_finite():
    with pytest.raises(CommandRefused, match='non-finite value in gripper.opening$'):
        _LIMITED.follow(np.zeros(4), np.array([[0, 0, 0, 0.01], [0, 0, 0, np.nan]]),
                        {'tool': np.array([0.4, 0, 0.2, 0, 0, 0, 1])})
