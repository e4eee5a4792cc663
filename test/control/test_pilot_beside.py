"""Plans that are made beside the control loop: each action at its time, however late they come."""

from hypothesis import given
from hypothesis import strategies as st
from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import acting
from pilot_rig import is_the_stop
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import texts
from pilot_rig import TimeTeller
import pytest


def _tells_time(decisions):
    """Tell whether every command is the one of its own tick: half of the scale is 1."""
    return all(decision.command[0] == pytest.approx(2e-3 * tick, abs=1e-9)
               for tick, decision in decisions.items() if decision.acting)


@pytest.mark.parametrize('replan_every', [0, 1, 2, 4])
def test_with_a_fast_network_no_tick_is_without_its_action(replan_every):
    rig = Rig(horizon=4, takes_ms=3.0,
              steering=Steering(mode='prior', replan_every=replan_every))
    decisions = rig.run(1, 60)
    assert acting(decisions) == list(range(2, 61)) and _tells_time(decisions)
    # Only the very first chunk was asked for when its tick was over.
    assert (rig.pilot.planner.counts.late, rig.pilot.schedule.dropped) == (1, 1)
    # Before the last action is used up, where it is not asked for more often.
    every = min(replan_every or 4, 3)
    assert rig.pilot.planner.counts.asked == pytest.approx(60 / every, abs=2)


@pytest.mark.parametrize('join', ['replace', 'ensemble', 'latent'])
@pytest.mark.parametrize('takes_ms', [30, 60, 120, 260])
def test_a_slow_network_starts_and_goes_on_without_a_gap(takes_ms, join):
    rig = Rig(horizon=16, takes_ms=takes_ms, planner=TimeTeller(16),
              steering=Steering(mode='prior', join=join))
    decisions = rig.run(1, 120)
    began = 1 + int(np.ceil(takes_ms / PERIOD_MS))
    assert acting(decisions) == list(range(began, 121)) and _tells_time(decisions)
    counts, schedule = rig.pilot.planner.counts, rig.pilot.schedule
    assert counts.late == schedule.count >= counts.asked - 1
    assert schedule.dropped > 0 and schedule.skipped == 0
    assert rig.authority.armed


def test_a_command_tells_how_old_its_plan_s_input_is():
    rig = Rig(horizon=8, takes_ms=60.0, steering=Steering(mode='prior', join='replace'))
    decided = [decision for decision in rig.run(1, 40).values() if decision.acting]
    ages_s = np.array([decision.input_age_s for decision in decided])
    since_s = 1e-3 * PERIOD_MS * np.array([decision.step.index for decision in decided])
    # A row of the tick at which the chunk begins, or of up to a look before.
    assert (ages_s >= since_s).all() and (ages_s <= since_s + 0.02).all()
    assert ages_s.max() > 0.2


@pytest.mark.parametrize('after_ms', [3, 20])
def test_after_an_outage_nothing_is_planned_from_before_it(after_ms):
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6), patience_s=60.0)
    rig.run(1, 10)
    rig.run(11, 20, observe=False)
    assert not rig.tick(21, observe=False).acting
    asked = len(rig.planner.asked)
    # The tick's own row is half a second old, though this one is fresh.
    time_ms = 21 * PERIOD_MS + after_ms
    rig.now_ns = time_ms * MS
    rig.observe(time_ms - 1)
    rig.pilot.think(rig.now_ns)
    assert len(rig.planner.asked) == asked
    assert acting(rig.run(22, 24)) == [23, 24]
    assert all(observed_ms >= time_ms - 1 for observed_ms, _ in rig.planner.asked[asked:])


@given(takes_ms=st.lists(st.integers(0, 400), min_size=1, max_size=8),
       skips=st.lists(st.integers(0, 4), min_size=1, max_size=8),
       horizon=st.integers(1, 10), replan_every=st.integers(0, 10),
       join=st.sampled_from(['replace', 'ensemble', 'latent']),
       stops_to_think=st.booleans())
def test_whatever_comes_late_or_is_skipped_every_action_is_executed_at_its_time(
        takes_ms, skips, horizon, replan_every, join, stops_to_think):
    rig = Rig(horizon=horizon, takes_ms=0.0, planner=TimeTeller(horizon),
              steering=Steering(mode='prior', replan_every=replan_every, join=join),
              stops_to_think=stops_to_think)
    tick = 1
    for taken, skipped in zip(takes_ms, [0, *skips], strict=False):
        tick += skipped
        rig.inference.takes_ms = float(taken)
        decisions = rig.run(tick, tick + 7)
        tick += 8
        if not rig.authority.armed:
            rig.authority.arm()
        assert stops_to_think or _tells_time(decisions)
        for decision in decisions.values():
            assert decision.acting or {each.subject for each in decision.reasons} <= {
                'inference', 'authority'}
    schedule, counts = rig.pilot.schedule, rig.pilot.planner.counts
    assert schedule.count <= counts.asked
    assert not stops_to_think or schedule.dropped == 0


def test_an_underrun_is_a_stop_at_that_very_tick_and_disarms():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 10)
    rig.inference.takes_ms = 400.0
    decisions = rig.run(11, 40)
    last = acting(decisions)[-1]
    assert acting(decisions) == list(range(11, last + 1)) and _tells_time(decisions)
    starved = decisions[last + 1]
    assert is_the_stop(starved) and starved.reasons[0].disarms
    assert texts(starved)[0].startswith('no action is left, the next chunk has not come in time')
    assert not rig.authority.armed
    assert all(decisions[tick].messages == () for tick in range(last + 2, 41))


def test_a_loop_that_stood_still_beyond_its_chunk_stops():
    rig = Rig(horizon=4, takes_ms=3.0, planner=TimeTeller(4))
    rig.run(1, 10)
    rig.observe(30 * PERIOD_MS)
    assert is_the_stop(rig.tick(30)) and not rig.authority.armed


def test_a_network_that_never_answers_disarms_once_patience_is_over():
    rig = Rig(takes_ms=1e9, patience_s=1.0)
    decisions = rig.run(1, 40)
    assert acting(decisions) == [] and is_the_stop(decisions[1])
    assert texts(decisions[20]) == ['waiting for a chunk'] and decisions[20].reasons[0].stale
    assert texts(decisions[40]) == [
        'disarmed: stopped for more than 1 s: waiting for a chunk']
    assert len(rig.inference.requests) == 1


def test_a_robot_that_stops_to_think_plays_each_chunk_from_its_first_action_on():
    rig = Rig(horizon=4, takes_ms=120.0, planner=TimeTeller(4), stops_to_think=True)
    decisions = rig.run(1, 60)
    steps = [(d.step.chunk, d.step.index) for d in decisions.values() if d.acting]
    assert len(steps) > 20
    assert steps == [(n // 4, n % 4) for n in range(len(steps))]
    # It stands for the 120 ms in between, and what it sees is where the last action brought it.
    for request in rig.inference.requests[1:]:
        assert request.observation[0] == request.tick * PERIOD_MS
    gaps = np.diff(acting(decisions))
    assert sorted(set(gaps.tolist())) == [1, 4]
    stops = [tick for tick, d in decisions.items() if is_the_stop(d)]
    assert stops[1:] == [tick + 1 for tick in acting(decisions)[3::4]]
    assert rig.pilot.schedule.dropped == 0 and rig.authority.armed


def test_a_network_that_is_asked_while_it_is_under_way_is_not_asked():
    rig = Rig(horizon=10, takes_ms=170.0, planner=TimeTeller(10),
              steering=Steering(mode='prior', replan_every=1))
    rig.run(1, 60)
    ticks = [request.tick for request in rig.inference.requests]
    assert min(np.diff(ticks)) >= 3


def test_a_chunk_is_planned_from_what_is_known_shortly_before_its_tick():
    rig = Rig(horizon=4, takes_ms=3.0, planner=TimeTeller(4))
    rig.run(1, 30)
    for request in rig.inference.requests[1:]:
        assert request.tick * PERIOD_MS - 10 <= request.observation[0] <= request.tick * PERIOD_MS


def test_the_plan_of_a_run_before_is_ignored():
    rig = Rig(horizon=8, takes_ms=200.0, planner=TimeTeller(8))
    rig.run(1, 2)
    rig.pilot.begin(seed=3)
    decisions = rig.run(3, 12)
    first = decisions[acting(decisions)[0]]
    assert first.plan.tick >= 4 and rig.inference.requests[1].seed == 3
    assert _tells_time(decisions)


def test_a_late_chunk_is_not_asked_for_right_before_the_next_tick():
    rig = Rig(horizon=4, takes_ms=30.0)
    rig.tick(1)
    rig.pilot.think(rig.now_ns, hurried=True)
    assert not rig.inference.requests
    rig.tick(2)
    rig.pilot.think(rig.now_ns)
    assert [request.tick for request in rig.inference.requests] == [2]


def test_a_chunk_that_will_be_there_at_the_next_tick_is_asked_for_right_before_it():
    rig = Rig(horizon=4, takes_ms=3.0, steering=Steering(mode='prior', replan_every=1))
    rig.run(1, 10)
    rig.now_ns = (11 * PERIOD_MS - 4) * 1_000_000
    rig.pilot.think(rig.now_ns, hurried=True)
    assert rig.inference.requests[-1].tick == 11
