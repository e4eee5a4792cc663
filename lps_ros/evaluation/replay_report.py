"""A replay as text for the terminal and as an HTML page."""

from collections.abc import Mapping

from lps_ros.evaluation.episode_replay import EpisodeReplay
from lps_ros.evaluation.plots import commands_over_time
from lps_ros.evaluation.plots import error_per_chunk_step
from lps_ros.evaluation.replay_findings import findings
from lps_ros.evaluation.report import Report
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import number
from lps_ros.evaluation.table import percent
import numpy as np

Table = tuple[list[str], list[list[str]]]

_MARKS = {True: 'ok', False: '!!', None: '  '}
_EXECUTED = 'As executed'
_OPEN_LOOP = 'Open loop'


def replay_text(figures: Mapping) -> str:
    """Return the figures of a replay for a terminal, what matters most first."""
    lines = [_title(figures), _settings(figures), '']
    lines += [f'{_MARKS[good]}  {text}' for good, text in findings(figures)]
    for heading, note, table in _tables(figures):
        lines += ['', f'{heading}: {note}', format_table(*table)]
    return '\n'.join(lines)


def replay_page(figures: Mapping, shown: EpisodeReplay) -> Report:
    """
    Return the figures of a replay as a page.

    :param shown: the episode whose commands are drawn
    """
    names, units = figures['dimensions'], figures['units']
    page = Report('Replay through a policy').paragraph(_title(figures))
    page.paragraph(_settings(figures)).findings(findings(figures))
    times_s = (shown.ticks_ns - shown.ticks_ns[0]) * 1e-9
    rmse = np.array(figures['open_loop']['rmse_per_step'])
    for heading, note, table in _tables(figures):
        page.heading(heading).paragraph(f'{note[0].upper()}{note[1:]}.').table(*table)
        if heading == _EXECUTED:
            page.plot(commands_over_time(times_s, shown.recorded, shown.executed, names, units),
                      'First episode: the recorded commands and those of the policy.')
        if heading == _OPEN_LOOP:
            page.plot(error_per_chunk_step(rmse, names, units))
    page.heading('Episodes').table(*_episode_table(figures))
    if figures['deployment_differences']:
        page.heading('Recording and bundle differ in deployment')
        page.code('\n'.join(figures['deployment_differences']))
    return page


def _title(figures: Mapping) -> str:
    seconds = figures['ticks'] / figures['rate_hz']
    count = len(figures['episodes'])
    return (f'{figures["source"]} through {figures["bundle"]}: {count} '
            f'episode{"s" if count > 1 else ""}, {figures["ticks"]} ticks, {seconds:.1f} s')


def _settings(figures: Mapping) -> str:
    settings = figures['settings']
    strength = settings['strength']
    weaker = '' if settings['mode'] == 'prior' or strength == 1 else f' at strength {strength}'
    return (f'{settings["mode"]}{weaker}, best of {settings["candidates"]}, a plan every '
            f'{settings["replan_every"]} of {figures["horizon"]} ticks, join: '
            f'{settings["join"]}, contract '
            f'{figures["contract"]} {figures["data_hash"]}')


def _tables(figures: Mapping) -> list[tuple[str, str, Table]]:
    """Return heading, explanation and content of each table."""
    replan_every = figures['settings']['replan_every']
    return [
        ('Input', 'judged at every tick by the ages that the contract allows',
         _input_table(figures)),
        (_EXECUTED, f'what the node would have sent on the recorded input, a plan every '
         f'{replan_every} ticks, after limits, against the command recorded at the tick',
         _executed_table(figures)),
        (_OPEN_LOOP, 'RMSE of the chunk planned at each tick, step by step and before limits, '
         'against the commands recorded from that tick on', _open_loop_table(figures)),
        ('Critics', 'value of the chunks, mean over the ticks that have both', _q_table(figures))]


def _input_table(figures: Mapping) -> Table:
    headers = ['input', 'messages', 'rate', 'age 50 %', '99 %', 'largest', 'allowed', 'missing',
               'stale', 'unfit']
    rows = [[key, str(stream['messages']), f'{number(stream["rate_hz"])} Hz',
             *(_seconds(stream[name]) for name in (
                 'age_p50_s', 'age_p99_s', 'age_max_s', 'max_age_s')),
             *(str(stream[f'{name}_ticks']) for name in ('missing', 'stale', 'unfit'))]
            for key, stream in figures['input'].items()]
    return headers, rows


def _executed_table(figures: Mapping) -> Table:
    executed = figures['as_executed']
    headers = ['dimension', 'unit', 'RMSE', 'mean abs', 'bias', 'largest', 'largest change',
               'recorded']
    rows = [[name, unit, *(number(executed[column][i]) for column in (
        'rmse', 'mean_abs', 'bias', 'max_abs', 'largest_change', 'recorded_largest_change'))]
        for i, (name, unit) in enumerate(zip(figures['dimensions'], figures['units']))]
    return headers, rows


def _open_loop_table(figures: Mapping) -> Table:
    open_loop = figures['open_loop']
    steps = open_loop['rmse_per_step']
    headers = ['dimension', 'unit', *(f'step {i + 1}' for i in range(len(steps))), 'all',
               'mean abs']
    rows = [[name, unit, *(number(step[i]) for step in steps), number(open_loop['rmse'][i]),
             number(open_loop['mean_abs'][i])]
            for i, (name, unit) in enumerate(zip(figures['dimensions'], figures['units']))]
    return headers, rows


def _q_table(figures: Mapping) -> Table:
    q = figures['q']
    rows = [[name, number(q[who]['min']), number(q[who]['mean'])]
            for who, name in (('policy', 'planned by the policy'), ('recorded', 'recorded'))]
    return ['chunk', 'least', 'mean'], rows


def _episode_table(figures: Mapping) -> Table:
    headers = ['episode', 'outcome', 'commands from', 'ticks', 'fit', 'RMSE as executed',
               'RMSE open loop']
    rows = [[each['name'], each['outcome'], each['source'], str(each['ticks']),
             percent(each['fit_ticks'] / each['ticks']),
             percent(each['executed_rmse_of_half_range'], 1),
             percent(each['open_loop_rmse_of_half_range'], 1)] for each in figures['episodes']]
    return headers, rows


def _seconds(value: float) -> str:
    return '-' if value is None or not np.isfinite(value) else f'{value:.3f} s'
