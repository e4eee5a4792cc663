"""Commands within range, step and workspace."""

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
