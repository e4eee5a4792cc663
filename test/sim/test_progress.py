from lps_ros.sim.progress import ProgressTracker
import pytest

FREE = {'distance_m': 0.01, 'speed_m_s': 0.0, 'opening_m': 0.08, 'touched': False}


def track(*changes, episode_steps=0):
    """Return the progress after one period for each mapping of changes to a placed cube."""
    tracker = ProgressTracker(task=1, seed=0, episode_steps=episode_steps)
    for change in changes:
        tracker.update(**{**FREE, **change})
    return tracker.progress


def test_placed_takes_half_a_second_of_rest():
    assert not track(*[{}] * 10).placed
    progress = track(*[{}] * 11)
    assert (progress.success_step, progress.placed_step, progress.done) == (1, 11, True)


@pytest.mark.parametrize('disturbance', [
    {'distance_m': 0.041}, {'speed_m_s': 0.006}, {'opening_m': 0.04}, {'touched': True}])
def test_a_disturbance_starts_the_rest_anew(disturbance):
    assert track(*[{}] * 9, disturbance, *[{}] * 11).placed_step == 21


def test_success_counts_while_the_cube_is_held_and_stays():
    progress = track({'distance_m': 0.05}, {'touched': True}, {'distance_m': 0.3})
    assert (progress.success_step, progress.placed, progress.done) == (2, False, False)


def test_nothing_changes_once_an_episode_is_done():
    progress = track({'distance_m': 1.0}, {}, episode_steps=1)
    assert (progress.step, progress.success, progress.done) == (1, False, True)
