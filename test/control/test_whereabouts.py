"""Where a motion begins, and whether the robot follows."""

from lps_ros.contract import parse_contract
from lps_ros.control.limits import CommandLimiter
from lps_ros.control.limits import CommandRefused
from lps_ros.control.whereabouts import Whereabouts
import numpy as np
import pytest

_CONTRACT = """
name: arm
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [velocity, position], names: [a, b, c], max_age_s: 0.1}
  - {key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: 0.1}
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
      start: {observation: joints, within: [0.2, 0.3], lag: [0.5, 0.6]}
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""
_START = '      start: {observation: joints, within: [0.2, 0.3], lag: [0.5, 0.6]}\n'
_POSE = _CONTRACT.replace("""    type: trajectory_msgs/msg/JointTrajectory
    names: [c, a]
    scale: {low: [-3, -3], high: [3, 3]}
    limits:
      step: [0.1, 0.05]
""", """    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    scale: {low: [-1, -1, -1, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]}
    limits:
""").replace(_START, '      start: {observation: tool, within: [0.1, 0.1, 0.1, 0.5]}\n')
# Velocities, then a, b, c; the action commands c, a.
_JOINTS = {'joints': np.array([9.0, 9.0, 9.0, 1.0, 9.0, 2.0])}


def _whereabouts(text=_CONTRACT):
    contract = parse_contract(text)
    return Whereabouts(contract, CommandLimiter(contract))


@pytest.fixture
def joints():
    return _whereabouts()


@pytest.mark.parametrize('text', [
    _CONTRACT, _CONTRACT.replace(_START, ''),
    _CONTRACT.replace(_START, '').replace('    names: [c, a]', '    names: [c, a]\n'
                                          '    relative_to: joints')])
def test_the_robot_is_observed_by_name(text):
    joints = _whereabouts(text)
    np.testing.assert_array_equal(joints.observed(_JOINTS), [np.nan, 2, 1])
    assert np.isnan(joints.observed({})).all()


def test_a_first_command_far_from_the_robot_is_refused_by_name(joints):
    joints.check_start(np.array([0.0, 2.19, 0.71]), _JOINTS)
    for command, line in (
            ([0, 2.21, 1], r'arm.c begins 0.21 from the observed 2, expected at most 0.2; bring'),
            ([0, 2, 0.69], r'arm.a begins 0.31 from the observed 1, expected at most 0.3; bring')):
        with pytest.raises(CommandRefused, match=line):
            joints.check_start(np.array(command), _JOINTS)


@pytest.mark.parametrize('rows', [{}, {'joints': np.full(6, np.nan)}])
def test_a_start_that_is_not_observed_is_refused(joints, rows):
    with pytest.raises(CommandRefused, match='arm.c begins nan'):
        joints.check_start(np.array([0.0, 2, 1]), rows)
    with pytest.raises(CommandRefused, match='arm.c does not follow: commanded to 2, observed at '
                       'nan'):
        joints.check_follows(np.array([0.0, 2, 1]), rows)


def test_a_motion_begins_at_the_set_point_unless_the_robot_is_elsewhere(joints):
    for in_force, expected in (
            ([0.04, 2.1, 0.8], [0.04, 2.1, 0.8]),  # it is where it was told to be
            ([0.04, 2.9, 0.8], [0.04, 2.0, 0.8]),  # c was moved otherwise
            ([np.nan] * 3, [np.nan, 2, 1])):  # never commanded
        np.testing.assert_array_equal(joints.begin(np.array(in_force), _JOINTS), expected)
    np.testing.assert_array_equal(joints.begin(np.array([0.0, 2, 1]), {}), [0, 2, 1])


def test_without_a_start_the_robot_is_elsewhere_if_it_is_more_than_a_step_away():
    joints = _whereabouts(_CONTRACT.replace(_START, ''))
    begin = joints.begin(np.array([0.04, 2.09, 0.94]), _JOINTS)
    np.testing.assert_array_equal(begin, [0.04, 2.09, 1.0])
    # No distance is too far for a first command, since it is led in.
    joints.check_start(np.array([0.0, -3, 3]), _JOINTS)
    joints.check_follows(np.array([0.0, -3, 3]), _JOINTS)
    no_step = _whereabouts(_CONTRACT.replace(_START, '').replace('    limits:\n', '').replace(
        '      step: [0.1, 0.05]\n', ''))
    np.testing.assert_array_equal(no_step.begin(np.array([0.04, 2.09, 1]), _JOINTS), [0.04, 2, 1])


def test_a_motion_from_nowhere_known_is_refused(joints):
    nowhere = np.full(3, np.nan)
    with pytest.raises(CommandRefused, match="^where arm is cannot be told without observation "
                       "'joints'$"):
        joints.begin(nowhere, {}, keys=['arm'])
    np.testing.assert_array_equal(joints.begin(nowhere, {}, keys=['gripper']), nowhere)


def test_a_robot_that_does_not_follow_is_told_by_name(joints):
    joints.check_follows(np.array([0.0, 2.49, 0.41]), _JOINTS)
    with pytest.raises(CommandRefused) as error:
        joints.check_follows(np.array([0.0, 2.49, 1.61]), _JOINTS)
    assert str(error.value) == (
        'arm.a does not follow: commanded to 1.61, observed at 1, expected at most 0.6 apart; see '
        'whether its controller is active and no protective stop holds the arm')


def test_of_a_pose_the_position_and_the_turn_are_compared():
    pose = _whereabouts(_POSE)
    rows = {'tool': np.array([0.4, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0])}
    pose.check_start(np.array([9, 0.45, 0.05, 0.2, 9, 0, 0, 4, 9, 0]), rows)
    with pytest.raises(CommandRefused, match='arm.rotation begins 1.571 from the observed one'):
        pose.check_start(np.array([9, 0.45, 0.05, 0.2, 0, 9, 0, -9, 0, 0]), rows)
    with pytest.raises(CommandRefused, match='arm.position.y begins 0.15'):
        pose.check_start(np.array([0, 0.4, 0.15, 0.2, 1, 0, 0, 0, 1, 0.0]), rows)
    np.testing.assert_array_equal(
        pose.begin(np.full(10, np.nan), rows), [np.nan, 0.4, 0, 0.2, 1, 0, 0, 0, 1, 0])
