"""Chunks against the control clock."""

from lps_ros.control.chunk_executor import ChunkExecutor
import numpy as np
import pytest


def _chunk(first, length=5):
    return np.arange(first, first + length, dtype=float)[:, None]


def test_a_chunk_is_played_once_and_then_replaced():
    executor = ChunkExecutor(horizon=5, replan_every=5)
    planned, played = [], []
    for tick in range(100, 112):
        if executor.needs_chunk(tick):
            planned.append(tick)
            executor.start(_chunk(10 * len(planned)), tick)
        played.append(float(executor.step(tick).action[0]))
    assert planned == [100, 105, 110]
    assert played == [10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 30, 31]
    assert executor.skipped == 0


def test_replanning_more_often_uses_only_the_first_actions():
    executor = ChunkExecutor(horizon=5, replan_every=2)
    steps = []
    for tick in range(6):
        if executor.needs_chunk(tick):
            executor.start(_chunk(0), tick)
        steps.append(executor.step(tick))
    assert [(step.chunk, step.index) for step in steps] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_the_index_follows_time_and_not_calls():
    executor = ChunkExecutor(horizon=5, replan_every=5)
    executor.start(_chunk(0), 7)
    assert executor.step(7).index == 0
    assert executor.step(10).index == 3
    assert executor.skipped == 2
    assert executor.needs_chunk(12)
    assert not executor.needs_chunk(11)


def test_asking_twice_for_a_tick_skips_nothing():
    executor = ChunkExecutor(horizon=3, replan_every=3)
    executor.start(_chunk(0, 3), 1)
    assert executor.step(1).index == executor.step(1).index == 0
    assert executor.skipped == 0


def test_a_clock_that_jumps_back_needs_a_new_chunk():
    executor = ChunkExecutor(horizon=5, replan_every=5)
    executor.start(_chunk(0), 50)
    executor.step(50)
    assert executor.needs_chunk(20)
    executor.start(_chunk(0), 20)
    assert executor.step(20).index == 0
    assert executor.skipped == 0


def test_an_interval_longer_than_the_chunk_means_the_whole_chunk():
    executor = ChunkExecutor(horizon=3, replan_every=50)
    assert executor.replan_every == 3
    executor.replan_every = 1
    executor.start(_chunk(0, 3), 0)
    assert executor.needs_chunk(1)


def test_reset_forgets_the_chunk():
    executor = ChunkExecutor(horizon=3, replan_every=3)
    executor.start(_chunk(0, 3), 0)
    executor.step(0)
    executor.step(2)
    executor.reset()
    assert executor.skipped == 0
    assert executor.needs_chunk(2)
    with pytest.raises(ValueError, match='no chunk covers tick 2'):
        executor.step(2)


@pytest.mark.parametrize('shape', [(4, 2), (6, 2), (5,)])
def test_a_chunk_of_another_length_is_refused(shape):
    executor = ChunkExecutor(horizon=5, replan_every=5)
    with pytest.raises(ValueError, match=r'expected \(5, action size\)'):
        executor.start(np.zeros(shape), 0)


def test_intervals_below_one_are_refused():
    with pytest.raises(ValueError, match='horizon is 0'):
        ChunkExecutor(horizon=0, replan_every=1)
    with pytest.raises(ValueError, match='replan_every is 0'):
        ChunkExecutor(horizon=5, replan_every=0)
