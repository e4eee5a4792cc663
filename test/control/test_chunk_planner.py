"""When chunks are asked for, from what, and what becomes of the answers."""

import math

from lps_ros.contract import MessageError
from lps_ros.contract import parse_contract
from lps_ros.control.chunk_planner import ChunkPlanner
from lps_ros.control.chunk_planner import PlanFailed
from lps_ros.control.chunk_schedule import ChunkSchedule
from lps_ros.control.gates import ObservationGate
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import ARM
from pilot_rig import MS
import pytest

_HORIZON = 4
_PRIOR = Steering(mode='prior')


class _Inference:
    """Answers when it is told to."""

    def __init__(self):
        self.requests = []
        self.result = None

    def submit(self, request):
        self.requests.append(request)

    def poll(self):
        result, self.result = self.result, None
        return result

    wait = poll

    def answer(self, *, took_ms=0.0, actions=None, error=''):
        request = self.requests[-1]
        self.result = PlanResult(
            number=request.number, tick=request.tick, error=error, plan_s=took_ms * 1e-3,
            actions=np.full((_HORIZON, 2), 0.5, np.float32) if actions is None else actions)


class _Parts:
    def __init__(self):
        contract = parse_contract(ARM)
        self.inference = _Inference()
        self.gate = ObservationGate(contract.observations)
        self.schedule = ChunkSchedule(_HORIZON)
        self.planner = ChunkPlanner(
            contract, self.inference, self.gate, self.schedule, horizon=_HORIZON)

    def observe(self, time_ms, value=1.0):
        self.gate.accept('force', np.array([value]), stamp_ns=None, received_ns=time_ms * MS)

    def plan(self, tick, *, steering=_PRIOR, **answer):
        """Ask for a chunk at its tick and have it answered."""
        self.observe(tick * 50)
        self.planner.ask(tick, tick * 50 * MS, steering)
        self.inference.answer(**answer)
        self.planner.collect()


@pytest.fixture
def parts():
    return _Parts()


def test_the_first_chunk_is_due_at_once_and_then_every_so_many_ticks(parts):
    planner = parts.planner
    assert planner.due(10, _PRIOR) and planner.newest is None
    parts.plan(10)
    for every, expected in ((0, 14), (1, 11), (3, 13), (9, 14)):
        steering = Steering(mode='prior', replan_every=every)
        assert [tick for tick in range(10, 20) if planner.due(tick, steering)][0] == expected
    assert [planner.due(12, _PRIOR, spare=spare) for spare in (1, 2, 9)] == [False, True, True]


def test_nothing_is_due_while_a_plan_is_under_way(parts):
    parts.observe(500)
    parts.planner.ask(10, 500 * MS, _PRIOR)
    assert not parts.planner.due(10, _PRIOR) and not parts.planner.due(30, _PRIOR)
    assert parts.planner.due_in_s(500 * MS, _PRIOR) == 0.005


def test_a_clock_that_jumped_back_makes_a_chunk_due(parts):
    parts.plan(10)
    assert parts.planner.due(9, _PRIOR)


def test_nothing_is_to_look_for_until_a_chunk_is_due(parts):
    parts.plan(10, took_ms=4.0)
    assert parts.planner.due_in_s(505 * MS, _PRIOR) == math.inf
    every_tick = Steering(mode='prior', replan_every=1)
    assert parts.planner.due_in_s(505 * MS, every_tick) == pytest.approx(0.045 - 0.006)


def test_the_spare_actions_cover_the_slowest_of_the_last_plans(parts):
    assert parts.planner.spare == 1
    for tick, took_ms, spare in ((10, 20, 1), (20, 60, 2), (30, 20, 2)):
        parts.plan(tick, took_ms=took_ms)
        assert parts.planner.spare == spare
    for tick in range(40, 60):
        parts.plan(tick, took_ms=20)
    assert parts.planner.spare == 1


def test_a_chunk_is_planned_from_nothing_newer_than_its_tick(parts):
    for time_ms in (490, 500, 510):
        parts.observe(time_ms, float(time_ms))
    parts.planner.ask(10, 520 * MS, _PRIOR)
    assert parts.inference.requests[0].observation.tolist() == [500.0]


def test_without_an_observation_nothing_is_asked(parts):
    parts.planner.ask(10, 500 * MS, _PRIOR)
    assert parts.inference.requests == [] and parts.planner.due(10, _PRIOR)
    assert parts.planner.request(10, 500 * MS, _PRIOR, seed=1) is None


def test_an_observation_that_is_not_finite_in_the_networks_numbers_is_refused(parts):
    parts.observe(500, 1e300)
    with np.errstate(over='ignore'), pytest.raises(MessageError, match='non-finite value'):
        parts.planner.ask(10, 500 * MS, _PRIOR)


@pytest.mark.parametrize(('answer', 'line'), [
    ({'error': 'RuntimeError: no'}, 'no chunk could be planned: RuntimeError: no'),
    ({'actions': np.zeros((3, 2))}, r'planned chunk has shape \(3, 2\), expected \(4, 2\)'),
    ({'actions': np.full((4, 2), True)}, 'planned chunk has values of type bool'),
    ({'actions': np.full((4, 2), np.inf)}, 'planned chunk has a non-finite value')])
def test_a_plan_that_cannot_be_used_is_told_and_the_next_may_be_asked_for(parts, answer, line):
    parts.observe(500)
    parts.planner.ask(10, 500 * MS, _PRIOR)
    parts.inference.answer(**answer)
    with pytest.raises(PlanFailed, match=line):
        parts.planner.collect()
    assert parts.schedule.count == 0 and parts.planner.newest is None
    assert parts.planner.due(14, _PRIOR)


def test_a_chunk_does_not_change_with_the_networks_own_array(parts):
    actions = np.zeros((4, 2))
    parts.plan(10, actions=actions)
    actions[:] = 9.0
    assert parts.schedule.step(10).action.tolist() == [0.0, 0.0]


def test_plans_are_kept_as_long_as_their_chunks_may_speak(parts):
    parts.plan(10)
    parts.schedule.step(10)
    parts.schedule.serve(12)
    for tick in (3, 4, 5):
        parts.plan(tick)  # wholly late
    assert parts.planner.plan_of(parts.schedule.step(13).chunk).tick == 10
    assert parts.planner.newest.tick == 5 and parts.planner.counts.late == 3
    for tick in range(20, 40):
        parts.plan(tick)
    assert parts.planner.plan_of(parts.schedule.step(39).chunk).tick == 39
    with pytest.raises(KeyError):
        parts.planner.plan_of(0)
    assert parts.planner.counts.asked == 24


@pytest.mark.parametrize('how', ['begin', 'forget'])
def test_a_plan_that_was_under_way_is_ignored_whatever_it_is(parts, how):
    for answer in ({}, {'error': 'RuntimeError: no'}):
        parts.observe(500)
        parts.planner.ask(10, 500 * MS, _PRIOR)
        parts.planner.begin(1) if how == 'begin' else parts.planner.forget()
        assert not parts.planner.due(10, _PRIOR)  # one at a time
        parts.inference.answer(**answer)
        parts.planner.collect()
        assert parts.planner.newest is None and parts.schedule.count == 0
        assert parts.planner.due(10, _PRIOR)


def test_an_inference_is_not_swapped_while_a_plan_is_under_way_unless_that_is_dropped(parts):
    planner, other = parts.planner, _Inference()
    parts.plan(9, took_ms=80.0)
    parts.observe(500)
    planner.ask(10, 500 * MS, _PRIOR)
    assert not planner.swap(other, 3) and planner.inference is parts.inference
    assert planner.swap(other, 3, drop=True) and planner.inference is other
    assert planner.due(10, _PRIOR)
    planner.ask(10, 500 * MS, _PRIOR)
    assert other.requests[0].seed == 3 and other.requests[0].number > 1
    # How long the other one took says nothing of this one.
    assert planner.spare == 1 and other.requests[0].join_at == 0
    # What was planned before goes on meanwhile.
    assert parts.schedule.step(10).chunk == 0


def test_an_inference_takes_over_once_the_plan_under_way_is_there(parts):
    planner, other = parts.planner, _Inference()
    parts.plan(9)
    parts.observe(500)
    planner.ask(10, 500 * MS, _PRIOR)
    assert not planner.swap(other, 3)
    parts.inference.answer()
    planner.collect()
    # Nobody asks the one before for the next plan.
    assert not planner.due(11, Steering(mode='prior', replan_every=1))
    assert planner.swap(other, 3) and planner.inference is other and planner.swap(other, 3)
    assert parts.schedule.step(10).chunk == 1
    assert planner.due(11, _PRIOR)
    planner.ask(11, 550 * MS, _PRIOR)
    assert other.requests[0].seed == 3


@pytest.mark.parametrize(('tick', 'took_ms', 'swapped'), [
    (10, 10, True), (12, 10, True), (13, 10, False), (14, 10, True),
    (10, 149, True), (11, 149, False), (11, 99, True)])
def test_an_inference_takes_over_where_its_first_plan_is_there_before_actions_run_out(
        parts, tick, took_ms, swapped):
    planner, other = parts.planner, _Inference()
    parts.plan(10)
    for served in range(9, tick):
        parts.schedule.serve(served)
    assert planner.swap(other, 3, [1e-3, 1e-3 * took_ms]) == swapped
    if swapped:
        # It is known how long it takes, and so when to ask.
        assert planner.spare == 1 + took_ms // 50
        return
    assert planner.due(14, _PRIOR)
    parts.plan(14)
    assert planner.swap(other, 3, [1e-3 * took_ms]) and planner.inference is other


@pytest.mark.parametrize(('took_ms', 'asked_ms', 'join_at'), [
    (5, 490, 0), (20, 490, 1), (60, 490, 1), (70, 490, 2), (5, 510, 1), (9000, 490, 3)])
def test_where_a_chunk_will_be_there(parts, took_ms, asked_ms, join_at):
    parts.plan(8, took_ms=took_ms)
    parts.observe(min(asked_ms, 500))
    parts.planner.ask(10, asked_ms * MS, Steering(mode='prior', join='latent'))
    request = parts.inference.requests[-1]
    assert request.join_at == join_at
    assert request.committed.tolist() == [[0.5, 0.5]] * 2
    assert request.committed.dtype == np.float32
