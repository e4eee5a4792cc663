"""The page of a run: what stalled, when and why, readable by whoever stands beside the robot."""

import json

from lps_ros.contract import parse_contract
from lps_ros.control.authority import Source
from lps_ros.control.gates import Reason
from lps_ros.control.run_log import RunLog
from lps_ros.control.tick_record import TickRecord
from lps_ros.evaluation.run_report import findings
from lps_ros.evaluation.run_report import run_page
import pytest
from test_report import Page
from test_report import picture

ARM = """
name: arm
rate_hz: 20
observations:
  - {key: force, topic: force, type: std_msgs/msg/Float64MultiArray, names: [x], max_age_s: 0.1}
actions:
  - {key: grip, topic: grip, type: std_msgs/msg/Float64MultiArray, names: [opening],
     scale: {low: [0], high: [1]}, stop: hold}
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""
START_NS = 1_700_000_000_000_000_000  # 22:13:20 UTC
STARVED = Reason(subject='inference', text='no action is left <b>', disarms=True)


def record(tick, *reasons, **changes):
    source = Source.NONE if reasons else changes.pop('source', Source.POLICY)
    return TickRecord(**{
        'tick': tick, 'time_ns': START_NS + tick * 50_000_000, 'source': source,
        'age_s': {'force': 0.02}, 'reasons': reasons, 'late_s': 0.0001, 'collect_s': 0.001,
        'decide_s': 0.002, 'publish_s': 0.001, **changes})


@pytest.fixture
def log():
    return RunLog(parse_contract(ARM))


def test_a_stall_is_the_first_thing_on_the_page(log):
    log.armed(True, START_NS)
    for tick in range(100):
        stalled = 40 <= tick < 44
        log.add(record(tick, *[STARVED] * stalled, **({} if stalled else {
            'chunk': tick // 5, 'index': tick % 5, 'plan_s': 0.03})))
    log.armed(False, START_NS + 2_000_000_000, STARVED.text)
    page = Page(run_page(log.figures()).html())
    assert 'no action is left <b>' in page.text, 'escaped once'
    gap = ('The longest gap between commands was 250 ms, from 1.95 s (22:13:21 UTC) on: '
           'no action is left <b>.')
    assert gap in page.text and page.text.index(gap) < page.text.index('Stops')
    assert 'Of 100 ticks the policy commanded 96.0 %, a person 0.0 %, nobody 4.0 %.' in page.text
    assert page.text.count('disarmed') == 1
    assert len(page.sources) == 2 and all(
        source.startswith('data:image/png') for source in page.sources)
    assert all(picture(source).std() > 1.0 for source in page.sources)


def test_a_page_is_made_of_the_file_as_well(log, tmp_path):
    for tick in range(30):
        log.add(record(tick, notes=('grip 2 limited to 1 by range',)))
    figures = json.loads(log.write_json(tmp_path / 'run.json').read_text())
    html = run_page(figures).html()
    assert html == run_page(log.figures()).html()
    assert 'grip by range' in Page(html).text


def test_the_page_begins_with_what_ran():
    log = RunLog(parse_contract(ARM), run={
        'started': '2026-01-02T03:04:05Z', 'bundle': 'models/<mine>', 'mode': 'prior',
        'replan_every': 2, 'strength': 0.5, 'shadow': True})
    log.add(record(0, STARVED))
    text = Page(run_page(log.figures()).html()).text
    said = ('started2026-01-02T03:04:05Z', 'bundlemodels/<mine>', 'modeprior', 'replan every2',
            'strength0.5', 'shadowyes', 'contractarm',
            f'data hash{parse_contract(ARM).data_hash}')
    places = [text.index(each) for each in said]
    assert places == sorted(places) and places[-1] < text.index('Of 1 ticks')
    none = RunLog(parse_contract(ARM), run={'shadow': False})
    assert 'shadowno' in Page(run_page(none.figures()).html()).text


def test_a_good_run_has_nothing_bad(log):
    for tick in range(200):
        log.add(record(tick))
    assert [text for good, text in findings(log.figures()) if good is False] == []


@pytest.mark.parametrize('changes, complaint', [
    ({'skipped': 2}, '2 tick(s) were not served at all'),
    ({'decide_s': 0.07}, '1 tick(s) took longer than the period of 50.0 ms'),
    ({'age_s': {'force': 0.25}}, "'force' was older than its 0.1 s at 1 ticks, at most 0.250 s")])
def test_what_was_wrong_is_marked_as_bad(log, changes, complaint):
    for tick in range(10):
        log.add(record(tick))
    log.add(record(10, **changes))
    assert any(complaint in text for good, text in findings(log.figures()) if good is False)


def test_what_was_changed_dropped_or_only_in_shadow_is_told(log):
    log.add(record(0, shadow=True))
    log.changed('strength', 0.5, START_NS + 1_000_000_000)
    figures = log.figures(dropped_actions=7, late_plans=0)
    text = Page(run_page(figures).html()).text
    for line in ('1 ticks were in shadow', '7 action(s) came after their time',
                 'No chunk(s) came after', 'Parameters changed',
                 '1.00 s (22:13:21 UTC)strength0.5'):
        assert line in text, line
    assert 'Parameters changed' not in run_page({**figures, 'parameters': []}).html()


def test_a_stall_at_the_end_is_told_as_one(log):
    for tick in range(10):
        log.add(record(tick, *[STARVED] * (tick > 6)))
    good, text = findings(log.figures())[0]
    assert good is False and text.endswith('; no command came after it.')


def test_a_run_that_never_acted_and_one_without_ticks_have_pages(log):
    assert 'No tick was served.' in run_page(log.figures()).html()
    log.add(record(0, STARVED, age_s={}))
    assert 'no action is left' in Page(run_page(log.figures()).html()).text


def test_simulated_time_is_no_time_of_day(log):
    log.add(record(0, time_ns=50_000_000))
    assert 'UTC' not in Page(run_page(log.figures()).html()).text
