from lps_ros.sim.trajectory import JointTrajectory
from lps_ros.sim.trajectory import TrajectoryFollower
import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline


def trajectory(times_s, positions, velocities=None):
    return JointTrajectory(
        times_s=np.array(times_s), positions=np.array(positions, float),
        velocities=None if velocities is None else np.array(velocities, float))


def followed(follower, step_s, count):
    """Return what is asked for after each of count steps: positions and velocities."""
    path = []
    for _ in range(count):
        follower.advance(step_s)
        path.append((follower.position, follower.velocity))
    return (np.array(part) for part in zip(*path))


def test_between_positions_it_is_linear():
    follower = TrajectoryFollower(np.array([0.0, 1.0]))
    follower.follow(trajectory([0.1, 0.3], [[1, 1], [1, 3]]))
    positions, velocities = followed(follower, 0.05, 8)
    np.testing.assert_allclose(
        positions, [[0.5, 1], [1, 1], [1, 1.5], [1, 2], [1, 2.5], [1, 3], [1, 3], [1, 3]],
        atol=1e-12)
    np.testing.assert_allclose(velocities[[0, 2, 6]], [[10, 0], [0, 10], [0, 0]], atol=1e-9)


def test_with_velocities_it_is_the_cubic_of_another_library():
    rng = np.random.default_rng(0)
    times_s, positions, velocities = [0.1, 0.25, 0.3], rng.normal(size=(3, 6)), rng.normal(
        size=(3, 6))
    begin = rng.normal(size=6)
    follower = TrajectoryFollower(begin)
    follower.follow(trajectory(times_s, positions, velocities))
    found, slopes = followed(follower, 0.013, 23)
    spline = CubicHermiteSpline([0.0, *times_s], np.vstack([begin, positions]),
                                np.vstack([np.zeros(6), velocities]))
    at_s = 0.013 * np.arange(1, 24)
    np.testing.assert_allclose(found, spline(at_s), atol=1e-12)
    np.testing.assert_allclose(slopes, spline.derivative()(at_s), atol=1e-10)


def test_a_new_trajectory_goes_on_from_what_was_asked_for():
    follower = TrajectoryFollower(np.zeros(1))
    follower.follow(trajectory([0.1], [[1.0]], [[5.0]]))
    follower.advance(0.05)
    before, speed = follower.position, follower.velocity
    follower.follow(trajectory([0.1], [[0.0]], [[0.0]]))
    follower.advance(1e-6)
    assert speed > 5
    np.testing.assert_allclose(follower.position, before, atol=1e-4)
    np.testing.assert_allclose(follower.velocity, speed, rtol=1e-3)


def test_points_that_have_passed_are_left_out():
    follower = TrajectoryFollower(np.array([0.5]))
    follower.follow(trajectory([-0.1, 0.0, 0.1], [[9.0], [9.0], [1.0]]))
    follower.advance(0.05)
    np.testing.assert_allclose(follower.position, [0.75])


@pytest.mark.parametrize(('bad', 'says'), [
    (trajectory([], np.zeros((0, 1))), 'no points'),
    (trajectory([0.1], [[np.nan]]), 'not finite'),
    (trajectory([0.1], [[0.0]], [[np.inf]]), 'not finite'),
    (trajectory([np.nan], [[0.0]]), 'not finite'),
    (trajectory([0.2, 0.2], [[0.0], [0.0]]), 'ascend'),
    (trajectory([-0.3, -0.02], [[0.0], [0.0]]), 'ended 20 ms ago'),
])
def test_a_fault_is_told_and_changes_nothing(bad, says):
    follower = TrajectoryFollower(np.array([0.5]))
    with pytest.raises(ValueError, match=says):
        follower.follow(bad)
    follower.advance(0.1)
    np.testing.assert_array_equal(follower.position, [0.5])
