"""How a motion begins: from where the robot is, led in, never far off."""

import numpy as np
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import TASK
from pilot_rig import texts
from pilot_rig import TimeTeller
import pytest

JOINTS = f"""
name: arm
rate_hz: 20
observations:
  - {{key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [a, b], max_age_s: 0.1}}
actions:
  - key: arm
    topic: arm
    type: trajectory_msgs/msg/JointTrajectory
    names: [a, b]
    scale: {{low: [-3, -3], high: [3, 3]}}
    limits:
      velocity: [2, 2]
      start: {{observation: joints, within: [0.5, 0.5]}}
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


_START = '      start: {observation: joints, within: [0.5, 0.5]}\n'
BY_NAME = JOINTS.replace(_START, '')
BY_OFFSET = BY_NAME.replace('    names: [a, b]\n', '    names: [a, b]\n    relative_to: joints\n')
_LAG = JOINTS.replace(', within: [0.5, 0.5]}', ', within: [0.5, 0.5], lag: [0.35, 0.4]}')


class JointRig(Rig):
    """The robot stands at `at`, wherever it is told to be; the plan wants one place."""

    def __init__(self, *, wants=(0.3, -0.3), at=(0.0, 0.0), contract=JOINTS, **how):
        super().__init__(contract, planner=TimeTeller(3, 3), **how)
        self.at = at
        self.want(wants)

    def want(self, wants, speed=0.4):
        self.planner.actions = np.full((3, 3), [*np.array(wants) / 3, speed])

    def observe(self, time_ms, value=None):
        self.pilot.gate.accept('joints', np.array(self.at, float), stamp_ns=None,
                               received_ns=round(time_ms * MS))


def _commands(rig, first, last):
    return np.array([rig.tick(tick).command for tick in range(first, last + 1)])


def test_without_a_ramp_it_moves_at_its_limits_from_the_observed_start():
    # 2 rad/s, 0.1 rad a tick; the twist has no limit but its range.
    np.testing.assert_allclose(_commands(JointRig(), 1, 4), [
        [0.1, -0.1, 0.4], [0.2, -0.2, 0.4], [0.3, -0.3, 0.4], [0.3, -0.3, 0.4]], atol=1e-6)


def test_a_ramp_leads_in_from_where_the_robot_is():
    rig = JointRig(ramp_s=0.2, at=(0.1, 0.1))
    share = np.array([0.25, 0.5, 0.75, 1.0, 1.0])[:, None]
    expected = (1 - share) * [0.1, 0.1, 0.0] + share * [0.3, -0.3, 0.4]
    np.testing.assert_allclose(_commands(rig, 1, 5), expected, atol=1e-6)


def test_the_chunk_as_a_whole_is_led_in_too():
    rig = JointRig(ramp_s=0.2)
    arm, twist = rig.tick(1).chunks
    np.testing.assert_allclose(
        [point['positions'] for point in arm.content['points']],
        [[0.075, -0.075], [0.15, -0.15], [0.225, -0.225]], atol=1e-6)
    np.testing.assert_allclose([point['velocities'][0]['linear']['x']
                                for point in twist.content['points']], [0.1, 0.2, 0.3], atol=1e-6)


@pytest.mark.parametrize('contract', [BY_NAME, BY_OFFSET])
def test_without_a_start_it_is_led_in_from_the_observed_joints(contract):
    share = np.array([0.25, 0.5, 0.75, 1.0])[:, None]
    rig = JointRig(contract=contract, ramp_s=0.2, at=(1.0, 1.0), wants=(1.2, 0.8))
    np.testing.assert_allclose(_commands(rig, 1, 4), (1 - share) * [1.0, 1.0, 0.0]
                               + share * [1.2, 0.8, 0.4], atol=1e-6)
    # However far it is to go.
    rig = JointRig(contract=contract, wants=(-2.0, 2.0), at=(1.0, 1.0))
    np.testing.assert_allclose(
        _commands(rig, 1, 2)[:, :2], [[0.9, 1.1], [0.8, 1.2]], atol=1e-6)


@pytest.mark.parametrize('contract', [BY_NAME, BY_OFFSET])
def test_without_a_start_a_robot_that_was_moved_is_not_sent_back(contract):
    rig = JointRig(contract=contract)
    _commands(rig, 1, 5)
    rig.pilot.stop(rig.now_ns)
    rig.at = (2.0, 1.0)
    assert _commands(rig, 100, 100)[0, :2] == pytest.approx([1.9, 0.9])


def test_after_a_stop_it_is_led_in_again():
    rig = JointRig(ramp_s=0.2)
    _commands(rig, 1, 6)
    rig.at = (0.3, -0.3)
    rig.pilot.stop(rig.now_ns)
    np.testing.assert_allclose(_commands(rig, 7, 10)[:, 2], [0.1, 0.2, 0.3, 0.4], atol=1e-6)


def test_a_first_action_far_from_the_robot_is_refused_and_disarms():
    rig = JointRig(wants=(0.3, -0.6))
    decision = rig.tick(1)
    assert not decision.acting and not rig.authority.armed
    assert texts(decision) == [
        'arm.b begins 0.6 from the observed 0, expected at most 0.5; bring the robot to where '
        'demonstrations start']


@pytest.mark.parametrize('contract', [JOINTS, BY_NAME])
def test_a_robot_beyond_its_limits_is_not_taken_there_at_a_leap(contract):
    """A step, 0.1, leads back; more is refused, though the plan begins where the robot is."""
    limited = contract.replace('    limits:\n', '    limits:\n      low: [-1, -1]\n')
    rig = JointRig(contract=limited, wants=(-0.8, 0.0), at=(-1.09, 0.0))
    np.testing.assert_allclose(_commands(rig, 1, 2)[:, 0], [-0.99, -0.89], atol=1e-6)
    rig = JointRig(contract=limited, wants=(-1.4, 0.0), at=(-1.4, 0.0))
    decision = rig.tick(1)
    assert not decision.acting and not rig.authority.armed
    assert texts(decision) == [
        'arm.a begins at -1.4, 0.4 from the nearest command within its limits, expected at most '
        'a step of 0.1; bring the robot within its limits']


def test_under_way_an_action_may_be_farther():
    rig = JointRig()
    rig.tick(1)
    rig.want((2.0, -2.0))
    assert all(rig.tick(tick).acting for tick in range(2, 20))


def test_a_robot_that_was_moved_while_it_stood_is_not_sent_back():
    """Armed again elsewhere, it begins there and not at its last set point."""
    rig = JointRig()
    _commands(rig, 1, 5)
    rig.pilot.stop(rig.now_ns)
    rig.at = (2.0, 1.0)
    rig.want((2.2, 1.2))
    np.testing.assert_allclose(_commands(rig, 100, 102)[:, :2], [
        [2.1, 1.1], [2.2, 1.2], [2.2, 1.2]], atol=1e-6)


def test_a_set_point_that_the_robot_holds_goes_on_without_a_step():
    """It sags a little below what it is told; a stop in between does not give that up."""
    rig = JointRig()
    before = _commands(rig, 1, 6)[-1]
    rig.at = before[:2] - 0.05
    rig.pilot.stop(rig.now_ns)
    np.testing.assert_allclose(_commands(rig, 7, 7)[0, :2], before[:2], atol=1e-6)


@pytest.mark.parametrize('ramp_s', [0.0, 0.3, 1.0])
def test_no_command_of_a_motion_is_beyond_its_velocity(ramp_s):
    rig = JointRig(ramp_s=ramp_s, at=(-0.2, 0.2), wants=(0.25, -0.25))
    commands = np.array([rig.at, *_commands(rig, 1, 30)[:, :2]])
    assert np.abs(np.diff(commands, axis=0)).max() <= 2.0 * PERIOD_MS * 1e-3 + 1e-9
    np.testing.assert_allclose(commands[-1], [0.25, -0.25], atol=1e-6)


def test_beside_the_loop_the_start_is_checked_too():
    rig = JointRig(takes_ms=3.0, wants=(0.3, 0.6))
    decisions = rig.run(1, 5)
    assert not any(decision.acting for decision in decisions.values())
    assert texts(decisions[2])[0].startswith('arm.b begins 0.6') and not rig.authority.armed


def test_a_robot_that_stops_to_think_is_led_in_after_each_stop():
    rig = Rig(horizon=4, takes_ms=120.0, stops_to_think=True, ramp_s=0.2)
    rig.planner.actions = np.full((4, 2), 0.25)
    speeds = [d.command[0] for d in rig.run(1, 40).values() if d.acting]
    assert speeds[:12] == pytest.approx([0.125, 0.25, 0.375, 0.5] * 3)


@pytest.mark.parametrize(('wants', 'speed', 'moves'), [
    ((0.0, 0.0), 0.0, False), ((0.004, 0.0), 0.04, False), ((0.006, 0.0), 0.0, True),
    ((0.0, 0.0), -0.06, True)])
def test_whether_it_moves_is_known_to_who_looks_at_the_cameras(wants, speed, moves):
    """A twentieth of the step limit for positions, and of full speed for velocities."""
    rig = JointRig()
    rig.want((0.0, 0.0), 0.0)
    for tick in range(1, 4):
        rig.tick(tick)
    assert not rig.pilot.gate.moving
    rig.want(wants, speed)
    rig.tick(4)
    assert rig.pilot.gate.moving == moves


def test_an_arm_that_does_not_follow_is_not_commanded_farther_away():
    """As in a protective stop: the joints are told of and stand still."""
    rig = JointRig(contract=_LAG, wants=(0.5, -0.5))
    np.testing.assert_allclose(_commands(rig, 1, 4)[-1, :2], [0.4, -0.4], atol=1e-6)
    decision = rig.tick(5)
    assert not decision.acting and not rig.authority.armed
    assert texts(decision) == [
        'arm.a does not follow: commanded to 0.4, observed at 0, expected at most 0.35 apart; see '
        'whether its controller is active and no protective stop holds the arm']
    # Armed again, it goes on from where the arm is or nearly is.
    rig.authority.arm()
    rig.at = (-0.2, 0.2)
    rig.want((0.1, -0.1))
    np.testing.assert_allclose(_commands(rig, 6, 6)[0, :2], [-0.1, 0.1], atol=1e-6)


def test_an_arm_that_somebody_else_moves_need_not_follow():
    rig = JointRig(contract=_LAG, wants=(0.5, -0.5), moved_otherwise=True)
    for tick in range(1, 30):
        assert rig.tick(tick).acting
        rig.want((2.9, -2.9))


def test_how_far_behind_an_arm_is_counts_from_the_third_tick_on():
    rig = JointRig(contract=_LAG.replace('[0.35, 0.4]', '[0.05, 0.05]'), wants=(0.5, -0.5))
    commands = _commands(rig, 1, 2)
    rig.at = commands[-1, :2] - 0.04
    assert rig.tick(3).acting
    assert not rig.tick(4).acting


def test_an_arm_that_follows_may_go_anywhere():
    rig = JointRig(contract=_LAG, wants=(0.5, -0.5))
    for tick in range(1, 30):
        decision = rig.tick(tick)
        assert decision.acting
        rig.at = rig.at + 0.5 * (decision.command[:2] - rig.at)
        rig.want((2.9, -2.9))
