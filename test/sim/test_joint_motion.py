"""The simulated arm led by joint trajectories, and the device that makes them of tool speeds."""

from types import SimpleNamespace

from lps_ros.sim.commands import as_message
from lps_ros.sim.commands import joint_trajectory
from lps_ros.sim.joint_teleoperation import JointTeleoperation
from lps_ros.sim.operator import ClumsyOperator
from lps_ros.sim.operator import OperatorSettings
from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np
import pytest


@pytest.fixture(scope='module')
def device():
    return JointTeleoperation(tremor_rad=0.0)


def test_the_joints_go_where_the_trajectory_leads_and_rest_there(robot):
    robot.reset(1, 0)
    begin = robot.state().joint_positions
    end = begin + [0.2, -0.15, 0.1, 0.1, -0.1, 0.3]
    halfway = 0.5 * (begin + end)
    robot.follow(JointTrajectory(
        times_s=np.array([0.5, 1.0]), positions=np.array([halfway, end]),
        velocities=np.array([(end - begin) * 1.5, np.zeros(6)])))
    errors = []
    for k in range(50):
        robot.advance(10)
        share = 0.02 * (k + 1)
        errors.append(robot.state().joint_positions
                      - (begin + (end - begin) * (3 * share**2 - 2 * share**3)))
    # One cubic in two parts. Wrist 3 has the weakest servo.
    assert np.abs(errors)[:, :5].max() < 4e-3 and np.abs(errors)[:, 5].max() < 0.02
    robot.advance(250)
    state = robot.state()
    np.testing.assert_allclose(state.joint_positions, end, atol=1e-3)
    assert np.abs(state.joint_velocities).max() < 2e-3


def test_a_twist_or_a_hold_ends_a_trajectory(robot):
    robot.reset(1, 0)
    for stop in (robot.hold, lambda: robot.command(0.1 * FULL_TWIST, OPEN_M)):
        robot.follow(JointTrajectory(
            times_s=np.array([10.0]), positions=robot.state().joint_positions[None] + 1.0))
        robot.advance(25)
        assert robot.following
        stop()
        assert not robot.following


def test_what_cannot_be_followed_moves_nothing(robot):
    robot.reset(1, 0)
    with pytest.raises(ValueError, match='not finite'):
        robot.command(JointTrajectory(
            times_s=np.array([0.1]), positions=np.full((1, 6), np.nan)), OPEN_M)
    before = robot.state().joint_positions
    robot.advance(50)
    np.testing.assert_allclose(robot.state().joint_positions, before, atol=1e-4)


def test_the_device_leads_the_tool_at_half_the_speed_pointing_down(robot, device):
    robot.reset(1, 3)
    device.reset(0)
    twist = np.array([0.2, -0.1, 0.1, 0.6])
    begin = robot.state().tool
    for _ in range(10):
        state = robot.state()
        robot.command(device.trajectory(twist, state.joint_positions), OPEN_M)
        robot.advance(25)
    end = robot.state().tool
    moved = (end.position - begin.position) / 0.5
    np.testing.assert_allclose(moved, 0.5 * twist[:3], atol=0.015)
    assert (end.yaw_rad - begin.yaw_rad) / 0.5 == pytest.approx(0.3, abs=0.06)
    x, y, _, _ = end.quaternion
    assert 1 - 2 * (x * x + y * y) < -0.9995, 'the gripper is tilted'
    held = device.trajectory(np.zeros(4), robot.state().joint_positions).positions
    again = device.trajectory(np.zeros(4), robot.state().joint_positions + 0.1).positions
    np.testing.assert_array_equal(held, again)


def test_joints_tremble_anew_at_every_command_and_alike_for_a_seed(robot):
    robot.reset(1, 0)
    begin = robot.state().joint_positions
    device = JointTeleoperation(tremor_rad=0.01)

    def targets(seed):
        device.reset(seed)
        return np.concatenate([
            device.trajectory(np.zeros(4), begin).positions for _ in range(200)])

    first = targets(5)
    np.testing.assert_allclose(first.std(axis=0), 0.01, rtol=0.2)
    np.testing.assert_allclose(first.mean(axis=0), begin, atol=0.003)
    np.testing.assert_array_equal(targets(5), first)
    assert (targets(6) != first).all()


def test_the_operator_places_the_cube_by_trembling_joints(robot):
    device, placed = JointTeleoperation(), 0
    for seed in range(6):
        operator = ClumsyOperator(OperatorSettings())
        robot.reset(1, seed)
        operator.reset(seed)
        device.reset(seed)
        while not robot.progress.done:
            state = robot.state()
            twist, opening_m = operator.act(state)
            robot.command(device.trajectory(twist, state.joint_positions), opening_m)
            robot.advance(25)
        placed += robot.progress.placed
    assert placed >= 3


def message(**changes):
    """Return two points of a trajectory as plain field values, the joints in reverse."""
    points = [{'positions': [float(10 * k + j) for j in range(6)], 'velocities': [],
               'time_from_start': {'sec': 0, 'nanosec': 50_000_000 * (k + 1)}} for k in range(2)]
    return as_message({
        'header': {'stamp': {'sec': 2, 'nanosec': 10_000_000}, 'frame_id': ''},
        'joint_names': list(reversed(JOINT_NAMES)), 'points': points, **changes})


def test_a_message_is_read_by_name_and_timed_from_now():
    found = joint_trajectory(message(), 2_000_000_000)
    np.testing.assert_allclose(found.times_s, [0.06, 0.11])
    np.testing.assert_array_equal(found.positions[1], [15, 14, 13, 12, 11, 10])
    assert found.velocities is None
    unstamped = message(header={'stamp': {'sec': 0, 'nanosec': 0}, 'frame_id': ''})
    np.testing.assert_allclose(
        joint_trajectory(unstamped, 2_000_000_000).times_s, [0.05, 0.1])


def point(positions, velocities=(), nanosec=50_000_000):
    return SimpleNamespace(positions=list(positions), velocities=list(velocities),
                           time_from_start=SimpleNamespace(sec=0, nanosec=nanosec))


@pytest.mark.parametrize(('changes', 'says'), [
    ({'joint_names': list(JOINT_NAMES[:5])}, 'has joints .* expected'),
    ({'joint_names': [*JOINT_NAMES[:5], 'elbow_joint']}, 'has joints'),
    ({'points': []}, 'no positions'),
    ({'points': [point([0] * 5)]}, 'positions a point, expected 6'),
    ({'points': [point([0] * 6, [0] * 6), point([0] * 6, (), 100_000_000)]}, 'velocities a point'),
    ({'points': [point([0] * 6), point([0] * 6)]}, 'ascend'),
    ({'points': [point([float('nan')] * 6)]}, 'not finite'),
    ({'header': {'stamp': {'sec': 1, 'nanosec': 0}, 'frame_id': ''}}, 'ended 900 ms ago'),
])
def test_a_message_that_cannot_be_followed_says_why(changes, says):
    with pytest.raises(ValueError, match=says):
        joint_trajectory(message(**changes), 2_000_000_000)
