"""Arms of an evaluation run on the same seeds: their figures, and the differences between them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
import math
import sys
from typing import TextIO

from lps_ros.evaluation.metrics import bootstrap_difference
from lps_ros.evaluation.metrics import mcnemar_p
from lps_ros.evaluation.metrics import median_time
from lps_ros.evaluation.metrics import paired_rate_difference
from lps_ros.evaluation.metrics import times_with_failures
from lps_ros.evaluation.metrics import wilson_interval
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import rate_with_interval
import numpy as np

Arms = Mapping[str, Sequence['EpisodeResult']]


@dataclass(frozen=True, kw_only=True)
class EpisodeResult:
    """
    How one episode of one arm ended.

    :param seed: the seed that the episode was reset with; pairs the arms
    :param success: the simulator's own success fired
    :param placed: the cube was released at the goal and stayed
    :param success_step: control periods until success, None without it
    :param placed_step: control periods until placed, None without it
    :param steps: control periods the episode lasted
    :param sim_time_s: the same in seconds of simulated time
    """

    seed: int
    success: bool
    placed: bool
    success_step: int | None
    placed_step: int | None
    steps: int
    sim_time_s: float

    @classmethod
    def from_status(cls, status: Mapping, rate_hz: float) -> EpisodeResult:
        """
        Read the last `task/status` of an episode.

        :param status: the decoded JSON
        :param rate_hz: the contract's control rate
        :raises ValueError: where a field is missing
        """
        try:
            return cls(
                seed=int(status['seed']), success=bool(status['success']),
                placed=bool(status['placed']), success_step=status['success_step'],
                placed_step=status['placed_step'], steps=int(status['step']),
                sim_time_s=status['step'] / rate_hz)
        except KeyError as error:
            raise ValueError(f'task status without {error}: expected the status of the simulated '
                             'robot; check which node publishes it') from None


def _times_s(results: Sequence[EpisodeResult], which: str, rate_hz: float) -> np.ndarray:
    """Return (N,) seconds to 'success' or 'placed', NaN for a failure."""
    steps = (getattr(result, f'{which}_step') for result in results)
    return np.array([math.nan if step is None else step / rate_hz for step in steps])


def _arm(results: Sequence[EpisodeResult], rate_hz: float, full_steps: int) -> dict:
    figures: dict = {'episodes': len(results)}
    for which, name in (('success', 'median_time_s'), ('placed', 'median_placed_time_s')):
        count = sum(getattr(result, which) for result in results)
        figures[which] = count / len(results)
        figures[f'{which}_interval'] = list(wilson_interval(count, len(results)))
        figures[name] = median_time(_times_s(results, which, rate_hz), full_steps / rate_hz)
    return figures


def _difference(first: Sequence[EpisodeResult], second: Sequence[EpisodeResult],
                rate_hz: float, full_steps: int) -> dict:
    figures: dict = {'pairs': len(first)}
    for which, name in (('success', 'median_time_s'), ('placed', 'median_placed_time_s')):
        outcomes = [np.array([getattr(result, which) for result in arm])
                    for arm in (first, second)]
        figures[which], interval = paired_rate_difference(*outcomes)
        figures[f'{which}_interval'] = list(interval)
        figures[f'{which}_p'] = mcnemar_p(*outcomes)
        times = [times_with_failures(_times_s(arm, which, rate_hz), full_steps / rate_hz)
                 for arm in (first, second)]
        figures[name], interval = bootstrap_difference(*times)
        figures[f'{name}_interval'] = list(interval)
    return figures


def compare(arms: Arms, *, rate_hz: float, full_steps: int) -> dict:
    """
    Return the figures of every arm, and of every pair of arms on the seeds that both have.

    Rates are fractions with Wilson intervals; times are medians in seconds of simulated time, a
    failure counted as `full_steps`. A difference is the later arm minus the earlier one, with
    the interval of `paired_rate_difference` (rates, and McNemar's exact p) or of
    `bootstrap_difference` (medians of the times); all intervals are of 95 %.

    :param arms: name -> results; arms without results are left out
    :param rate_hz: the contract's control rate
    :param full_steps: control periods after which an episode ends
    :returns: {'rate_hz', 'full_time_s', 'arms': {name: {...}}, 'differences': [{...}]}
    :raises ValueError: where an arm has a seed twice
    """
    by_seed = {}
    for name, results in arms.items():
        by_seed[name] = {result.seed: result for result in results}
        if len(by_seed[name]) != len(results):
            raise ValueError(f"arm '{name}' has {len(results)} results of {len(by_seed[name])} "
                             'seeds: expected each seed once; give every episode its own seed')
    by_seed = {name: seeds for name, seeds in by_seed.items() if seeds}
    differences = []
    for first, second in combinations(by_seed, 2):
        seeds = sorted(by_seed[first].keys() & by_seed[second].keys())
        if seeds:
            differences.append({'of': second, 'minus': first, **_difference(
                [by_seed[first][seed] for seed in seeds],
                [by_seed[second][seed] for seed in seeds], rate_hz, full_steps)})
    return {
        'rate_hz': rate_hz,
        'full_time_s': full_steps / rate_hz,
        'arms': {name: _arm(list(seeds.values()), rate_hz, full_steps)
                 for name, seeds in by_seed.items()},
        'differences': differences,
    }


def arm_table(figures: dict) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the arms in the figures of `compare`."""
    headers = ['arm', 'episodes', 'success (95 %)', 'placed (95 %)', 'median time',
               'median time placed']
    rows = [[name, str(arm['episodes']),
             rate_with_interval(arm['success'], arm['success_interval']),
             rate_with_interval(arm['placed'], arm['placed_interval']),
             f'{arm["median_time_s"]:.2f} s', f'{arm["median_placed_time_s"]:.2f} s']
            for name, arm in figures['arms'].items()]
    return headers, rows


def difference_table(figures: dict) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the differences in the figures of `compare`."""
    headers = ['difference', 'pairs', 'success (95 %)', 'p', 'placed (95 %)',
               'median time (95 %)']
    rows = []
    for pair in figures['differences']:
        low, high = pair['median_time_s_interval']
        rows.append([
            f'{pair["of"]} - {pair["minus"]}', str(pair['pairs']),
            rate_with_interval(pair['success'], pair['success_interval'], signed=True),
            f'{pair["success_p"]:.2g}',
            rate_with_interval(pair['placed'], pair['placed_interval'], signed=True),
            f'{pair["median_time_s"]:+.2f} s ({low:+.2f} to {high:+.2f})'])
    return headers, rows


class LiveTable:
    """
    Prints a line per finished episode and a summary at the end; plain lines, so any output works.

    :param episodes: expected number of episodes per arm
    :param rate_hz: the contract's control rate
    :param full_steps: control periods after which an episode ends
    :param stream: where to print, standard output by default
    """

    def __init__(self, episodes: int, *, rate_hz: float, full_steps: int,
                 stream: TextIO | None = None) -> None:
        """Start without results."""
        self.arms: dict[str, list[EpisodeResult]] = {}
        self._episodes = episodes
        self._rate_hz = rate_hz
        self._full_steps = full_steps
        self._stream = sys.stdout if stream is None else stream
        self._header_printed = False

    def add(self, arm: str, result: EpisodeResult) -> None:
        """Keep the result of an episode and print its line."""
        results = self.arms.setdefault(arm, [])
        results.append(result)
        if not self._header_printed:
            self._header_printed = True
            self._print(f'{"arm":<12} {"episode":>9} {"seed":>6}  {"success":>9}  {"placed":>9}  '
                        f'{"so far":>18}')
        cells = [f'{getattr(result, f"{which}_step") / self._rate_hz:.2f} s'
                 if getattr(result, which) else '-' for which in ('success', 'placed')]
        successes = sum(each.success for each in results)
        progress = f'{len(results)}/{self._episodes}'
        so_far = f'{successes} of {len(results)} ({100 * successes / len(results):.0f} %)'
        self._print(f'{arm:<12} {progress:>9} {result.seed:>6}  {cells[0]:>9}  {cells[1]:>9}  '
                    f'{so_far:>18}')

    def summary(self) -> dict:
        """Print the arms and their differences; return the figures of `compare`."""
        figures = compare(self.arms, rate_hz=self._rate_hz, full_steps=self._full_steps)
        self._print('\n' + format_table(*arm_table(figures)))
        if figures['differences']:
            self._print('\n' + format_table(*difference_table(figures)))
        self._print(f'\nTimes are simulated; a failure counts as {figures["full_time_s"]:.0f} s.')
        return figures

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
