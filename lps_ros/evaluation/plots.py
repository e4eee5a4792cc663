"""Figures of the reports. Matplotlib is imported when one is drawn; no display is needed."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lps_ros.evaluation.comparison import EpisodeResult
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers tell apart.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')


def _figure(rows: int, columns: int, width_in: float,
            height_in: float) -> tuple[Figure, np.ndarray]:
    """Return a figure drawn by Agg and its axes as an array (rows, columns)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width_in, height_in), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        each.spines[['top', 'right']].set_visible(False)
        each.grid(color='#e4e7ec', linewidth=0.7)
        each.set_axisbelow(True)
    return figure, axes


def success_over_time(arms: Mapping[str, Sequence[EpisodeResult]], *, rate_hz: float,
                      full_steps: int) -> Figure:
    """Return the share of episodes that had succeeded, and been placed, by each time."""
    figure, axes = _figure(1, 2, 9.0, 3.4)
    limit_s = full_steps / rate_hz
    for axis, which, title in zip(axes[0], ('success', 'placed'),
                                  ('success (cube at the goal)', 'placed (released and at rest)')):
        for colour, (name, results) in zip(COLOURS, arms.items()):
            steps = sorted(getattr(result, f'{which}_step') for result in results
                           if getattr(result, which))
            times_s = np.array([0.0, *(step / rate_hz for step in steps), limit_s])
            shares = np.array([*range(len(steps) + 1), len(steps)]) / max(len(results), 1)
            axis.step(times_s, 100.0 * shares, where='post', color=colour, label=name, linewidth=2)
        axis.set(title=title, xlabel='simulated time in the episode (s)', xlim=(0.0, limit_s),
                 ylim=(0.0, 102.0))
    axes[0, 0].set_ylabel('episodes (%)')
    axes[0, 0].legend(frameon=False)
    return figure


def error_per_chunk_step(rmse: np.ndarray, names: Sequence[str], units: Sequence[str]) -> Figure:
    """
    Return the policy's error against the step of its chunk, one panel per action dimension.

    :param rmse: (H, A) in physical units
    """
    figure, axes = _panels(len(names))
    steps = np.arange(1, len(rmse) + 1)
    for axis, name, unit, values in zip(axes, names, units, rmse.T):
        axis.plot(steps, values, 'o-', color=COLOURS[0])
        axis.set(title=name, xlabel='step of the chunk', ylabel=_label('RMSE', unit))
        largest = np.nanmax(values, initial=0.0)
        axis.set_ylim(0.0, 1.1 * largest if largest > 0.0 else 1.0)
        axis.set_xticks(steps)
    return figure


def commands_over_time(times_s: np.ndarray, recorded: np.ndarray, policy: np.ndarray,
                       names: Sequence[str], units: Sequence[str]) -> Figure:
    """
    Return the recorded and the policy's commands of one episode, one panel per dimension.

    :param times_s: (T,) from the start of the episode
    :param recorded: (T, A) in physical units
    :param policy: (T, A), NaN where the policy would have sent nothing
    """
    figure, axes = _panels(len(names))
    for i, (axis, name, unit) in enumerate(zip(axes, names, units)):
        axis.step(times_s, recorded[:, i], where='post', color='#aab4c4', label='recorded',
                  linewidth=3.0)
        axis.step(times_s, policy[:, i], where='post', color=COLOURS[1], label='policy',
                  linewidth=1.2)
        axis.set(title=name, xlabel='time (s)', ylabel=_label('command', unit))
    figure.legend(*axes[0].get_legend_handles_labels(), loc='outside upper right', ncols=2,
                  frameon=False)
    return figure


def run_over_time(timeline: Mapping[str, Sequence[float]], period_s: float) -> Figure:
    """Return who commanded over a whole run, and the worst tick and gap of each bin."""
    figure, axes = _figure(2, 1, 9.0, 4.6)
    shares, worst = axes[:, 0]
    width_s, ticks = timeline['width_s'], np.array(timeline['ticks'])
    edges_s = width_s * np.arange(len(ticks) + 1)
    expected = np.maximum(ticks + np.array(timeline['skipped']), 1)
    below = np.zeros(len(ticks))
    for name, colour, label in (('policy', COLOURS[2], 'policy'),
                                ('teleop', COLOURS[0], 'a person')):
        share = 100.0 * np.array(timeline[name]) / expected
        shares.stairs(below + share, edges_s, baseline=below, fill=True, color=colour, label=label)
        below = below + share
    shares.set(ylabel='ticks commanded by (%)', ylim=(0.0, 102.0))
    for name, colour, label in (('gap_s', COLOURS[1], 'gap between commands'),
                                ('work_s', COLOURS[0], 'work of a tick'),
                                ('late_s', COLOURS[3], 'lateness of a tick')):
        worst.stairs(1e3 * np.array(timeline[name]), edges_s, color=colour, label=label)
    _against_period(worst, period_s)
    worst.set(xlabel='time in the run (s)', ylabel=f'worst of {width_s:g} s (ms)')
    for axis in (shares, worst):
        axis.set_xlim(0.0, edges_s[-1])
        axis.legend(frameon=False, loc='center left', bbox_to_anchor=(1.0, 0.5))
    return figure


def newest_ticks(recent: Mapping[str, Sequence[float | None]], period_s: float) -> Figure:
    """Return what each of the newest ticks cost, who commanded, and the age of its input."""
    figure, axes = _figure(2, 1, 9.0, 4.6)
    cost, ages = axes[:, 0]
    columns = {name: np.array(column, np.float64) for name, column in recent.items()}
    times_s = columns['time_s']
    work_s = sum(columns[name] for name in ('collect_s', 'decide_s', 'publish_s'))
    for values, colour, label in (
            (work_s, COLOURS[0], 'work of the tick'), (columns['late_s'], COLOURS[3], 'lateness'),
            (columns['plan_s'], COLOURS[4], 'plan of its chunk')):
        cost.plot(times_s, 1e3 * values, '.', color=colour, markersize=3, label=label)
    _against_period(cost, period_s)
    ages.plot(times_s, 100.0 * columns['age_share'], '.', color=COLOURS[5], markersize=3,
              label='oldest input')
    ages.axhline(100.0, color='#5b6577', linestyle='--', linewidth=1.0, label='allowed')
    cost.set(ylabel='time (ms)')
    ages.set(xlabel='time in the run (s)', ylabel='of the age allowed (%)', yscale='log')
    for axis in (cost, ages):
        axis.fill_between(times_s, 0, 1, where=columns['source'] == 0, step='mid',
                          transform=axis.get_xaxis_transform(), color='#f3d2cf', linewidth=0,
                          label='no command')
        axis.legend(frameon=False, loc='center left', bbox_to_anchor=(1.0, 0.5))
    return figure


def _against_period(axis: Axes, period_s: float) -> None:
    axis.axhline(1e3 * period_s, color='#5b6577', linestyle='--', linewidth=1.0,
                 label='control period')
    axis.set_yscale('log')


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    columns = min(count, 3)
    rows = -(-count // columns)
    figure, axes = _figure(rows, columns, 3.2 * columns, 2.6 * rows)
    figure.get_layout_engine().set(h_pad=0.12)
    for spare in axes.flat[count:]:
        spare.set_visible(False)
    return figure, list(axes.flat[:count])


def _label(what: str, unit: str) -> str:
    return f'{what} ({unit})' if unit else what
