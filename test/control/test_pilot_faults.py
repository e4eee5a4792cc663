"""Whatever fails ends in one stop at the next tick; what a person has to look at disarms."""

from lps_ros.control.execution import Execution
from lps_ros.control.gates import Reason
from lps_ros.control.planning import InlineInference
import numpy as np
from pilot_rig import acting
from pilot_rig import Inference
from pilot_rig import is_the_stop
from pilot_rig import LATE_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import texts
from pilot_rig import TimeTeller
import pytest


@pytest.fixture(params=[None, 3.0], ids=['waits', 'beside'])
def running(request):
    """Return a rig that acts, up to tick 10."""
    rig = Rig(horizon=6, takes_ms=request.param, planner=TimeTeller(6))
    decisions = rig.run(1, 10, think=request.param is not None)
    assert decisions[10].acting
    return rig


def _run(rig, first, last, **how):
    return rig.run(first, last, think=rig.inference.takes_ms > 0, **how)


def test_missing_input_stops_once_and_says_why():
    rig = Rig()
    first, second = rig.tick(1, observe=False), rig.tick(2, observe=False)
    assert is_the_stop(first) and second.messages == ()
    assert texts(second) == ["observation 'force' is missing; no message on topic 'force'"]
    assert rig.planner.asked == []


def test_stale_input_stops_and_within_patience_acting_goes_on_with_a_fresh_chunk(running):
    decisions = _run(running, 11, 40, observe=False)
    # What came last, at 545 ms, is 101 ms old or more from tick 13 on.
    assert acting(decisions) == [11, 12] and is_the_stop(decisions[13])
    assert decisions[13].reasons[0].stale and running.authority.armed
    assert all(decisions[tick].messages == () for tick in range(14, 41))
    running.observe(40 * PERIOD_MS + LATE_MS)
    resumed = _run(running, 41, 44)
    first = acting(resumed)[0]
    assert first <= 42 and acting(resumed) == list(range(first, 45))
    assert resumed[first].plan.tick >= 41
    assert resumed[44].command[0] == pytest.approx(2e-3 * 44)


def test_a_stop_beyond_patience_disarms(running):
    decisions = _run(running, 11, 60, observe=False)
    assert texts(decisions[53])[0].startswith("observation 'force' is")
    assert texts(decisions[60])[0].startswith(
        "disarmed: stopped for more than 2 s: observation 'force' is")
    assert acting(_run(running, 61, 70)) == []
    running.authority.arm()
    assert acting(_run(running, 71, 80))[-1] == 80


def test_short_stops_do_not_add_up_to_a_long_one(running):
    for first in range(11, 211, 40):
        assert acting(_run(running, first, first + 29, observe=False))[-1] < first + 3
        assert acting(_run(running, first + 30, first + 39))
    assert running.authority.armed


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_non_finite_observation_is_not_acted_on(value):
    rig = Rig()
    decision = rig.tick(1, value=value)
    assert is_the_stop(decision) and rig.planner.asked == []
    assert texts(decision) == ["observation 'force' has a non-finite value"]


def test_no_chunk_is_asked_for_from_a_row_that_is_not_fit_though_a_newer_one_is():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 10)
    assert is_the_stop(rig.tick(11, value=np.nan))
    asked = len(rig.planner.asked)
    rig.observe(11 * PERIOD_MS + 20)
    rig.now_ns = (11 * PERIOD_MS + 30) * MS
    rig.pilot.think(rig.now_ns)
    # It would have been made from the row of tick 11.
    assert len(rig.planner.asked) == asked
    decisions = rig.run(12, 15)
    assert rig.authority.armed and decisions[15].acting


@pytest.mark.parametrize('takes_ms', [None, 3.0])
def test_an_observation_beyond_float32_is_not_acted_on(takes_ms):
    rig = Rig(takes_ms=takes_ms)
    with np.errstate(over='ignore'):
        for tick in (1, 2):
            decision = rig.tick(tick, value=1e300)
            assert not decision.acting
            if takes_ms is None or tick == 2:
                break
            rig.pilot.think(rig.now_ns)
    assert texts(decision) == ['the encoded observation has a non-finite value']
    assert not rig.authority.armed


def _nan(rig):
    rig.planner.actions = np.zeros((6, 2))
    rig.planner.actions[5, 1] = np.nan


def _shape(rig):
    rig.planner.actions = np.zeros((2, 2))


def _type(rig):
    rig.planner.actions = np.full((6, 2), 'x')


def _raise(rig):
    rig.planner.error = RuntimeError('first\n  second')


def _dead(rig):
    rig.inference.dead = True


@pytest.mark.parametrize(('fault', 'line'), [
    (_nan, 'planned chunk has a non-finite value'),
    (_shape, 'planned chunk has shape (2, 2), expected (6, 2)'),
    (_type, 'planned chunk has values of type <U1, expected numbers'),
    (_raise, 'no chunk could be planned: RuntimeError: first second'),
    (_dead, 'the inference process 7 was killed by signal 9')])
def test_a_plan_that_cannot_be_used_stops_and_disarms(running, fault, line):
    fault(running)
    decisions = _run(running, 11, 30)
    last = acting(decisions)[-1] if acting(decisions) else 10
    stopped = decisions[last + 1]
    assert is_the_stop(stopped) and texts(stopped) == [line] and stopped.reasons[0].disarms
    assert acting(decisions) == list(range(11, last + 1)) and last < 17
    assert texts(decisions[last + 2])[0] == f'disarmed: {line}'
    assert not running.authority.armed


def test_a_fault_is_told_at_the_tick_after_it_and_not_when_the_actions_run_out():
    rig = Rig(horizon=20, takes_ms=3.0, planner=TimeTeller(20))
    rig.run(1, 10)
    rig.inference.dead = True
    assert is_the_stop(rig.run(11, 11)[11])


def test_a_dead_inference_is_told_again_when_it_is_armed_again(running):
    running.inference.dead = True
    _run(running, 11, 30)
    running.authority.arm()
    decisions = _run(running, 31, 40)
    assert acting(decisions) == [] and not running.authority.armed
    assert any('killed by signal 9' in line for line in texts(decisions[31]))


def test_after_a_failed_plan_and_arming_it_goes_on(running):
    _nan(running)
    _run(running, 11, 30)
    running.planner.actions = None
    running.authority.arm()
    assert acting(_run(running, 31, 40))[-1] == 40


@pytest.mark.parametrize('back_ms', [2, 400])
def test_a_clock_that_jumps_back_stops_and_disarms(running, back_ms):
    running.now_ns = (10 * PERIOD_MS + LATE_MS - back_ms) * MS
    tick = running.now_ns // (PERIOD_MS * MS)
    running.observe(running.now_ns / MS)
    decision = running.pilot.tick(tick, running.clock_ns)
    assert is_the_stop(decision) and decision.reasons[0].subject == 'clock'
    assert 'the clock jumped back' in texts(decision)[0] and not running.authority.armed


def test_a_jump_back_that_is_seen_between_ticks_is_not_lost():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 40)
    rig.now_ns += 10 * MS  # the plan that is under way comes
    rig.pilot.think(rig.now_ns)
    rig.now_ns = 20 * PERIOD_MS * MS
    rig.observe(20 * PERIOD_MS)
    rig.pilot.planner.forget()
    rig.pilot.think(rig.now_ns)
    assert not rig.authority.armed
    decision = rig.run(21, 21)[21]
    assert is_the_stop(decision) and 'disarmed: the clock jumped back' in texts(decision)[0]


def test_after_a_jump_back_and_arming_it_acts_in_the_new_time(running):
    _run(running, 100, 110)
    _run(running, 20, 24)
    running.authority.arm()
    decisions = _run(running, 25, 32)
    assert acting(decisions)[-1] == 32 and running.authority.armed
    assert decisions[32].command[0] == pytest.approx(2e-3 * 32)


def test_a_jump_back_is_no_reason_to_act_on_what_is_old():
    rig = Rig()
    rig.run(1, 40, think=False)
    decisions = rig.run(10, 38, observe=False, think=False)
    assert acting(decisions) == []


@pytest.mark.parametrize('where', ['reasons', 'vectors'])
def test_whatever_is_raised_in_a_tick_is_a_stop(running, where):
    def wrong(*_):
        raise KeyError('odd')

    setattr(running.pilot.gate, where, wrong)
    decision = _run(running, 11, 11)[11]
    assert is_the_stop(decision) and not running.authority.armed
    assert texts(decision) == ["no command could be made: KeyError: 'odd'"]


def test_whatever_is_raised_between_ticks_is_told_by_the_next():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 10)

    def wrong(*_):
        raise KeyError('odd')

    rig.pilot.planner.ask = wrong
    decisions = rig.run(11, 20)
    last = acting(decisions)[-1]
    assert texts(decisions[last + 1]) == ["no command could be made: KeyError: 'odd'"]
    assert is_the_stop(decisions[last + 1]) and not rig.authority.armed


@pytest.mark.parametrize('value', [1.6, np.nan])
@pytest.mark.parametrize(('measure', 'says'), [
    ('unfamiliarity', 'the observation is unfamiliar'),
    ('disagreement', 'the critics disagree on the chunk')])
def test_a_doubtful_chunk_is_not_acted_on_until_there_is_no_doubt(running, measure, says, value):
    running.pilot.begin(0, Execution(
        waits=running.inference.takes_ms == 0, **{f'max_{measure}': 1.5}))
    running.planner.figures = {measure: value}
    decisions = _run(running, 11, 20)
    assert acting(decisions) == [] and running.authority.armed
    assert any(f'{says}: {value}, expected at most 1.5' in line
               for decision in decisions.values() for line in texts(decision))
    running.planner.figures = {measure: 1.4}
    assert acting(_run(running, 21, 30))[-1] == 30


def test_a_halt_for_a_reason_from_outside(running):
    decision = running.pilot.halt(
        Reason(subject='command', text='somebody else commands', disarms=True), running.now_ns)
    assert is_the_stop(decision) and not running.authority.armed
    assert texts(_run(running, 11, 11)[11]) == ['disarmed: somebody else commands']


def test_in_the_place_of_a_dead_inference_another_one_takes_over():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 10)
    rig.inference.dead = True
    rig.run(11, 20)
    assert rig.pilot.swap(InlineInference(TimeTeller(6)), 9)
    rig.authority.arm()
    assert acting(rig.run(21, 30)) == list(range(22, 31)) and rig.authority.armed


def test_another_inference_takes_over_with_the_next_chunk():
    rig = Rig(horizon=6, takes_ms=30.0, planner=TimeTeller(6))
    rig.run(1, 10)
    other = TimeTeller(6)
    before = rig.pilot.planner.inference
    rig.pilot.think(rig.now_ns)
    while not rig.pilot.swap(InlineInference(other), 9):
        assert rig.pilot.planner.inference is before
        rig.now_ns += 5 * MS
        rig.observe(rig.now_ns / MS)
        rig.pilot.think(rig.now_ns)
    decisions = rig.run(rig.now_ns // MS // PERIOD_MS + 1, 30)
    assert acting(decisions) == list(decisions)
    assert other.asked[0][1]['rng'] == 'rng 9'
    assert all(decision.command[0] == pytest.approx(2e-3 * tick)
               for tick, decision in decisions.items())


@pytest.mark.parametrize(('wakes_at', 'armed'), [(50, True), (60, False)])
def test_a_node_that_stood_still_itself_has_no_more_patience(running, wakes_at, armed):
    """As by SIGSTOP: what comes in is old at first, and the arm has stood all the while."""
    assert is_the_stop(running.tick(wakes_at, observe=False))
    assert running.authority.armed == armed
    assert bool(acting(_run(running, wakes_at + 1, wakes_at + 5))) == armed


@pytest.mark.parametrize('after', range(10, 17))
@pytest.mark.parametrize(('before_ms', 'takes_ms'), [(3.0, 110.0), (110.0, 110.0), (110.0, 3.0)])
def test_a_slower_inference_takes_over_without_a_stop_whenever_it_comes(
        after, before_ms, takes_ms):
    rig = Rig(horizon=6, takes_ms=before_ms, planner=TimeTeller(6))
    rig.run(1, after)
    other = Inference(TimeTeller(6), rig, waits=False)
    other.takes_ms = takes_ms
    tick, decisions = after, {}
    while not rig.pilot.swap(other, 9, [1e-3 * takes_ms]):
        tick += 1
        decisions |= rig.run(tick, tick)
    assert tick < after + 12
    decisions |= rig.run(tick + 1, tick + 60)
    assert acting(decisions) == list(decisions) and rig.authority.armed


@pytest.mark.parametrize('waits_ticks', [1, 4])
def test_an_inference_goes_on_whose_successor_is_refused_while_it_waits(waits_ticks):
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 13)
    other = Inference(TimeTeller(6), rig, waits=False)
    assert not rig.pilot.swap(other, 9, [0.3])
    decisions = rig.run(14, 13 + waits_ticks)
    rig.pilot.planner.keep()
    decisions |= rig.run(14 + waits_ticks, 60)
    assert acting(decisions) == list(decisions)


def test_arming_begins_patience_anew(running):
    decisions = _run(running, 11, 54, observe=False)
    assert not running.authority.armed and not decisions[54].acting
    running.authority.arm()
    assert texts(_run(running, 55, 80, observe=False)[80])[0].startswith("observation 'force' is")
    assert running.authority.armed
