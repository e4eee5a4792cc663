"""Every action at its own time, whatever comes late or is skipped."""

from hypothesis import given
from hypothesis import strategies as st
from lps_ros.control.chunk_schedule import ChunkSchedule
import numpy as np
import pytest


def _chunk(start, length=5):
    """Return actions (H, 1) that tell the tick they belong to."""
    return np.arange(start, start + length, dtype=float)[:, None]


def _played(schedule, ticks, **how):
    steps = [schedule.step(tick, **how) for tick in ticks]
    return [None if step is None else float(step.action[0]) for step in steps]


def test_a_chunk_is_played_once_from_its_tick_on():
    schedule = ChunkSchedule(5)
    assert schedule.offer(_chunk(100), 100) == 0
    assert _played(schedule, range(99, 107)) == [None, 100, 101, 102, 103, 104, None, None]
    assert (schedule.count, schedule.dropped, schedule.skipped) == (1, 0, 0)


def test_a_newer_chunk_replaces_the_rest_of_the_one_before():
    schedule = ChunkSchedule(5)
    schedule.offer(_chunk(0), 0)
    schedule.offer(_chunk(0) + 100, 2)
    steps = [schedule.step(tick) for tick in range(8)]
    assert [(step.chunk, step.index) for step in steps[:7]] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]
    assert steps[7] is None


def test_a_late_chunk_is_joined_where_time_has_got_to():
    schedule = ChunkSchedule(5)
    schedule.offer(_chunk(0), 0)
    assert _played(schedule, range(4)) == [0, 1, 2, 3]
    assert schedule.offer(_chunk(2), 2) == 2
    step = schedule.step(4)
    assert (step.chunk, step.index, float(step.action[0])) == (1, 2, 4.0)
    assert schedule.dropped == 2


def test_a_chunk_that_is_wholly_late_is_dropped_and_counted():
    schedule = ChunkSchedule(3)
    schedule.step(10)
    assert schedule.offer(_chunk(2, 3), 2) == 3
    assert schedule.step(11) is None
    assert (schedule.count, schedule.dropped) == (1, 3)


def test_where_the_world_stood_still_a_chunk_begins_with_its_first_action():
    schedule = ChunkSchedule(3)
    for tick in (4, 5, 6):
        schedule.serve(tick)
    assert schedule.offer(_chunk(4, 3), 4, moved_on=False) == 0
    assert _played(schedule, (7, 8, 9, 10)) == [4, 5, 6, None]
    assert schedule.dropped == 0


def test_ticks_that_nobody_served_are_counted_and_their_actions_passed_over():
    schedule = ChunkSchedule(5)
    schedule.offer(_chunk(7), 7)
    assert _played(schedule, (7, 10, 10)) == [7, 10, 10]
    assert schedule.skipped == 2


def test_a_tick_that_was_served_without_an_action_is_not_skipped():
    schedule = ChunkSchedule(5)
    for tick in (1, 2, 3):
        schedule.serve(tick)
    assert schedule.step(4) is None
    assert schedule.skipped == 0


def test_the_first_tick_that_was_not_served():
    schedule = ChunkSchedule(5)
    assert schedule.unserved(3) == 3
    schedule.serve(7)
    assert [schedule.unserved(tick) for tick in (3, 8, 20)] == [8, 8, 20]


def test_a_clock_that_jumps_back_begins_again():
    schedule = ChunkSchedule(5)
    schedule.offer(_chunk(50), 50)
    assert _played(schedule, (50, 20)) == [50, None]
    assert schedule.skipped == 0
    assert schedule.offer(_chunk(21), 21) == 0
    assert _played(schedule, (21,)) == [21]


def test_an_ensemble_weighs_a_newer_chunk_twice():
    schedule = ChunkSchedule(3)
    for start, value in enumerate((0.0, 7.0, 14.0)):
        schedule.offer(np.full((3, 1), value), start)
    np.testing.assert_allclose(_played(schedule, (0, 1), ensemble=True), [0, 14 / 3])
    np.testing.assert_allclose(_played(schedule, (2,), ensemble=True), [(4 * 14 + 2 * 7) / 7])
    np.testing.assert_allclose(_played(schedule, (3, 4), ensemble=True), [(28 + 7) / 3, 14])


def test_a_chunk_says_nothing_of_ticks_before_it_came():
    schedule = ChunkSchedule(5)
    schedule.offer(np.zeros((5, 1)), 0)
    schedule.serve(2)
    schedule.offer(np.ones((5, 1)), 0)
    assert _played(schedule, (2, 3), ensemble=True) == [0.0, pytest.approx(2 / 3)]


@pytest.mark.parametrize('ensemble', [False, True])
def test_ahead_is_what_steps_will_say(ensemble):
    schedule = ChunkSchedule(4)
    schedule.offer(_chunk(0, 4), 0)
    schedule.offer(_chunk(2, 4) + 0.5, 2)
    ahead = schedule.ahead(1, ensemble=ensemble)[:, 0].tolist()
    assert ahead == pytest.approx(
        [1, 2 + 1 / 3, 3 + 1 / 3, 4.5, 5.5] if ensemble else [1, 2.5, 3.5, 4.5, 5.5])
    assert _played(schedule, range(1, 6), ensemble=ensemble) == ahead
    assert len(schedule.ahead(6)) == len(ChunkSchedule(4).ahead(0)) == 0


def test_forgotten_chunks_do_not_speak_and_reset_forgets_the_counts():
    schedule = ChunkSchedule(3)
    schedule.step(0)
    schedule.offer(_chunk(-1, 3), -1)
    schedule.step(5)
    schedule.forget()
    assert schedule.step(6) is None
    assert (schedule.count, schedule.dropped, schedule.skipped) == (1, 2, 4)
    schedule.reset()
    assert (schedule.count, schedule.dropped, schedule.skipped) == (0, 0, 0)


@pytest.mark.parametrize('shape', [(4, 2), (6, 2), (5,)])
def test_a_chunk_of_another_length_is_refused(shape):
    schedule = ChunkSchedule(5)
    with pytest.raises(ValueError, match=r'expected \(5, action size\)'):
        schedule.offer(np.zeros(shape), 0)


def test_a_horizon_below_one_is_refused():
    with pytest.raises(ValueError, match='horizon is 0'):
        ChunkSchedule(0)


# Of each tick: how many were skipped before it, and the lateness of the chunks that come after it.
_EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(-2, 12), max_size=2)),
    min_size=1, max_size=40)


@given(events=_EVENTS, horizon=st.integers(1, 8), ensemble=st.booleans())
def test_each_action_is_executed_at_its_own_tick_and_all_are_accounted_for(
        events, horizon, ensemble):
    schedule = ChunkSchedule(horizon)
    tick, skipped, dropped, offered, starts = 100, 0, 0, 0, []
    for number, (passed, lateness) in enumerate(events):
        tick += 1 + passed
        skipped += passed if number else 0
        covering = [n for n, (start, came) in enumerate(starts)
                    if came <= tick < start + horizon and start <= tick]
        step = schedule.step(tick, ensemble=ensemble)
        assert (step is not None) == bool(covering)
        if step is not None:
            # Of this very tick, whatever came late; a mean of equals may differ by rounding.
            assert step.action[0] == pytest.approx(tick, abs=1e-9)
            assert step.chunk == covering[-1]
            assert step.index == tick - starts[step.chunk][0]
        for late in sorted(lateness, reverse=True):
            start = tick + 1 - late
            if starts and start < starts[-1][0]:
                continue
            came_late = schedule.offer(_chunk(start, horizon), start)
            assert came_late == min(max(0, late), horizon)
            starts.append((start, tick + 1))
            dropped, offered = dropped + came_late, offered + 1
    assert (schedule.skipped, schedule.dropped, schedule.count) == (skipped, dropped, offered)


@given(events=_EVENTS, horizon=st.integers(1, 8))
def test_served_passed_over_replaced_dropped_and_left_add_up(events, horizon):
    """Without overlap every offered action is served, passed over, dropped or still to come."""
    schedule = ChunkSchedule(horizon)
    tick, free, served, passed_over, offered = 0, 0, 0, 0, 0
    for passed, lateness in events:
        before = len(schedule.ahead(tick))
        tick += passed
        passed_over += min(passed, before)
        served += schedule.step(tick) is not None
        tick += 1
        start = max(tick - max(lateness, default=0), free)
        if start <= tick and not len(schedule.ahead(tick)):
            schedule.offer(_chunk(start, horizon), start)
            free, offered = start + horizon, offered + horizon
    assert served + passed_over + schedule.dropped + len(schedule.ahead(tick)) == offered
