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
