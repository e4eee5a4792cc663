"""Figures of the policy node's timing from what the benchmark's nodes have written."""

import json

from lps_ros.contract import ControlClock
from lps_ros.evaluation.control_timing import soak_figures
from lps_ros.evaluation.control_timing import spread
from lps_ros.evaluation.control_timing import timing_figures
import numpy as np
import pytest

MS = 1_000_000
CLOCK = ControlClock(50.0)
FIRST = 5_000


def write(folder, commands, ticks, **content):
    np.array(commands, '<i8').tofile(folder / 'commands.bin')
    np.array(ticks, '<i8').tofile(folder / 'ticks.bin')
    (folder / 'slices.json').write_text(json.dumps({'samples': [], **content}))


def policy_slice(count, **figures):
    return {'kind': 'policy', 'from_ns': CLOCK.time_ns(FIRST),
            'to_ns': CLOCK.time_ns(FIRST + count - 1) + 10 * MS, 'node_cpu': 0.2,
            'inference_cpu': 0.1, 'armed_again': 0, 'figures': {'plan_ms_p50': '6', **figures}}


def command(k, *, late_ms=2, planned_at=None):
    """Return the row of a command, planned from what was seen 5 and 12 ms before a tick."""
    time_ns = CLOCK.time_ns(k)
    seen_ns = CLOCK.time_ns(k if planned_at is None else planned_at)
    return (time_ns + late_ms * MS, time_ns + MS, (k - 1) % 1000, seen_ns - 5 * MS,
            seen_ns - 12 * MS)


def test_times_count_from_the_tick_and_from_what_was_seen(tmp_path):
    # Chunks of two ticks; the tick after the last one and the stop lie outside.
    commands = [command(FIRST + i, planned_at=FIRST + i // 2 * 2) for i in range(8)]
    ticks = [(FIRST + i, MS // 2, 0, 1, 0) for i in range(-1, 9)]
    np.array([MS, 2 * MS], '<i8').tofile(tmp_path / 'thread_1.bin')
    np.array([3 * MS], '<i8').tofile(tmp_path / 'timer_2.bin')
    write(tmp_path, commands, ticks, slices=[
        policy_slice(8, starved='1', skipped='2'), {'kind': 'thread', 'file': 'thread_1.bin'},
        {'kind': 'timer', 'file': 'timer_2.bin'}], samples=[{'load': 0.5}])
    figures = timing_figures(tmp_path, 50.0)
    assert figures['ticks'] == figures['served'] == 8
    assert figures['without_command'] == 0 and figures['not_acted'] == 0
    assert figures['starved'] == 1 and figures['skipped'] == 2 and figures['late_plans'] == 0
    assert figures['begun_ms']['max'] == 0.5 and figures['sent_ms']['p50'] == 2.0
    assert figures['joints_to_command_ms'] == {'p50': 7.0, 'p99': 7.0, 'min': 7.0, 'max': 7.0}
    assert figures['picture_to_command_ms']['max'] == 14.0
    assert figures['bare_thread_ms']['max'] == 2.0 and figures['bare_timer_ms']['p50'] == 3.0


def test_a_tick_without_a_command_is_found(tmp_path):
    commands = [command(FIRST + i) for i in range(8) if i not in (3, 4)]
    ticks = [(FIRST + i, 0, 0, i not in (3, 4), 0) for i in range(8)]
    for kind in ('thread', 'timer'):
        np.zeros(1, '<i8').tofile(tmp_path / f'{kind}.bin')
    write(tmp_path, commands, ticks, samples=[{'load': 0.0}], slices=[
        policy_slice(8), *({'kind': kind, 'file': f'{kind}.bin'} for kind in ('thread', 'timer'))])
    figures = timing_figures(tmp_path, 50.0)
    assert figures['without_command'] == 2 and figures['not_acted'] == 2


def test_a_soak_shows_growth_and_a_chunk_that_drifts(tmp_path):
    # Number 1000 comes after 999: the lag of one tick goes on over that.
    commands = [command(k) for k in range(FIRST + 900, FIRST + 1100)]
    drifting = [(k, MS, 0, 1, int(k > FIRST + 1000)) for k in range(FIRST + 900, FIRST + 1100)]
    uses = [{'time_s': float(i), **{
        f'{process}_{what}': 100.0 + (i if (process, what) == ('node', 'rss_mb') else 0)
        for process in ('node', 'inference') for what in ('rss_mb', 'shared_mb', 'files')}}
        for i in range(20)]
    write(tmp_path, commands, drifting, slices=[policy_slice(200)], samples=uses)
    figures = soak_figures(tmp_path, 50.0, 10.0)
    assert figures['lag_first_tenth'] == figures['lag_last_tenth'] == {
        'p50': 1.0, 'p99': 1.0, 'min': 1.0, 'max': 1.0}
    assert figures['shift_ticks']['max'] == 1.0
    # A megabyte a second, ten of which pass in one.
    assert figures['node_rss_mb']['per_hour'] == pytest.approx(360)
    assert figures['inference_rss_mb']['per_hour'] == pytest.approx(0, abs=1e-6)


def test_nothing_has_no_spread():
    assert spread([]) == {'p50': None, 'p99': None, 'min': None, 'max': None}
