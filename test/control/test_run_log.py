"""The figures of a run: counts, percentiles, gaps and their causes, in bounded memory."""

from dataclasses import replace
import json
import tracemalloc

from lps_ros.contract import parse_contract
from lps_ros.control.authority import Source
from lps_ros.control.gates import Reason
from lps_ros.control.run_log import RunLog
from lps_ros.control.run_log import summary
from lps_ros.control.spread import Spread
from lps_ros.control.tick_record import tick_record
from lps_ros.control.tick_record import TickRecord
from lps_ros.control.timeline import Timeline
import numpy as np
from pilot_rig import ARM
from pilot_rig import Rig
import pytest

PERIOD_NS = 50_000_000
START_NS = 1_700_000_000_000_000_000
LATE = Reason(subject='force', text="observation 'force' is 0.123 s old", stale=True)
STARVED = Reason(subject='inference', text='no action is left', disarms=True)
PERSON = Reason(subject='authority', text='the e-stop is pressed', stale=True)


def record(tick, source='policy', *reasons, **changes):
    """Return the record of a tick that took 5 ms, its command from a plan of five actions."""
    chunk = {'chunk': tick // 5, 'index': tick % 5, 'plan_s': 0.02} if source == 'policy' else {}
    return TickRecord(**{
        'tick': tick, 'time_ns': START_NS + tick * PERIOD_NS, 'source': Source(source),
        'reasons': reasons, 'age_s': {'force': 0.01}, 'late_s': 0.0002, 'collect_s': 0.001,
        'decide_s': 0.003, 'publish_s': 0.001, **chunk, **changes})


def run(records):
    log = RunLog(parse_contract(ARM))
    for each in records:
        log.add(each)
    return log


def test_ticks_are_counted_by_source_and_their_time_is_shared_out():
    figures = run([
        *(record(tick) for tick in range(10)), record(10, 'teleop'),
        record(11, 'none', STARVED), record(12, 'none', STARVED, skipped=2, decide_s=0.06),
    ]).figures(dropped_actions=4, late_plans=1)
    assert figures['by_source'] == {'none': 2, 'teleop': 1, 'policy': 10}
    assert {name: figures[name] for name in (
        'ticks', 'acted', 'skipped', 'over_budget', 'starved', 'plans', 'dropped_actions',
        'late_plans')} == {
            'ticks': 13, 'acted': 10, 'skipped': 2, 'over_budget': 1, 'starved': 2, 'plans': 2,
            'dropped_actions': 4, 'late_plans': 1}
    assert figures['share_of_period']['collect'] == pytest.approx(0.02)
    assert figures['share_of_period']['rest'] == pytest.approx(
        1 - figures['share_of_period']['work'])
    assert figures['headroom_s'] == pytest.approx(0.05 - 0.062)
    assert figures['plan_s'] == pytest.approx(
        {'count': 2, 'mean': 0.02, 'p50': 0.02, 'p99': 0.02, 'max': 0.02})
    assert figures['late_s']['max'] == 0.0002 and figures['duration_s'] == 0.6


def test_ages_stand_beside_what_the_contract_allows():
    figures = run([record(0), record(1, age_s={'force': 0.3}), record(2, age_s={})]).figures()
    age = figures['age_s']['force']
    assert (age['count'], age['max'], age['max_age'], age['too_old_ticks']) == (2, 0.3, 0.1, 1)
    assert figures['recent']['age_share'] == [0.1, 3.0, None]


def test_limits_are_counted_by_name():
    notes = ('twist linear.x 2 limited to 1 by range', 'twist linear.x 1 limited to 0.9 by step')
    figures = run([record(0, notes=notes), record(1, notes=notes[:1]), record(2)]).figures()
    assert figures['limits'] == {'twist linear.x by range': 2, 'twist linear.x by step': 1}
    assert figures['limited'] == 2


def test_reasons_that_differ_in_numbers_are_one():
    other = replace(LATE, text="observation 'force' is 2 s old")
    figures = run([record(0, 'none', LATE), record(4, 'none', other, STARVED)]).figures()
    assert figures['reasons'] == [
        {'subject': 'force', 'text': LATE.text, 'ticks': 2, 'first_s': 0.0, 'last_s': 0.2},
        {'subject': 'inference', 'text': STARVED.text, 'ticks': 1, 'first_s': 0.2,
         'last_s': 0.2}]


def test_a_stop_is_told_with_its_reason_and_for_how_long_no_command_came():
    figures = run([record(0), record(1), record(2, 'none', LATE), record(3, 'none', STARVED),
                   record(4), record(5)]).figures()
    stop, = figures['stops']
    assert stop == {'at_s': pytest.approx(0.0552), 'gap_s': pytest.approx(0.15),
                    'why': LATE.text, 'by_person': False, 'ended': True}
    assert figures['longest_gap'] == stop and figures['stop_count'] == 1


def test_the_longest_gap_may_be_the_last_one():
    log = run([record(0), record(1), *(record(tick, 'none', STARVED) for tick in range(2, 9))])
    gap = log.figures()['longest_gap']
    assert gap['why'] == STARVED.text and not gap['ended']
    assert gap['gap_s'] == pytest.approx(0.35)
    assert summary(log.figures())[-1] == (
        'longest gap between commands: 350.0 ms at 0.06 s, until the end: no action is left')


def test_what_a_person_wanted_is_a_stop_but_not_the_longest_gap():
    figures = run([record(0), record(1), record(2, 'none', PERSON), record(99)]).figures()
    assert [stop['by_person'] for stop in figures['stops']] == [True]
    assert figures['longest_gap']['gap_s'] == pytest.approx(0.05)


def test_a_stop_between_ticks_has_its_own_reason():
    log = run([record(0)])
    log.halted(Reason(subject='clock', text='the clock stood still'), START_NS + PERIOD_NS // 2)
    log.add(record(1, 'none', PERSON))
    log.add(record(2))
    figures = log.figures()
    assert figures['longest_gap']['why'] == 'the clock stood still'
    assert [reason['subject'] for reason in figures['reasons']] == ['clock', 'authority']


@pytest.mark.parametrize('changes, why', [
    ({'skipped': 3}, '3 tick(s) were skipped'), ({'late_s': 0.02}, 'the tick began 20.0 ms late'),
    ({'decide_s': 0.03}, 'the tick took 32.0 ms, most of it to decide'),
    ({'skipped': 1, 'late_s': 0.04}, '1 tick(s) were skipped; the tick began 40.0 ms late')])
def test_a_gap_without_a_stop_is_explained(changes, why):
    tick = 2 + changes.get('skipped', 0)
    figures = run([record(0), record(1), record(tick, **changes)]).figures()
    assert figures['longest_gap']['why'] == why and figures['stops'] == []


def test_a_clock_that_jumps_back_makes_no_gap():
    figures = run([record(100), record(101), record(2), record(3)]).figures()
    assert figures['longest_gap']['gap_s'] == pytest.approx(0.05)
    assert figures['ticks'] == 4


def test_a_pilot_whose_network_gets_stuck_is_told_so():
    rig, log = Rig(horizon=3, takes_ms=20), RunLog(parse_contract(ARM))
    for first, takes_ms in ((1, 20), (11, 10_000)):
        rig.inference.takes_ms = takes_ms
        for tick, decision in rig.run(first, first + 9).items():
            log.add(tick_record(decision, tick=tick, time_ns=tick * PERIOD_NS))
    log.armed(rig.authority.armed, rig.now_ns, rig.authority.source(rig.now_ns)[1])
    figures = log.figures()
    gap, = figures['stops']
    assert gap == figures['longest_gap'] and gap['why'].startswith('no action is left')
    assert not gap['ended'] and not gap['by_person'] and gap['gap_s'] > 0.2
    assert figures['starved'] == 1 and figures['plans'] >= 3
    assert figures['arming'][0]['why'].startswith('disarmed: no action is left')
    assert figures['age_s']['force']['p50'] == pytest.approx(0.001, rel=0.03)


def test_changes_of_arming_are_kept():
    log = run([record(0)])
    for tick, armed in enumerate((False, False, True, True, False)):
        log.armed(armed, START_NS + tick * PERIOD_NS, '' if armed else 'because')
    assert log.figures()['arming'] == [
        {'at_s': 0.0, 'armed': False, 'why': 'because'}, {'at_s': 0.1, 'armed': True, 'why': ''},
        {'at_s': 0.2, 'armed': False, 'why': 'because'}]


def test_changes_of_parameters_are_kept():
    log = run([record(0)])
    for step in range(300):
        log.changed('strength', step / 300, START_NS + step * PERIOD_NS)
    log.changed('bundle', 'x' * 1000, START_NS)
    changes = log.figures()['parameters']
    assert len(changes) == 200 and changes[-1] == {
        'at_s': 0.0, 'name': 'bundle', 'value': 'x' * 200}
    assert changes[-2] == {'at_s': 14.95, 'name': 'strength', 'value': str(299 / 300)}


def test_ticks_in_shadow_are_counted():
    figures = run([record(0, shadow=True), record(1)]).figures()
    assert (figures['shadow'], figures['acted']) == (1, 2)


def test_a_file_holds_all_figures(tmp_path):
    log = run([record(0), record(1, 'none', LATE)])
    path = log.write_json(tmp_path / 'runs' / 'one.json', dropped_actions=2)
    assert [each.name for each in path.parent.iterdir()] == ['one.json']
    figures = json.loads(path.read_text())
    assert figures == json.loads(json.dumps(log.figures(dropped_actions=2)))
    assert figures['start_ns'] == START_NS


def test_what_ran_is_told_first():
    contract = parse_contract(ARM)
    log = RunLog(contract, run={'bundle': 'models/mine', 'seed': 3})
    figures = json.loads(json.dumps(log.figures()))
    assert list(figures)[0] == 'run'
    assert figures['run'] == {'bundle': 'models/mine', 'seed': 3, 'contract': contract.name,
                              'data_hash': contract.data_hash}


def test_a_run_without_ticks_has_figures_too(tmp_path):
    log = RunLog(parse_contract(ARM))
    assert summary(log.figures()) == ['no tick was served']
    assert log.figures()['longest_gap'] is None
    log.write_json(tmp_path / 'none.json')


def test_a_summary_is_a_few_lines():
    lines = summary(run([record(tick) for tick in range(20)]).figures())
    assert len(lines) == 4 and all(len(line) < 160 for line in lines)
    assert lines[0].startswith('20 ticks in 0.9 s (0 none, 0 teleop, 20 policy); 0 skipped')
    assert 'headroom 45.0 ms of 50.0 ms' in lines[1]


def test_memory_does_not_grow_with_the_run():
    log = RunLog(parse_contract(ARM))

    def serve(first, count):
        for tick in range(first, first + count):
            stopped = tick % 7 == 0
            log.add(record(tick, 'none', Reason(subject=f's{tick}', text=f'{tick} t{tick}'))
                    if stopped else record(tick, notes=(f'n{tick} 1 limited to 0 by step',)))
            log.armed(not stopped, START_NS + tick * PERIOD_NS)
    serve(0, 5000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        serve(5000, 5000)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
    figures = log.figures()
    assert figures['stop_count'] == 1428 and len(figures['stops']) == 200
    assert figures['reasons'][-1]['subject'] == 'others'
    assert len(figures['reasons']) == len(figures['limits']) == 201
    assert len(figures['arming']) == 200


def test_the_newest_ticks_are_kept_in_order():
    log = RunLog(parse_contract(ARM), recent_s=0.5)
    for tick in range(25):
        log.add(record(tick))
    assert log.figures()['recent']['time_s'] == pytest.approx(0.05 * np.arange(15, 25))


def test_a_spread_is_exact_to_its_bins():
    values = np.random.default_rng(0).lognormal(-6.0, 2.0, 20_000)
    spread = Spread()
    for value in values:
        spread.add(value)
    for percent in (1, 50, 99, 100):
        exact = np.percentile(values, percent)
        assert spread.percentile(percent) == pytest.approx(exact, rel=0.03)
    assert spread.max == values.max() and spread.count == len(values)
    assert spread.figures()['mean'] == pytest.approx(values.mean())


@pytest.mark.parametrize('value', [-1.0, 0.0, 1e-9, 1e9])
def test_a_spread_takes_any_number(value):
    spread = Spread()
    spread.add(value)
    assert spread.percentile(50) == value


def test_a_timeline_of_any_length_adds_up():
    timeline = Timeline(width_s=1.0)
    for second in range(10_000):
        timeline.add(second, (20, 19, 0, 1), (0.001 * second, 0.0, 0.0))
    timeline.add(-5.0, (1, 0, 0, 0), (0.0, 0.0, 0.0))
    figures = timeline.figures()
    assert figures['width_s'] == 32.0 and len(figures['ticks']) == 313
    assert sum(figures['ticks']) == 200_001 and sum(figures['skipped']) == 10_000
    assert max(figures['late_s']) == 9.999 and figures['late_s'][0] == 0.031
