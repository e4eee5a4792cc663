from dataclasses import replace
import os
from pathlib import Path

from lps_ros.contract import Task
from lps_ros.data import DatasetError
from lps_ros.data.cache import TrainingCache
from lps_ros.data.chunks import Chunks
from lps_ros.data.chunks import ChunkSampler
import numpy as np
import pytest

GOLDEN = Path(os.environ.get('LPS_GOLDEN', Path(__file__).parents[1] / 'golden'))
H = 3
DISCOUNT = 0.9


def make_cache(lengths, outcomes):
    """Return a cache of episodes of `lengths` transitions; every number tells its row."""
    rows = np.arange(sum(lengths) + len(lengths), dtype=np.float32)
    return TrainingCache(
        observations=rows[:, None] + np.array([0.0, 1000.0], np.float32),
        actions=rows[:, None] / 100.0, outcomes=np.array(outcomes),
        episode_offsets=np.cumsum([0, *(length + 1 for length in lengths)]),
        paths=tuple(Path(f'/data/success/episode_{number}.hdf5')
                    for number in range(len(lengths))), names=('a', 'b'), action_names=('c',))


def make_task(failure_reward=-100.0):
    return Task(name='t', success_reward=0.5, step_reward=-1.0, failure_reward=failure_reward,
                max_ticks=200)


def sampler(cache, **options):
    return ChunkSampler(cache, **{'horizon': H, 'discount': DISCOUNT, 'task': make_task(),
                                  'failures': 'unused', 'seed': 0, **options})


def test_golden_chunks():
    golden = np.load(GOLDEN / 'i_dataset_chunks.npz')
    ends = np.flatnonzero(golden['data.terminals']) + 1
    # One more row for each trajectory: what follows its last transition.
    places = np.insert(np.arange(ends[-1]), ends, ends - 1)
    final = np.cumsum(np.diff(ends, prepend=0) + 1) - 1
    # The vectors' next observations are not the observations of the next row: beside them then.
    following = np.roll(golden['data.next_observations'][places], 1, axis=0)
    observations = np.hstack([golden['data.observations'][places], following])
    chunks = Chunks(
        observations=observations, actions=golden['data.actions'][places],
        offsets=np.append(0, final + 1), rewards=golden['data.rewards'][places],
        masks=golden['data.masks'][places], padded=np.zeros(len(ends), bool),
        used=np.ones(len(ends), bool), cloned=np.ones(len(ends), bool), horizon=5, discount=0.99)
    assert places[chunks.starts].tolist() == golden['valid_indices'].tolist()
    batch = chunks.batch(chunks.starts)
    count = len(chunks.starts)
    np.testing.assert_array_equal(batch.observations[:, :3], golden['batch.observations'])
    np.testing.assert_array_equal(batch.actions, golden['batch.actions'].reshape(count, -1))
    np.testing.assert_array_equal(
        batch.next_observations[:, 3:], golden['batch.next_observations'])
    np.testing.assert_allclose(batch.rewards, golden['batch.rewards'], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(batch.masks, golden['batch.masks'])


def test_a_success_ends_at_its_last_transition_and_is_padded():
    chunks = sampler(make_cache([5], [True]))
    assert chunks.starts.tolist() == [0, 1, 2, 3, 4]
    batch = chunks.batch(chunks.starts)
    full = -1.0 - DISCOUNT - DISCOUNT**2
    np.testing.assert_allclose(batch.rewards, [
        full, full, -1.0 - DISCOUNT + DISCOUNT**2 * 0.5, -1.0 + DISCOUNT * 0.5, 0.5], rtol=1e-6)
    assert batch.masks.tolist() == [1, 1, 0, 0, 0]
    np.testing.assert_allclose(batch.actions * 100, [
        [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4], [4, 4, 4]], atol=1e-4)
    assert batch.observations[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert batch.next_observations.tolist() == [
        [3, 1003], [4, 1004], [5, 1005], [5, 1005], [5, 1005]]


def test_failures_are_used_only_on_request():
    cache = make_cache([4, 5], [False, True])
    assert sampler(cache).starts.tolist() == [5, 6, 7, 8, 9]
    chunks = sampler(cache, failures='cloned')
    assert chunks.starts.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    batch = chunks.batch(np.array([0, 1, 3]))
    np.testing.assert_allclose(batch.rewards, [
        -1.0 - DISCOUNT - DISCOUNT**2, -1.0 - DISCOUNT - 100.0 * DISCOUNT**2, -100.0], rtol=1e-6)
    assert batch.masks.tolist() == [1, 0, 0]
    assert batch.cloned.tolist() == [1, 1, 1]


def test_failures_that_are_valued_only_are_not_cloned():
    cache = make_cache([4, 5], [False, True])
    chunks, cloned = (sampler(cache, failures=each) for each in ('valued', 'cloned'))
    assert np.array_equal(chunks.starts, cloned.starts)
    batch, other = (each.batch(each.starts) for each in (chunks, cloned))
    assert batch.cloned.tolist() == 4 * [0] + 5 * [1]
    assert np.array_equal(batch.rewards, other.rewards)
    assert np.array_equal(batch.masks, other.masks)


def test_a_failure_without_a_reward_is_cut_off_by_time():
    chunks = sampler(make_cache([4, 5], [False, True]), failures='cloned',
                     task=make_task(failure_reward=None))
    assert chunks.starts.tolist() == [0, 1, 5, 6, 7, 8, 9]
    batch = chunks.batch(np.array([0, 1]))
    np.testing.assert_allclose(batch.rewards, 2 * [-1.0 - DISCOUNT - DISCOUNT**2], rtol=1e-6)
    assert batch.masks.tolist() == [1, 1]
    assert batch.next_observations[:, 0].tolist() == [3, 4]


def test_no_chunk_crosses_an_episode():
    cache = make_cache([5, 7, 4, 9], [True, False, True, True])
    chunks = sampler(cache, failures='cloned')
    batch = chunks.batch(chunks.starts)
    rows = np.rint(batch.actions * 100).astype(int)
    episode = np.searchsorted(cache.episode_offsets, rows, side='right')
    assert (episode == episode[:, :1]).all()
    ends = np.searchsorted(cache.episode_offsets, batch.next_observations[:, 0], side='right')
    assert (ends == episode[:, 0]).all()


def test_samples_repeat_with_the_seed_and_the_state():
    cache = make_cache([50, 60], [True, True])
    first = sampler(cache, seed=3)
    again = sampler(cache, seed=3)
    other = sampler(cache, seed=4)
    draws = [first.sample(16) for _ in range(3)]
    assert all(np.array_equal(draw.observations, again.sample(16).observations)
               for draw in draws)
    assert not np.array_equal(other.sample(16).observations, draws[0].observations)
    state = first.state
    expected = first.sample(16)
    other.state = state
    assert np.array_equal(other.sample(16).actions, expected.actions)


def test_samples_have_the_shapes_of_a_batch_and_cover_every_start():
    chunks = sampler(make_cache([5, 6], [True, True]))
    batch = chunks.sample(500)
    assert batch.observations.shape == batch.next_observations.shape == (500, 2)
    assert batch.actions.shape == (500, H)
    assert batch.rewards.shape == batch.masks.shape == (500,)
    assert batch.images == batch.next_images == ()
    assert {array.dtype for array in vars(batch).values() if len(array)} == {
        np.dtype(np.float32)}
    assert set(batch.observations[:, 0]) == {0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}


def test_an_episode_shorter_than_a_chunk_is_refused_where_it_is_used():
    cache = make_cache([5, 2], [True, False])
    assert len(sampler(cache).starts) == 5
    with pytest.raises(DatasetError, match='/data/success/episode_1.hdf5: has 2 transitions, '
                                           'expected at least a chunk of 3'):
        sampler(cache, failures='cloned')


@pytest.mark.parametrize('failures', ['unused', 'valued'])
def test_a_dataset_without_a_success_is_refused(failures):
    with pytest.raises(DatasetError, match='/data: found no success among 2 episodes'):
        sampler(make_cache([5, 5], [False, False]), failures=failures)


class Column:
    """Frames of 2 x 3 pixels that tell their row; notes how many rows are read at once."""

    def __init__(self, camera):
        self.camera = camera
        self.read = []

    def __getitem__(self, rows):
        self.read.append(len(rows))
        return np.broadcast_to(
            rows[:, None, None, None] + self.camera, (len(rows), 2, 3, 3)).astype(np.uint8)


def test_frames_are_those_before_and_after_the_chunk():
    cache = make_cache([5, 6], [True, True])
    columns = {'front': Column(0), 'wrist': Column(100)}
    chunks = sampler(replace(cache, images=columns))
    batch = chunks.sample(7)
    for camera, (now, later) in enumerate(zip(batch.images, batch.next_images, strict=True)):
        assert now.dtype == later.dtype == np.uint8
        assert now.shape == later.shape == (7, 2, 3, 3)
        np.testing.assert_array_equal(now[:, 0, 0, 0], batch.observations[:, 0] + 100 * camera)
        np.testing.assert_array_equal(
            later[:, 1, 2, 2], batch.next_observations[:, 0] + 100 * camera)
    # Nothing but the batch is read.
    assert columns['front'].read == columns['wrist'].read == [7, 7]
