"""`lps bench ogbench`: train on OGBench's data, evaluate in OGBench's environments."""

import argparse
from pathlib import Path
from typing import Any

from lps_ros.cli.bench_ogbench_table import Arm
from lps_ros.cli.bench_ogbench_table import EvaluationTable
from lps_ros.cli.bench_ogbench_table import summary
from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import add_settings
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.bench_options import numbers
from lps_ros.cli.bench_options import trainer_config
from lps_ros.cli.bench_options import words
from lps_ros.cli.interruption import calls_on_signals
from lps_ros.cli.output_file import write_json
from lps_ros.errors import UserError
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import percent
from lps_ros.evaluation.table import rate_with_interval

_WHAT = """Train on a data set of OGBench and evaluate on one of its tasks, without ROS.

Rewards are OGBench's own. Observations are used as they are. Chunks are executed open loop, as
published. OUTPUT gets evaluations.csv, success.png and a checkpoint for each seed; the same
command goes on where it was stopped.
"""
_EXAMPLES = """examples:
  lps bench ogbench --environment cube-single-play-singletask-task1-v0 --output runs/cube
  lps bench ogbench --environment cube-single-play-singletask-task1-v0 --data play.npz \\
      --steps 25000 --evaluate-every 5000 --seeds 0,1,2 --arms steered:1,prior:1,prior:4 \\
      --output runs/cube
"""
# Settings that do not decide what the weights become, or that differ between the rows.
_FREE = ('seed', 'log_every', 'checkpoint_every', 'device', 'threads', 'cuda_graph', 'mode',
         'candidates', 'strength')
# Settings of `lps train` that this command decides by its options, or has no use for.
_NOT_HERE = ('seed', 'checkpoint_every', 'observations', 'failures', 'start_from', 'encoder',
             'shared_encoder', 'augment_padding', 'augment_probability', 'mode', 'candidates',
             'strength')


def add_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench ogbench`."""
    parser = add_command(
        actions, 'ogbench', "success on one of OGBench's tasks", _WHAT, _EXAMPLES, run)
    parser.add_argument('--environment', required=True, metavar='NAME',
                        help='single-task name, such as cube-single-play-singletask-task1-v0')
    data = parser.add_mutually_exclusive_group()
    data.add_argument('--data', type=Path, metavar='FILE.npz', help="in OGBench's layout")
    data.add_argument('--data-dir', type=Path, default=Path('~/.ogbench/data'), metavar='DIR',
                      help="folder of OGBench's data sets, downloaded where missing (default "
                           '~/.ogbench/data)')
    parser.add_argument('--algorithm', default='lps', metavar='NAME', help='default lps')
    add_settings(parser)
    parser.add_argument('--threads', type=number(1), metavar='N', help='default 1')
    parser.add_argument('--steps', type=number(1), help="updates (default: the preset's)")
    parser.add_argument('--evaluate-every', type=number(1), default=100_000, metavar='K',
                        help='updates between evaluations (default 100000)')
    parser.add_argument('--evaluation-episodes', type=number(1), default=50, metavar='N',
                        help='of each arm (default 50)')
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument('--seed', type=numbers(0), dest='seeds', default=(0,), metavar='S',
                       help='of weights, batches and episodes (default 0)')
    seeds.add_argument('--seeds', type=numbers(0), dest='seeds', metavar='S,S',
                       help='several, one after the other')
    parser.add_argument('--arms', type=words, metavar='MODE:N,...',
                        help='how the policy is run: latents steered or prior, and how many to '
                             "choose from (default: the preset's, steered:1)")
    parser.add_argument('--replan-every', type=number(0), metavar='N',
                        help='steps between plans, 0 for the whole chunk (default: the '
                             "preset's, 0)")
    parser.add_argument('--rewards', choices=('published', 'subgoals', 'sparse'),
                        default='published',
                        help='minus the unfinished sub-goals, or -1 until all are done; published '
                             'is sparse for scene and puzzle-3x3')
    parser.add_argument('--normalise', action='store_true',
                        help='normalise observations by the data (published: not)')
    parser.add_argument('--max-episode-steps', type=number(1), metavar='N',
                        help="instead of the environment's own")
    parser.add_argument('--output', type=Path, required=True, metavar='DIR')


def run(arguments: argparse.Namespace) -> int:
    """Train and evaluate; Ctrl-C leaves a checkpoint."""
    for text in arguments.set:
        if text.partition('=')[0] in _NOT_HERE:
            raise UserError(f"--set has '{text}', expected a setting that this command uses; "
                            'see --seeds, --arms and --evaluate-every for what it decides itself')
    config = trainer_config(
        arguments, algorithm=arguments.algorithm, threads=arguments.threads,
        steps=arguments.steps, replan_every=arguments.replan_every, seed=arguments.seeds[0])
    arms = tuple(map(Arm.parse, arguments.arms or (f'{config.mode}:{config.candidates}',)))
    _check_arms(arms, arguments.algorithm)
    if len(set(arguments.seeds)) < len(arguments.seeds):
        raise UserError('--seeds names a seed twice; give each once')
    from lps_ros.cli.bench_ogbench_run import column_sampler
    from lps_ros.cli.bench_ogbench_run import Interruption
    from lps_ros.cli.bench_ogbench_run import OGBenchRun
    from lps_ros.sim.ogbench_dataset import find_dataset
    from lps_ros.sim.ogbench_dataset import load_columns
    from lps_ros.sim.ogbench_task import OGBenchTask
    task = OGBenchTask(arguments.environment, arguments.max_episode_steps)
    columns = load_columns(
        task, arguments.data or find_dataset(task, arguments.data_dir), arguments.rewards)
    column_sampler(columns, config)  # refuses what is too short before anything is written
    evaluation = {
        'environment': task.name, 'data': columns.fingerprint, 'rewards': arguments.rewards,
        'normalise': arguments.normalise, 'arms': [arm.name for arm in arms],
        'evaluate_every': arguments.evaluate_every,
        'evaluation_episodes': arguments.evaluation_episodes,
        'max_episode_steps': task.max_episode_steps}
    training = {name: value for name, value in config.flat().items() if name not in _FREE}
    table = EvaluationTable(arguments.output, arms, evaluation | training, command_line())
    stop = Interruption()
    with calls_on_signals(stop.set):
        for seed in arguments.seeds:
            if table.holds(seed, config.steps):
                continue  # its checkpoint need not be there any more
            benchmark = OGBenchRun(
                task, columns, trainer_config(
                    arguments, algorithm=arguments.algorithm, threads=arguments.threads,
                    steps=arguments.steps, replan_every=arguments.replan_every, seed=seed),
                arms, table, every=arguments.evaluate_every,
                episodes=arguments.evaluation_episodes, normalise=arguments.normalise)
            if not benchmark.run(stop):
                print(f'stopped at step {benchmark.step} of seed {seed}; the same command goes '
                      'on from there')
                return 130
    if not table.plot_path.exists():
        table.plot()
    _report(table, arms, arguments, evaluation | training)
    return 0


def _check_arms(arms: tuple[Arm, ...], algorithm: str) -> None:
    from lps_ros.learning.algorithms import ALGORITHMS
    if len(set(arms)) < len(arms):
        raise UserError('--arms names an arm twice; give each once')
    for arm in arms:
        if arm.candidates > 1 and not ALGORITHMS[algorithm].has_critic:
            raise UserError(f"--arms has '{arm.name}', expected one candidate: {algorithm} has "
                            'no critic to choose by')


def _report(
        table: EvaluationTable, arms: tuple[Arm, ...], arguments: argparse.Namespace,
        settings: dict[str, Any]) -> None:
    last = summary(table.rows, arms, arguments.seeds)
    print(format_table(
        ('arm', 'seeds', 'episodes', 'success at the last step', 'seeds from', 'to'),
        [(name, len(arguments.seeds), figures['episodes'],
          rate_with_interval(figures['success'], figures['interval']),
          percent(min(figures['by_seed'])), percent(max(figures['by_seed'])))
         for name, figures in last.items()]))
    print(f'{table.csv_path}\n{table.plot_path}')
    write_json(arguments.json, {
        'command': command_line(),
        'settings': settings, 'seeds': list(arguments.seeds), 'summary': last,
        'evaluations': [row for row in table.rows if row['seed'] in arguments.seeds]})
