"""The HTML page that a demo leaves behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lps_ros.cli.evaluation_run import Evaluation
from lps_ros.cli.evaluation_run import EvaluationSettings
from lps_ros.evaluation.comparison import arm_table
from lps_ros.evaluation.comparison import difference_table
from lps_ros.evaluation.plots import success_over_time
from lps_ros.evaluation.report import Report

_ARM_COLUMNS = {
    'episodes': 'episodes', 'success': 'success', 'success_interval': 'success 95 %',
    'placed': 'placed', 'placed_interval': 'placed 95 %', 'median_time_s': 'median time, s',
    'median_placed_time_s': 'median placed, s'}
_DIFFERENCE_COLUMNS = {
    'pairs': 'pairs', 'success': 'success', 'success_interval': 'success 95 %', 'success_p': 'p',
    'placed': 'placed', 'placed_interval': 'placed 95 %', 'median_time_s': 'median time, s',
    'median_time_s_interval': 'time 95 %'}


def card_results(
        settings: EvaluationSettings, figures: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Return the figures as results of a bundle: a table by title, a row by arm."""
    clock = settings.clock
    title = (f'{clock[0].upper()}{clock[1:]}, seeds {settings.seeds.start} to '
             f'{settings.seeds.stop - 1}, `{command}`')
    arms = {arm: _renamed(row, _ARM_COLUMNS) | {'how': figures['settings'][arm]}
            for arm, row in figures['arms'].items()}
    differences = {f'{row["of"]} - {row["minus"]}': _renamed(row, _DIFFERENCE_COLUMNS)
                   for row in figures['differences']}
    return {title: arms} | ({f'Differences on these seeds, {clock}, of `{command}`':
                             differences} if differences else {})


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    return {text: row[name] for name, text in columns.items()}


def write_demo_report(
        path: Path, settings: EvaluationSettings, evaluation: Evaluation, command: str) -> Path:
    """Write the page and return its path."""
    figures = evaluation.figures
    how = ('the arm is that of the ROS node, driven by the same code.' if settings.in_process
           else 'each node was a process of its own, and the outcome is what the robot published.')
    report = Report('Latent Policy Steering: arm against arm')
    report.paragraph(
        f'{settings.episodes} episodes per arm on the same seeds (task {settings.task}, seeds '
        f'{settings.seeds.start} to {settings.seeds.stop - 1}), {settings.clock}: '
        f'{how}')
    report.code(command)
    report.table(*arm_table(figures), caption=(
        "success: OGBench's own, the cube within 4 cm of the goal, even if still held. placed: "
        'released and at rest there for 0.5 s. A failure counts as '
        f'{figures["full_time_s"]:.0f} s. Intervals: Wilson, 95 %.'))
    for arm, text in figures['settings'].items():
        report.paragraph(f'{arm}: {text}.')
    report.plot(success_over_time(
        evaluation.results, rate_hz=settings.contract.rate_hz,
        full_steps=settings.contract.task.max_ticks),
        caption='Share of the episodes that were done by each time.')
    if figures['differences']:
        report.table(*difference_table(figures), caption=(
            "Differences on the same seeds; p from McNemar's exact test."))
    for arm, frames in evaluation.pictures.items():
        report.heading(f'{arm}, seed {settings.first_seed}')
        report.pictures(frames)
    if settings.pictures and not settings.in_process and not evaluation.pictures:
        report.paragraph('No pictures: this machine cannot render; logs/ says what to install.')
    report.heading('Policy')
    report.paragraph(f'Bundle {settings.bundle}; its README.md says how it was made.')
    return report.write(path)
