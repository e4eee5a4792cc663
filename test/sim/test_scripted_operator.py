from dataclasses import replace

from lps_ros.sim.operator import CLEAN
from lps_ros.sim.operator import ClumsyOperator
from lps_ros.sim.operator import OperatorSettings
from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import OPEN_M
import numpy as np
import pytest


def demonstrate(robot, settings, seed, periods=200):
    """Return the commands (N, 5) of one episode."""
    operator = ClumsyOperator(settings)
    robot.reset(1, seed, episode_steps=periods)
    operator.reset(seed)
    commands = []
    while not robot.progress.done:
        twist, opening_m = operator.act(robot.state())
        robot.command(twist, opening_m)
        robot.advance(25)
        commands.append([*twist, opening_m])
    return np.array(commands)


def test_the_same_seed_gives_the_same_episode_without_global_randomness(robot):
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = demonstrate(robot, OperatorSettings(), seed=5, periods=60)
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(2)
    assert np.array_equal(demonstrate(robot, OperatorSettings(), seed=5, periods=60), first)
    assert not np.array_equal(demonstrate(robot, OperatorSettings(), 6, periods=60), first)


@pytest.mark.parametrize('seed', range(3))
def test_the_clean_operator_places_the_cube_in_time(robot, seed):
    demonstrate(robot, CLEAN, seed)
    assert robot.progress.placed_step < 90


def test_the_clumsy_operator_is_slower_and_stays_within_full_speed(robot):
    commands = demonstrate(robot, OperatorSettings(), seed=1)
    assert robot.progress.step > 90
    assert (np.abs(commands[:, :4]) <= FULL_TWIST).all()
    assert set(commands[:, 4]) == {0.0, OPEN_M}


def test_a_pause_is_a_zero_twist_with_the_gripper_as_it_was(robot):
    commands = demonstrate(robot, replace(
        CLEAN, pause_probability=1.0, pause_periods=(4, 4)), seed=0, periods=10)
    assert not commands[:, :4].any()
    assert (commands[:, 4] == OPEN_M).all()


def test_fumbles_keep_a_cube_from_its_goal(robot):
    commands = demonstrate(robot, replace(CLEAN, fumble_probability=1.0), seed=0)
    assert not robot.progress.success
    closed = commands[:, 4] == 0.0
    # It keeps grasping, and keeps dropping the cube.
    assert np.count_nonzero(np.diff(closed.astype(int)) == 1) > 2


def test_the_noise_has_the_stated_deviation_and_correlation(robot):
    robot.reset(1, 0)
    operator = ClumsyOperator(replace(CLEAN, gain=0.0, noise_std=0.1))
    operator.reset(0)
    noise = np.array([operator.act(robot.state())[0] for _ in range(4000)]) / FULL_TWIST
    assert noise.std(axis=0) == pytest.approx([0.1] * 4, rel=0.15)
    lagged = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in noise.T]
    assert lagged == pytest.approx([0.8] * 4, abs=0.05)
