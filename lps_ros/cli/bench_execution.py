"""`lps bench execution`: what a slow plan costs on the simulated arm."""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.bench_options import numbers
from lps_ros.cli.bench_options import words
from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_CANDIDATES
from lps_ros.cli.option_ranges import MOST_TICKS
from lps_ros.cli.output_file import write_json
from lps_ros.cli.progress import progress
from lps_ros.control.planning import Steering
from lps_ros.errors import UserError
from lps_ros.evaluation.metrics import median_time
from lps_ros.evaluation.metrics import paired_rate_difference
from lps_ros.evaluation.metrics import wilson_interval
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import number as digits
from lps_ros.evaluation.table import rate_with_interval
from lps_ros.joining import JOIN_STEPS
from lps_ros.joining import JOINS
from lps_ros.share import share_path
import numpy as np

if TYPE_CHECKING:
    from lps_ros.cli.simulated_execution import ExecutedEpisode

_DESCRIPTION = """Success on the simulated arm where a plan takes so long, by how chunks meet time.

Time is simulated and does not wait: the robot moves on, or stands, while a plan is made. 'async'
plans beside the motion; 'stops_to_think' carries a chunk out and stands while the next one is
made. The policy node's own engine decides at every tick.
"""
_EXAMPLES = """examples:
  lps bench execution --bundle models/ur5e_cube --episodes 50 --json execution.json
  lps bench execution --bundle models/my_arm --delays-ms 0,30 --execution async --join latent
"""
_EXECUTIONS = ('async', 'stops_to_think')
_COUNTS = ('roughness', 'dropped', 'starved', 'skipped', 'disarms')


def add_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench execution`."""
    parser = add_command(
        actions, 'execution', 'success where planning is slow', _DESCRIPTION, _EXAMPLES, _run)
    parser.add_argument('--bundle', type=Path, help='policy bundle (default: the shipped one)')
    parser.add_argument('--delays-ms', type=numbers(0), default=(0, 50, 100, 200), metavar='MS',
                        help='time that a plan takes, separated by commas (default 0,50,100,200)')
    parser.add_argument('--execution', type=words, default=_EXECUTIONS, metavar='NAME',
                        help=f'of {", ".join(_EXECUTIONS)}, separated by commas (default: both)')
    parser.add_argument('--join', type=words, default=JOINS, metavar='NAME',
                        help=f'of async: of {", ".join(JOINS)}, separated by commas (default: '
                             'all)')
    parser.add_argument('--join-steps', type=number(0), default=JOIN_STEPS, metavar='N',
                        help=f'of latent: gradient steps (default {JOIN_STEPS}); 0: choose among '
                             'the candidates only')
    parser.add_argument('--join-weight', type=float, default=1.0, metavar='W',
                        help='of latent: agreement against value (default 1)')
    parser.add_argument('--episodes', type=number(1), default=20,
                        help='per row of the table, on the same seeds (default 20)')
    parser.add_argument('--seed', type=number(0), default=10_000,
                        help='seeds count up from here (default 10000)')
    parser.add_argument('--mode', choices=('steered', 'prior'),
                        help="where latents come from (default: the bundle's own way)")
    parser.add_argument('--candidates', type=int, help="latents per plan (default: bundle's)")
    parser.add_argument('--replan-every', type=int,
                        help="ticks between plans of async, where they are quick enough "
                             "(default: the bundle's own)")


def _run(arguments: argparse.Namespace) -> int:
    check_range(arguments, 'candidates', 1, MOST_CANDIDATES)
    check_range(arguments, 'replan_every', 1, MOST_TICKS)
    _check_words('execution', arguments.execution, _EXECUTIONS)
    _check_words('join', arguments.join, JOINS)
    if not 0 <= arguments.join_weight < float('inf'):
        raise UserError(f'--join-weight is {arguments.join_weight}, expected a number from 0 on')
    from lps_ros.cli.simulated_execution import FreeRunningRobot
    from lps_ros.learning.bundle import load_bundle
    import torch
    torch.set_num_threads(1)  # as in the policy node
    path = arguments.bundle or share_path('models/ur5e_cube')
    bundle = load_bundle(path)
    contract, horizon = bundle.contract, bundle.policy.horizon
    robot = FreeRunningRobot(contract)
    steering = _steering(arguments, bundle.metadata.get('steering', {}))
    if 'latent' in arguments.join and steering.candidates == 1 and not arguments.join_steps:
        raise UserError('--join-steps is 0, expected 1 or more: one candidate leaves nothing to '
                        'choose from; give more --candidates or leave it out')
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    full_s = contract.task.max_ticks / contract.rate_hz
    rows, first = [], {}
    for execution, join, delay_ms in _cells(arguments):
        with progress(f'{execution} {join} {delay_ms} ms') as tell:
            episodes = []
            for seed in seeds:
                episodes.append(robot.run(
                    seed, bundle.policy, horizon=horizon, delay_s=delay_ms * 1e-3,
                    steering=replace(steering, join=join or steering.join),
                    stops_to_think=execution == 'stops_to_think'))
                tell(len(episodes), len(seeds))
        first.setdefault((execution, join), episodes)
        rows.append({'execution': execution, 'join': join, 'delay_ms': delay_ms,
                     **_figures(episodes, first[execution, join], contract.rate_hz, full_s)})
    print(_table(rows))
    write_json(arguments.json, {
        'command': command_line(), 'bundle': str(path), 'contract': contract.name,
        'horizon': horizon, 'rate_hz': contract.rate_hz,
        'steering': asdict(steering) | {'join': None},
        'seeds': [seeds.start, seeds.stop - 1], 'results': rows})
    return 0


def _check_words(name: str, found: Sequence[str], known: Sequence[str]) -> None:
    for each in found:
        if each not in known:
            raise UserError(f"--{name} has '{each}', expected some of {', '.join(known)}")


def _steering(arguments: argparse.Namespace, own: dict[str, Any]) -> Steering:
    given = {name: getattr(arguments, name) for name in ('mode', 'candidates', 'replan_every')}
    return replace(Steering.told(own), **{
        name: value for name, value in given.items() if value is not None},
        join_steps=arguments.join_steps, join_weight=arguments.join_weight)


def _cells(arguments: argparse.Namespace) -> Iterator[tuple[str, str | None, int]]:
    """Yield execution, join and delay of each row; who stops to think has nothing to join."""
    for execution in arguments.execution:
        for join in arguments.join if execution == 'async' else (None,):
            for delay_ms in arguments.delays_ms:
                yield execution, join, delay_ms


def _figures(
        episodes: 'Sequence[ExecutedEpisode]', first: 'Sequence[ExecutedEpisode]',
        rate_hz: float, full_s: float) -> dict[str, Any]:
    """Return a row's figures; `first` are the same seeds with the first delay."""
    success = [each.success for each in episodes]
    steps = np.array([np.nan if each.success_step is None else each.success_step
                      for each in episodes], np.float64)
    difference, interval = paired_rate_difference([each.success for each in first], success)
    return {
        'episodes': len(episodes), 'success': float(np.mean(success)),
        'success_interval': list(wilson_interval(sum(success), len(success))),
        'against_first_delay': difference, 'against_first_delay_interval': list(interval),
        'placed': float(np.mean([each.placed for each in episodes])),
        'median_time_s': median_time(steps / rate_hz, full_s),
        **{name: float(np.mean([getattr(each, name) for each in episodes]))
           for name in _COUNTS},
        'success_steps': [each.success_step for each in episodes]}


def _table(rows: Sequence[dict[str, Any]]) -> str:
    return format_table(
        ('execution', 'join', 'delay ms', 'success', 'against first', 'median s',
         'roughness 1e-3', 'dropped', 'starved', 'skipped', 'disarms'),
        [(row['execution'], row['join'] or '-', row['delay_ms'],
          rate_with_interval(row['success'], row['success_interval']),
          rate_with_interval(row['against_first_delay'], row['against_first_delay_interval'],
                             signed=True),
          digits(row['median_time_s']), digits(1e3 * row['roughness']),
          *(digits(row[name]) for name in _COUNTS[1:])) for row in rows])
