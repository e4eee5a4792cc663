import hashlib
import os
from pathlib import Path
import subprocess
import sys

from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import OPEN_M
import mujoco
import numpy as np
from ogbench.manipspace.envs.cube_env import CubeEnv
import pytest

STILL = np.zeros(4)
INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


def commands(seed, count):
    """Yield count commands: twists with some holds, gripper openings."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        twist = np.zeros(4) if k % 7 == 3 else rng.uniform(-1, 1, 4) * FULL_TWIST
        yield twist, rng.uniform(0, OPEN_M)


def drive(robot, seed=0, count=50):
    """Return the physics state after each of count control periods."""
    states = []
    for twist, opening_m in commands(seed, count):
        robot.command(twist, opening_m)
        robot.advance(25)
        states.append(robot.physics_state())
    return np.array(states)


def fingerprint(robot):
    """Return a hash of a reset and 50 commands."""
    robot.reset(2, 7)
    first = robot.physics_state()
    return hashlib.sha256(first.tobytes() + drive(robot).tobytes()).hexdigest()


@pytest.fixture(scope='module')
def plain():
    """Give OGBench's own environment, as its single-task variants make it."""
    environment = CubeEnv('single', mode='task', terminate_at_goal=False, permute_blocks=False)
    with pytest.warns(UserWarning, match='precision'):
        environment.reset(seed=0, options={'task_id': 1})
    return environment


def test_reset_is_the_same_to_the_bit_after_any_history(robot):
    first = fingerprint(robot)
    robot.reset(3, 1)
    drive(robot, seed=9, count=30)
    assert fingerprint(robot) == first
    robot.reset(2, 8)
    assert fingerprint(robot) == first


@pytest.mark.timeout(60)
def test_reset_is_the_same_in_another_process_and_warns_of_nothing(robot):
    program = ('from test_robot import fingerprint\n'
               'from lps_ros.sim.robot import SimulatedRobot\n'
               'print(fingerprint(SimulatedRobot()))')
    here = Path(__file__).parent
    other = subprocess.run(
        [sys.executable, '-W', 'error::UserWarning', '-c', program], check=True, text=True,
        capture_output=True,
        env={**os.environ, 'PYTHONPATH': f'{here}{os.pathsep}{here.parents[1]}'})
    assert other.stderr == ''
    assert other.stdout.strip() == fingerprint(robot)


@pytest.mark.parametrize(('task', 'seed'), [(1, 0), (4, 11)])
def test_reset_places_everything_where_ogbench_does(robot, plain, task, seed):
    robot.reset(task, seed)
    with pytest.warns(UserWarning, match='precision'):
        _, info = plain.reset(seed=seed, options={'task_id': task})
    state = robot.state()
    assert np.array_equal(state.joint_positions, info['proprio/joint_pos'])
    assert np.array_equal(state.tool.position, info['proprio/effector_pos'])
    assert np.array_equal(state.cube.position, info['privileged/block_0_pos'])
    assert np.array_equal(state.goal.position, plain.cur_task_info['goal_xyzs'][0])
    assert state.tool.yaw_rad == pytest.approx(info['proprio/effector_yaw'][0])
    assert state.cube.yaw_rad == pytest.approx(info['privileged/block_0_yaw'][0])


def test_a_control_period_is_a_step_of_ogbench_to_the_bit(robot, plain):
    robot.reset(1, 3)
    mujoco.mj_setState(plain.model, plain.data, robot.physics_state(), INTEGRATION)
    mujoco.mj_forward(plain.model, plain.data)
    moves = [(twist, opening) for twist, opening in commands(4, 60) if twist.any()]
    for twist, opening_m in moves:
        closed = plain.compute_ob_info()['proprio/gripper_opening'][0]
        action = np.append(twist / FULL_TWIST, (1 - opening_m / OPEN_M) - closed)
        _, _, _, _, info = plain.step(action)
        robot.command(twist, opening_m)
        robot.advance(10)
        robot.advance(15)
        assert np.array_equal(robot.physics_state(), full_state(plain))
        assert robot.progress.success == info['success']


def full_state(environment):
    """Return what SimulatedRobot.physics_state returns, of OGBench's environment."""
    state = np.empty(mujoco.mj_stateSize(environment.model, INTEGRATION))
    mujoco.mj_getState(environment.model, environment.data, state, INTEGRATION)
    return state


@pytest.mark.parametrize('run_up', [0, 10])
def test_zero_twist_holds_the_arm(robot, run_up):
    robot.reset(1, 0)
    for _ in range(run_up):
        robot.command(np.array([0.0, -1.0, 0.0, 0.0]), OPEN_M)
        robot.advance(25)
    before = robot.state().tool.position
    for _ in range(100):
        robot.command(STILL, OPEN_M)
        robot.advance(25)
    assert np.linalg.norm(robot.state().tool.position - before) < 0.005


def test_moves_along_the_commanded_axis(robot):
    robot.reset(1, 0)
    before = robot.state().tool
    for _ in range(6):
        robot.command(np.array([0.0, -1.0, 0.0, 3.0]), OPEN_M)
        robot.advance(25)
    after = robot.state()
    moved = after.tool.position - before.position
    assert -0.16 < moved[1] < -0.08
    assert abs(moved[0]) < 0.02 and abs(moved[2]) < 0.02
    assert 0.05 < after.tool.yaw_rad - before.yaw_rad < 0.3
    assert after.time_s == pytest.approx(0.3)


def test_the_gripper_follows_an_absolute_opening(robot):
    robot.reset(1, 0)
    for wanted in (0.04, 0.0, OPEN_M):
        robot.grip(wanted)
        robot.advance(250)
        assert robot.state().gripper_opening_m == pytest.approx(wanted, abs=0.003)


@pytest.mark.parametrize(('twist', 'opening_m'), [
    (np.zeros(3), 0.0), (np.array([0.0, np.nan, 0.0, 0.0]), 0.0), (np.zeros(4), np.inf)])
def test_refuses_what_is_no_command(robot, twist, opening_m):
    robot.reset(1, 0)
    before = robot.physics_state()
    with pytest.raises(ValueError, match='expected four finite velocities'):
        robot.command(twist, opening_m)
    assert np.array_equal(robot.physics_state(), before)


def test_refuses_a_task_that_ogbench_lacks(robot):
    with pytest.raises(ValueError, match='task is 6, expected 1 to 5'):
        robot.reset(6, 0)


def test_an_episode_is_done_when_its_steps_are_used_up(robot):
    robot.reset(1, 0, episode_steps=3)
    robot.advance(74)
    assert (robot.progress.step, robot.progress.done) == (2, False)
    robot.advance(1)
    assert (robot.progress.step, robot.progress.done) == (3, True)
