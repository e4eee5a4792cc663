"""Figures of a run of `lps bench control` from the files that its nodes have left."""

from collections.abc import Sequence
import json
from pathlib import Path
from typing import Any

from lps_ros.contract import ControlClock
import numpy as np

USES = tuple(f'{process}_{what}' for process in ('node', 'inference')
             for what in ('rss_mb', 'shared_mb', 'files'))
_COLUMNS = 5  # int64 of a row in commands.bin and ticks.bin
# A number that wraps around is unwrapped where it lies more than this from where it is expected.
_TICK_NUMBERS = 1000


def timing_figures(folder: Path, rate_hz: float) -> dict[str, Any]:
    """
    Return what the policy and the bare loops did, times in ms.

    `begun`: from a tick's time until it began to be served, to compare with the bare loops'
    waking; `sent`: until the middleware was given the command; `joints_to_command` and
    `picture_to_command`: from the stamp of what a chunk was planned from until its first command
    was sent.
    """
    content = json.loads((folder / 'slices.json').read_text(encoding='utf-8'))
    windows = [each for each in content['slices'] if each['kind'] == 'policy']
    clock = ControlClock(rate_hz)
    commands, ticks = (_rows(folder / name) for name in ('commands.bin', 'ticks.bin'))
    sent = np.concatenate([_between(commands, commands[:, 0], each) for each in windows])
    served = np.concatenate([
        _between(ticks, clock.time_ns(ticks[:, 0]), each) for each in windows])
    expected = sum(len(clock.ticks(each['from_ns'], each['to_ns'])) for each in windows)
    numbers = np.array([clock.index_at_or_before(int(time_ns)) for time_ns in sent[:, 0]])
    new = np.diff(sent[:, 3], prepend=0) != 0
    seconds = [(each['to_ns'] - each['from_ns']) * 1e-9 for each in windows]
    return {
        'seconds': sum(seconds), 'ticks': expected, 'served': len(served),
        'without_command': expected - len(np.unique(numbers)),
        'not_acted': int(np.sum(served[:, 3] == 0)),
        'armed_again': sum(each['armed_again'] for each in windows),
        **{name: sum(int(each['figures'].get(name, 0)) for each in windows)
           for name in ('starved', 'skipped', 'late_plans', 'dropped_actions')},
        'plan_ms': float(np.median([float(each['figures']['plan_ms_p50']) for each in windows])),
        'begun_ms': spread(served[:, 1] * 1e-6),
        'sent_ms': spread((sent[:, 0] - clock.time_ns(numbers)) * 1e-6),
        'joints_to_command_ms': spread((sent[new, 0] - sent[new, 3]) * 1e-6),
        'picture_to_command_ms': spread(
            (sent[new, 0] - sent[new, 4])[sent[new, 4] > 0] * 1e-6),
        **{f'bare_{kind}_ms': spread(_bare(folder, content['slices'], kind) * 1e-6)
           for kind in ('thread', 'timer')},
        'node_cpu': float(np.average([each['node_cpu'] for each in windows], weights=seconds)),
        'inference_cpu': float(
            np.average([each['inference_cpu'] for each in windows], weights=seconds)),
        'load': spread([each['load'] for each in content['samples']])}


def soak_figures(folder: Path, rate_hz: float, factor: float) -> dict[str, Any]:
    """
    Return how memory and the distance between chunk and clock went, of a run without bare loops.

    Slopes in MB per hour of simulated time, from the second half of the run on, once caches are
    full. `lag_...`: how many ticks earlier than its command the action's observation puts it, seen
    by the robot; `shift_ticks`: by how many ticks an action was another's, seen by the node.
    """
    content = json.loads((folder / 'slices.json').read_text(encoding='utf-8'))
    (window,) = content['slices']
    commands, ticks = (_rows(folder / name) for name in ('commands.bin', 'ticks.bin'))
    lags = _lag_ticks(commands[commands[:, 3] > 0], ControlClock(rate_hz))
    tenth = max(1, len(lags) // 10)
    return {
        'ticks': len(ticks), 'skipped': int(ticks[:, 2].sum()),
        'not_acted': int(np.sum(ticks[:, 3] == 0)),
        'armed_again': window['armed_again'],
        **{name: int(window['figures'].get(name, 0))
           for name in ('starved', 'late_plans', 'dropped_actions')},
        'shift_ticks': spread(ticks[ticks[:, 3] == 1, 4]),
        'lag_first_tenth': spread(lags[:tenth]), 'lag_last_tenth': spread(lags[-tenth:]),
        **{name: _growth(content['samples'], name, factor)
           for name in USES},
        'node_cpu': window['node_cpu'], 'inference_cpu': window['inference_cpu']}


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float | None]:
    """Return median, 99th percentile, least and largest value; None of nothing."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return dict.fromkeys(('p50', 'p99', 'min', 'max'))
    return {'p50': float(np.median(values)), 'p99': float(np.percentile(values, 99)),
            'min': float(values.min()), 'max': float(values.max())}


def _growth(samples: Sequence[dict[str, float]], name: str, factor: float) -> dict[str, float]:
    values = np.array([each[name] for each in samples])
    hours = np.array([each['time_s'] for each in samples]) * factor / 3600
    later = slice(len(values) // 2, None)
    return {'first': float(values[0]), 'last': float(values[-1]), 'max': float(values.max()),
            'per_hour': float(np.polyfit(hours[later], values[later], 1)[0])}


def _lag_ticks(commands: np.ndarray, clock: ControlClock) -> np.ndarray:
    """Return per row of commands by how many ticks its action is that of an earlier tick."""
    ticks = np.array([clock.index_at_or_before(int(stamp_ns)) for stamp_ns in commands[:, 1]])
    half = _TICK_NUMBERS // 2
    return (ticks - commands[:, 2] + half) % _TICK_NUMBERS - half


def _rows(path: Path) -> np.ndarray:
    return np.fromfile(path, '<i8').reshape(-1, _COLUMNS)


def _between(rows: np.ndarray, times_ns: np.ndarray, window: dict[str, Any]) -> np.ndarray:
    return rows[(times_ns >= window['from_ns']) & (times_ns <= window['to_ns'])]


def _bare(folder: Path, slices: Sequence[dict[str, Any]], kind: str) -> np.ndarray:
    return np.concatenate([
        np.fromfile(folder / each['file'], '<i8') for each in slices if each['kind'] == kind])
