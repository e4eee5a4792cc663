"""The evaluations of an OGBench run: a CSV file, its plot and its summary."""

from collections.abc import Sequence
import csv
from dataclasses import dataclass
from io import StringIO
import json
from pathlib import Path
from typing import Any

from lps_ros.cli.bench_ogbench_plot import success_plot
from lps_ros.data.files import disk_errors
from lps_ros.data.files import make_folder
from lps_ros.data.files import replace
from lps_ros.errors import UserError
from lps_ros.evaluation.metrics import wilson_interval

_FIRST = ('seed', 'step', 'trained_s', 'evaluation_s')
_PER_ARM = ('episodes', 'successes', 'success', 'low', 'high', 'mean_steps', 'mean_reward')
_WHOLE = ('seed', 'step', 'episodes', 'successes')

Row = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """How a policy is run: where latents come from, and how many to choose from."""

    mode: str
    candidates: int

    @property
    def name(self) -> str:
        """Return it as it is written on the command line."""
        return f'{self.mode}:{self.candidates}'

    @classmethod
    def parse(cls, text: str) -> 'Arm':
        """Read one such as 'steered:1'; raises UserError."""
        mode, _, count = text.partition(':')
        if mode not in ('steered', 'prior') or not count.isdecimal() or not int(count):
            raise UserError(f"--arms has '{text}', expected steered:N or prior:N, such as "
                            'steered:1')
        return cls(mode, int(count))

    def columns(self, successes: Sequence[bool], steps: Sequence[int],
                rewards: Sequence[float]) -> Row:
        """Return the columns of one evaluation, an entry for each episode."""
        count, won = len(successes), sum(successes)
        low, high = wilson_interval(won, count)
        values = (count, won, round(won / count, 4), round(low, 4), round(high, 4),
                  round(sum(steps) / count, 2), round(sum(rewards) / count, 3))
        return {f'{self.name} {name}': value for name, value in zip(_PER_ARM, values)}


class EvaluationTable:
    """
    The rows of all seeds so far; every new one is on the disk before anything else happens.

    Times are in s: trained_s of all updates so far, evaluation_s of this evaluation; low and high
    are Wilson's interval.
    """

    def __init__(
            self, folder: Path, arms: Sequence[Arm], settings: dict[str, Any],
            command: str) -> None:
        """Go on in a folder, or begin; raises UserError where it was begun with other settings."""
        self.folder = folder
        self.csv_path = folder / 'evaluations.csv'
        self.plot_path = folder / 'success.png'
        self._arms = [arm.name for arm in arms]
        self._title = f"{settings['environment']}, {settings['algorithm']}"
        self._header = [*_FIRST, *(f'{arm} {name}' for arm in self._arms for name in _PER_ARM)]
        self.rows: list[Row] = []
        file = folder / 'settings.json'
        with disk_errors(folder):
            make_folder(folder)
            if file.exists():
                _check_settings(file, settings)
            else:
                replace(file, (json.dumps(
                    {'command': command, **settings}, indent=1) + '\n').encode())
            if self.csv_path.exists():
                with self.csv_path.open(encoding='utf-8', newline='') as content:
                    table = csv.DictReader(content)
                    if table.fieldnames != self._header:
                        raise UserError(f'{self.csv_path}: has other columns than this command '
                                        'writes; give another --output')
                    self.rows = [_typed(row, self.csv_path) for row in table]

    def holds(self, seed: int, step: int) -> bool:
        """Return whether this evaluation is there."""
        return any(row['seed'] == seed and row['step'] == step for row in self.rows)

    def add(self, row: Row) -> None:
        """Append a row and write table and plot, each in one step."""
        self.rows.append(row)
        text = StringIO()
        writer = csv.DictWriter(text, self._header, lineterminator='\n')
        writer.writeheader()
        writer.writerows(self.rows)
        with disk_errors(self.folder):
            replace(self.csv_path, text.getvalue().encode())
        self.plot()

    def plot(self) -> None:
        """Write the plot of all rows."""
        with disk_errors(self.folder):
            replace(self.plot_path, success_plot(self.rows, self._arms, self._title))


def summary(rows: Sequence[Row], arms: Sequence[Arm], seeds: Sequence[int]) -> dict[str, Any]:
    """Return for each arm the success at the last step of these seeds, all episodes together."""
    last = [max((row for row in rows if row['seed'] == seed), key=lambda row: row['step'])
            for seed in seeds]
    figures = {}
    for arm in arms:
        count, won = (sum(row[f'{arm.name} {name}'] for row in last)
                      for name in ('episodes', 'successes'))
        figures[arm.name] = {
            'episodes': count, 'successes': won, 'success': won / count,
            'interval': wilson_interval(won, count),
            'by_seed': [row[f'{arm.name} success'] for row in last]}
    return figures


def _check_settings(file: Path, settings: dict[str, Any]) -> None:
    try:
        begun = dict(json.loads(file.read_text(encoding='utf-8')))
    except (ValueError, TypeError) as error:
        raise UserError(f'{file}: is damaged ({error}); give another --output') from error
    for name, value in settings.items():
        if begun.get(name) != value:
            raise UserError(f'{file.parent}: was begun with {name} {begun.get(name)!r}, now '
                            f'{value!r}; give the same, or another --output')


def _typed(row: dict[str, str], path: Path) -> Row:
    try:
        return {name: (int if name.rpartition(' ')[2] in _WHOLE else float)(value)
                for name, value in row.items()}
    except (TypeError, ValueError) as error:
        raise UserError(f'{path}: holds a row that this command did not write ({error}); give '
                        'another --output') from error
