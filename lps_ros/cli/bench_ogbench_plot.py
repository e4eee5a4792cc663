"""Success against updates and against time, as a picture."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from lps_ros.evaluation.metrics import wilson_interval
from lps_ros.evaluation.plots import COLOURS


def success_plot(rows: Sequence[dict[str, Any]], arms: Sequence[str], title: str) -> bytes:
    """
    Return a PNG of all evaluations: a thin line for each seed, a thick one for all together.

    The band is Wilson's interval of all seeds' episodes; it and the thick line cover the steps
    that every seed has reached.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(9.0, 3.6), layout='constrained')
    canvas = FigureCanvasAgg(figure)
    by_step, by_time = figure.subplots(1, 2, sharey=True)
    seeds = {row['seed']: sorted((each for each in rows if each['seed'] == row['seed']),
                                 key=lambda each: each['step']) for row in rows}
    for colour, arm in zip(COLOURS, arms):
        for own in seeds.values():
            success = [100 * row[f'{arm} success'] for row in own]
            by_step.plot([row['step'] for row in own], success, color=colour, linewidth=0.7)
            by_time.plot([row['trained_s'] / 60 for row in own], success, '.-', color=colour,
                         linewidth=0.7)
        steps, rate, low, high = _together(seeds, arm)
        by_step.plot(steps, rate, 'o-', color=colour, linewidth=2, label=arm)
        by_step.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
    for axis, label in ((by_step, 'updates'), (by_time, 'training time (min)')):
        axis.set(xlabel=label, ylim=(-2, 102))
        axis.set_xlim(left=0)
        axis.spines[['top', 'right']].set_visible(False)
        axis.grid(color='#e4e7ec', linewidth=0.7)
    by_step.set_ylabel('success (%)')
    by_step.legend(frameon=False)
    figure.suptitle(title, fontsize=10)
    content = BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def _together(
        seeds: dict[int, list[dict[str, Any]]], arm: str,
) -> tuple[list[int], list[float], list[float], list[float]]:
    """Return the steps that all seeds have reached, and there success, low and high in %."""
    common = set.intersection(*({row['step'] for row in own} for own in seeds.values()))
    steps, figures = sorted(common), []
    for step in steps:
        won, count = (sum(row[f'{arm} {name}'] for own in seeds.values() for row in own
                          if row['step'] == step) for name in ('successes', 'episodes'))
        figures.append([100 * each for each in (won / count, *wilson_interval(won, count))])
    rate, low, high = map(list, zip(*figures)) if figures else ([], [], [])
    return steps, rate, low, high
