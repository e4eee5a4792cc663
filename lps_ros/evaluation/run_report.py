"""A run of the policy node as one HTML page, for somebody whose robot has just stalled."""

from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from typing import Any

from lps_ros.control.run_log import summary
from lps_ros.evaluation.plots import newest_ticks
from lps_ros.evaluation.plots import run_over_time
from lps_ros.evaluation.report import Report
from lps_ros.evaluation.table import number
from lps_ros.evaluation.table import percent

Finding = tuple[bool | None, str]

# Simulated time begins near zero and is no time of day.
_EARLIEST_NS = 1_000_000_000_000_000_000
_LONGEST_TABLE = 60
# A gap of so many periods is felt on the robot.
_FELT = 1.5


def run_page(figures: Mapping[str, Any], title: str = 'Run of the policy node') -> Report:
    """Return the page of what `RunLog.figures` gave, or of the JSON file that it wrote."""
    page = Report(title)
    page.table(['at the start', ''], [
        [name.replace('_', ' '), {True: 'yes', False: 'no'}[value]
         if isinstance(value, bool) else value] for name, value in figures['run'].items()])
    if not figures['ticks']:
        return page.paragraph('No tick was served.')
    page.paragraph(f'{figures["duration_s"]:.1f} s from {_clock(figures, 0.0)} at '
                   f'{1 / figures["period_s"]:g} Hz. Times below are since then.')
    page.findings(findings(figures))
    period_s = figures['period_s']
    page.heading('Stops').paragraph(
        'Each time without commands after one with: from the last command to the next.')
    page.table(*_stops(figures), _shown(len(figures['stops']), figures['stop_count']))
    page.heading('Why the policy did not act').table(*_reasons(figures))
    if figures['arming']:
        page.heading('Arming').table(['at', 'policy', 'why'], [
            [_clock(figures, each['at_s']), 'armed' if each['armed'] else 'disarmed',
             each['why'] or '-'] for each in figures['arming'][-_LONGEST_TABLE:]])
    if figures['parameters']:
        page.heading('Parameters changed').table(['at', 'parameter', 'to'], [
            [_clock(figures, each['at_s']), each['name'], each['value']]
            for each in figures['parameters'][-_LONGEST_TABLE:]])
    page.heading('Whole run').plot(
        run_over_time(figures['timeline'], period_s),
        'Above: who commanded; what is missing had no command. Below: the worst of each bin.')
    page.heading('Newest ticks').plot(
        newest_ticks(figures['recent'], period_s),
        'Each point is a tick. Work and lateness belong below the control period; a plan is made '
        'beside the loop and may take longer.')
    page.heading('Time').table(*_times(figures))
    page.heading('Input').table(*_ages(figures))
    if figures['limits']:
        page.heading('Limits').table(['limit', 'ticks'], sorted(
            figures['limits'].items(), key=lambda item: -item[1])[:_LONGEST_TABLE])
    return page.heading('In short').code('\n'.join(summary(figures)))


def findings(figures: Mapping[str, Any]) -> list[Finding]:
    """Return what a person has to know first, each sentence good, bad or neither."""
    found: list[Finding] = []
    gap, period_s = figures['longest_gap'], figures['period_s']
    if gap is not None:
        rest = '' if gap['ended'] else '; no command came after it'
        found.append((gap['ended'] and gap['gap_s'] < _FELT * period_s, (
            f'The longest gap between commands was {_ms(gap["gap_s"])}, from '
            f'{_clock(figures, gap["at_s"])} on: {gap["why"]}{rest}.')))
    by_source, ticks = figures['by_source'], figures['ticks']
    found.append((None, 'Of {} ticks the policy commanded {}, a person {}, nobody {}.'.format(
        ticks, *(percent(by_source[name] / ticks, 1) for name in ('policy', 'teleop', 'none')))))
    if figures['shadow']:
        found.append((None, f'{figures["shadow"]} ticks were in shadow: their commands did not '
                      'reach the robot.'))
    stops = figures['stop_count']
    found.append((stops == 0 or None, f'It stopped {stops} time(s).'))
    for name, text in (
            ('starved', 'tick(s) had no action left: planning was too slow or had ended'),
            ('skipped', 'tick(s) were not served at all: the process did not get to them'),
            ('over_budget', f'tick(s) took longer than the period of {_ms(period_s)}')):
        found.append((not figures[name], f'{figures[name] or "No"} {text}.'))
    for name, text in (
            ('dropped_actions', 'action(s) came after their time and were dropped'),
            ('late_plans', 'chunk(s) came after the time of their first action')):
        if name in figures:
            found.append((not figures[name] or None, f'{figures[name] or "No"} {text}.'))
    late = [(key, age) for key, age in figures['age_s'].items() if age['too_old_ticks']]
    found += [(False, f"'{key}' was older than its {age['max_age']:g} s at "
                      f"{age['too_old_ticks']} ticks, at most {age['max']:.3f} s.")
              for key, age in late]
    if figures['headroom_s'] is not None:
        found.append((figures['headroom_s'] > 0.2 * period_s, (
            f'99 % of the ticks left at least {_ms(max(figures["headroom_s"], 0.0))} of the '
            'period unused.')))
    return found


def _stops(figures: Mapping[str, Any]) -> tuple[list[str], list[Sequence[object]]]:
    longest_first = sorted(figures['stops'], key=lambda stop: -stop['gap_s'])[:_LONGEST_TABLE]
    return ['last command at', 'then none for', 'wanted by a person', 'why'], [
        [_clock(figures, stop['at_s']),
         _ms(stop['gap_s']) + ('' if stop['ended'] else ', until the end'),
         'yes' if stop['by_person'] else 'no', stop['why']]
        for stop in sorted(longest_first, key=lambda stop: stop['at_s'])]


def _shown(kept: int, count: int) -> str:
    shown = min(kept, _LONGEST_TABLE)
    return '' if shown == count else f'The longest {shown} of {kept} kept, {count} in all.'


def _reasons(figures: Mapping[str, Any]) -> tuple[list[str], list[Sequence[object]]]:
    kinds = sorted(figures['reasons'], key=lambda each: -each['ticks'])[:_LONGEST_TABLE]
    return ['subject', 'ticks', 'first at', 'last at', 'the first time'], [
        [each['subject'], each['ticks'], _clock(figures, each['first_s']),
         _clock(figures, each['last_s']), each['text']] for each in kinds]


def _times(figures: Mapping[str, Any]) -> tuple[list[str], list[Sequence[object]]]:
    names = {'collect_s': 'taking messages', 'decide_s': 'deciding',
             'publish_s': 'publishing', 'work_s': 'all of it', 'late_s': 'lateness of a tick',
             'plan_s': 'planning, beside the loop'}
    return ['part of a tick', 'mean', 'p50', 'p99', 'largest', 'of the period'], [
        [text, *(_ms(figures[name][q]) for q in ('mean', 'p50', 'p99', 'max')),
         percent(figures['share_of_period'].get(name.removesuffix('_s')), 1)]
        for name, text in names.items()] + [
            ['sleep, and what is done between ticks', '-', '-', '-', '-',
             percent(figures['share_of_period']['rest'], 1)]]


def _ages(figures: Mapping[str, Any]) -> tuple[list[str], list[Sequence[object]]]:
    return ['input', 'age p50', 'p99', 'largest', 'allowed', 'ticks too old'], [
        [key, *(_ms(age[q]) for q in ('p50', 'p99', 'max', 'max_age')), age['too_old_ticks']]
        for key, age in figures['age_s'].items()]


def _clock(figures: Mapping[str, Any], at_s: float) -> str:
    """Return a time since the start of the run, with the time of day where that is known."""
    start_ns = figures['start_ns']
    if start_ns < _EARLIEST_NS:
        return f'{at_s:.2f} s'
    moment = datetime.fromtimestamp(start_ns * 1e-9 + at_s, timezone.utc)
    return f'{at_s:.2f} s ({moment:%H:%M:%S} UTC)'


def _ms(value_s: float | None) -> str:
    return '-' if value_s is None else f'{number(value_s * 1e3)} ms'
