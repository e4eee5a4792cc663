"""What a run of the policy node was like, in bounded memory however long it lasts."""

from collections import deque
from collections.abc import Mapping
import json
import math
import os
from pathlib import Path
import re
from typing import Any

from lps_ros.contract import Contract
from lps_ros.control.authority import Source
from lps_ros.control.gates import NUMBER
from lps_ros.control.gates import Reason
from lps_ros.control.run_gaps import RunGaps
from lps_ros.control.spread import Spread
from lps_ros.control.tick_record import PARTS
from lps_ros.control.tick_record import TickRecord
from lps_ros.control.timeline import Timeline
import numpy as np

# Kinds of reasons and limits that are told apart; changes of arming and of parameters.
_KINDS, _EVENTS = 200, 200
_LONGEST_VALUE = 200
_LIMITED = re.compile(r'(?P<name>.+) \S+ limited to \S+ by (?P<kind>\w+)')
# Columns of the newest ticks; `source` is 0 for none, 1 for teleop, 2 for policy.
_RECENT = ('time_s', 'source', 'late_s', *PARTS, 'plan_s', 'age_share')
_SOURCES = tuple(Source)
_OTHERS = 'others'


class RunLog:
    """
    Collects the records of a run and tells at any time how well the control loop kept up.

    Whatever is kept one by one is bounded; times in the figures are s, `at_s` and the like since
    the first record.
    """

    def __init__(
            self, contract: Contract, *, run: Mapping[str, Any] | None = None,
            recent_s: float = 120.0) -> None:
        """
        Take the robot's contract, and for how long every tick is kept for the plot.

        run: what tells this run from another, such as its bundle; ready for JSON.
        """
        self._run = {**(run or {}), 'contract': contract.name, 'data_hash': contract.data_hash}
        self._period_s = contract.clock.period_ns * 1e-9
        self._max_age_s = {spec.key: spec.max_age_s for spec in contract.observations}
        self._start_ns: int | None = None
        self._end_s = 0.0
        self._counts = dict.fromkeys(
            ('ticks', 'acted', 'shadow', 'skipped', 'over_budget', 'starved', 'limited', 'plans'),
            0)
        self._by_source = {source.value: 0 for source in _SOURCES}
        self._spreads = {name: Spread() for name in (
            *PARTS, 'work_s', 'late_s', 'plan_s', 'unfamiliarity')}
        self._ages = {key: Spread() for key in self._max_age_s}
        self._too_old = dict.fromkeys(self._max_age_s, 0)
        self._plan: tuple[int | None, float | None] = None, None
        self._limits: dict[str, int] = {}
        self._reasons: dict[str, dict[str, Any]] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._changes: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        self._armed: bool | None = None
        self._gaps = RunGaps(self._period_s)
        self._timeline = Timeline(width_s=max(1.0, self._period_s))
        self._recent = np.zeros((max(1, math.ceil(recent_s / self._period_s)), len(_RECENT)))

    def armed(self, armed: bool, time_ns: int, why: str = '') -> None:
        """Take whether the policy is armed, as often as you like; changes are kept."""
        if armed != self._armed:
            self._armed = armed
            self._events.append({'at_s': self._since_start(time_ns), 'armed': armed, 'why': why})

    def changed(self, name: str, value: object, time_ns: int) -> None:
        """Take note of a parameter that has changed during the run."""
        self._changes.append({'at_s': self._since_start(time_ns), 'name': name,
                              'value': str(value)[:_LONGEST_VALUE]})

    def halted(self, reason: Reason, time_ns: int) -> None:
        """Take note of a stop between ticks, which no record tells of."""
        at_s = self._since_start(time_ns)
        self._gaps.halted(reason, at_s)
        self._note_reason(reason, at_s)

    def add(self, record: TickRecord) -> None:
        """Take the record of a tick."""
        at_s = self._since_start(record.time_ns)
        self._end_s = max(self._end_s, at_s)
        policy = record.source == Source.POLICY
        for name, amount in (
                ('ticks', 1), ('acted', policy), ('shadow', record.shadow),
                ('skipped', record.skipped),
                ('over_budget', record.work_s > self._period_s), ('starved', record.starved),
                ('limited', bool(record.notes))):
            self._counts[name] += int(amount)
        self._by_source[record.source.value] += 1
        for name in (*PARTS, 'work_s', 'late_s'):
            self._spreads[name].add(getattr(record, name))
        self._note_plan(record)
        for note in record.notes:
            limited = _LIMITED.fullmatch(note)
            _count(self._limits, f"{limited['name']} by {limited['kind']}"
                   if limited else NUMBER.sub('#', note))
        for reason in record.reasons:
            self._note_reason(reason, at_s)
        gap_s = self._gaps.add(record, at_s)
        self._timeline.add(
            at_s, (1, policy, record.source == Source.TELEOP, record.skipped),
            (record.late_s, record.work_s, gap_s))
        self._recent[(self._counts['ticks'] - 1) % len(self._recent)] = (
            at_s, _SOURCES.index(record.source), record.late_s,
            *(getattr(record, name) for name in PARTS),
            math.nan if record.plan_s is None else record.plan_s, self._note_ages(record))

    def figures(self, **others: float) -> dict[str, Any]:
        """
        Return all figures, ready for JSON.

        others: counts kept elsewhere, as of dropped actions and late plans. Percentiles are
        exact to 2.3 %; `headroom_s` is the period without the p99 of a tick's work.
        """
        spreads = {name: spread.figures() for name, spread in self._spreads.items()}
        p99_s = spreads['work_s']['p99']
        shares = {name.removesuffix('_s'): None if spreads[name]['mean'] is None
                  else spreads[name]['mean'] / self._period_s for name in (*PARTS, 'work_s')}
        # Sleep, and what is done between ticks.
        shares['rest'] = None if shares['work'] is None else max(0.0, 1.0 - shares['work'])
        return {
            'run': dict(self._run),
            'period_s': self._period_s, 'start_ns': self._start_ns, 'duration_s': self._end_s,
            **self._counts, **others, 'by_source': dict(self._by_source), **spreads,
            'share_of_period': shares,
            'headroom_s': None if p99_s is None else self._period_s - p99_s,
            'age_s': {key: {**spread.figures(), 'max_age': self._max_age_s[key],
                            'too_old_ticks': self._too_old[key]}
                      for key, spread in self._ages.items()},
            'limits': dict(self._limits), 'reasons': list(self._reasons.values()),
            'arming': list(self._events), 'parameters': list(self._changes),
            **self._gaps.figures(), 'timeline': self._timeline.figures(),
            'recent': self._recent_columns()}

    def brief(self) -> dict[str, str]:
        """Return the counts and the times of plans and ticks in ms as text, for a status line."""
        counts = {name: str(count) for name, count in self._counts.items()}
        for label, name in (('plan_ms', 'plan_s'), ('tick_ms', 'work_s'), ('late_ms', 'late_s')):
            figures = self._spreads[name].figures()
            if figures['count']:
                counts |= {f'{label}_{q}': f'{1e3 * figures[q]:.2f}' for q in ('p50', 'p99')}
        return counts

    def write_json(self, path: Path, **others: float) -> Path:
        """Write `figures` as a file that is whole or as it was before; raises OSError."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f'{path.name}.{os.getpid()}.tmp')
        beside.write_text(json.dumps(self.figures(**others), allow_nan=False), encoding='utf-8')
        os.replace(beside, path)
        return path

    def _since_start(self, time_ns: int) -> float:
        if self._start_ns is None:
            self._start_ns = time_ns
        return round((time_ns - self._start_ns) * 1e-9, 6)

    def _note_plan(self, record: TickRecord) -> None:
        plan = record.chunk, record.plan_s
        if record.chunk is None or plan == self._plan:
            return
        self._plan = plan
        self._counts['plans'] += 1
        for name in ('plan_s', 'unfamiliarity'):
            if (value := getattr(record, name)) is not None:
                self._spreads[name].add(value)

    def _note_ages(self, record: TickRecord) -> float:
        """Return the age of the oldest stream as a share of what it may be, NaN without any."""
        largest = math.nan
        for key, age_s in record.age_s.items():
            if key in self._ages:
                self._ages[key].add(age_s)
                self._too_old[key] += age_s > self._max_age_s[key]
                largest = max(age_s / self._max_age_s[key], largest)
        return largest

    def _note_reason(self, reason: Reason, at_s: float) -> None:
        """Count a reason; those that differ in their numbers only are one."""
        kind = reason.kind
        if kind not in self._reasons and len(self._reasons) >= _KINDS:
            kind = _OTHERS
        known = self._reasons.setdefault(kind, {
            'subject': reason.subject if kind != _OTHERS else _OTHERS, 'text': reason.text,
            'ticks': 0, 'first_s': at_s, 'last_s': at_s})
        known['ticks'] += 1
        known['last_s'] = at_s

    def _recent_columns(self) -> dict[str, list[float | None]]:
        ticks, kept = self._counts['ticks'], len(self._recent)
        rows = np.roll(self._recent, -(ticks % kept), axis=0) if ticks > kept else (
            self._recent[:ticks])
        return {name: [None if math.isnan(value) else round(value, 6) for value in column]
                for name, column in zip(_RECENT, rows.T.tolist())}


def _count(counts: dict[str, int], kind: str) -> None:
    if kind not in counts and len(counts) >= _KINDS:
        kind = _OTHERS
    counts[kind] = counts.get(kind, 0) + 1


def summary(figures: Mapping[str, Any]) -> list[str]:
    """Return what matters most of a run's figures, a few lines for a terminal or a log."""
    if not figures['ticks']:
        return ['no tick was served']
    sources = ', '.join(f'{count} {source}' for source, count in figures['by_source'].items())
    lines = [
        f"{figures['ticks']} ticks in {figures['duration_s']:.1f} s ({sources}); "
        f"{figures['skipped']} skipped, {figures['over_budget']} over budget, "
        f"{figures['starved']} starved",
        'share of the period: ' + ', '.join(
            f'{name} {100 * share:.1f} %' for name, share in figures['share_of_period'].items())
        + f"; headroom {_ms(figures['headroom_s'])} of {_ms(figures['period_s'])}",
        'p50, p99, max: ' + '; '.join(
            f'{label} {", ".join(_ms(figures[name][q]) for q in ("p50", "p99", "max"))}'
            for name, label in (('late_s', 'jitter'), ('plan_s', 'plan'))
            if figures[name]['count'])]
    gap = figures['longest_gap']
    if gap is not None:
        rest = '' if gap['ended'] else ', until the end'
        lines.append(f"longest gap between commands: {_ms(gap['gap_s'])} at {gap['at_s']:.2f} s"
                     f"{rest}: {gap['why']}")
    return lines


def _ms(value_s: float) -> str:
    return f'{value_s * 1e3:.1f} ms'
