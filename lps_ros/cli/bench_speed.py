"""`lps bench train` and `lps bench infer`: speed beside what the machine could do."""

import argparse
from itertools import product
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import add_settings
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.bench_options import numbers
from lps_ros.cli.bench_options import trainer_config
from lps_ros.cli.bench_options import words
from lps_ros.cli.output_file import write_json
from lps_ros.cli.progress import progress
from lps_ros.errors import UserError
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import number as digits
from lps_ros.evaluation.table import percent

if TYPE_CHECKING:
    from lps_ros.learning.networks.observations import ObservationShape

_TRAIN = """Updates per second on random data; by default the published OGBench configuration.

FLOP are those of the products (matrix products, convolutions, attention) that an update
executes. They are compared with the same products bare, and with a square matrix product of the
same precision; all three are timed in turn, so that other work on the machine hits them alike.
"""
_TRAIN_EXAMPLES = """examples:
  lps bench train                                   # 28 observations, 5 x 5 actions, batch 256
  lps bench train --algorithm lps,meanflow_bc --threads 1,2 --precision float32,bfloat16
  lps bench train --preset published_robot --cameras 2 --image-size 224 --observation-size 7 \\
      --action-size 7 --device cuda --precision bfloat16
"""
_INFER = """Time from one observation to one chunk, as the policy node calls it.

It is compared with the bare products of the same weights; both are timed in turn.
"""
_INFER_EXAMPLES = """examples:
  lps bench infer                                   # random weights of the published size
  lps bench infer --bundle models/ur5e_cube --candidates 1,4,32
  lps bench infer --algorithm meanflow_bc --set decoder_widths=256,256
"""


def add_train_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench train`."""
    parser = add_command(
        actions, 'train', 'speed of training', _TRAIN, _TRAIN_EXAMPLES, _run_train)
    _add_options(parser, rounds=20)
    parser.add_argument('--precision', type=words, default=(None,), metavar='NAME',
                        help='float32 (default), bfloat16, or both, separated by a comma')
    parser.add_argument('--peak-size', type=number(8), default=2048, metavar='N',
                        help='rows of the square product that shows the peak (default 2048)')
    parser.add_argument('--profile', type=number(0), default=0, metavar='N',
                        help='also list the N operations that take the most time')


def add_infer_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench infer`."""
    parser = add_command(
        actions, 'infer', 'time of one plan', _INFER, _INFER_EXAMPLES, _run_infer)
    _add_options(parser, rounds=300)
    parser.add_argument('--bundle', type=Path, help='policy bundle (default: random weights)')
    parser.add_argument('--candidates', type=numbers(1), metavar='N',
                        help='latents per plan, separated by commas (default 1,4,32; 1 without a '
                             'critic)')
    parser.add_argument('--mode', choices=('steered', 'prior'), default='steered',
                        help='where latents come from')


def _add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    parser.add_argument('--algorithm', type=words, default=('lps',), metavar='NAME',
                        help="algorithms, separated by commas, or 'all' (default lps)")
    add_settings(parser)
    parser.add_argument('--threads', type=numbers(1), default=(None,), metavar='N',
                        help='threads on the CPU, separated by commas (default 1)')
    parser.add_argument('--observation-size', type=number(0), default=28, metavar='S',
                        help='numbers in an observation (default 28)')
    parser.add_argument('--action-size', type=number(1), default=5, metavar='A',
                        help='numbers in an action (default 5)')
    parser.add_argument('--cameras', type=number(0), default=0, metavar='V',
                        help='camera images in an observation (default 0)')
    parser.add_argument('--image-size', type=number(8), default=128, metavar='PIXELS',
                        help='width and height of an image (default 128)')
    parser.add_argument('--rounds', type=number(1), default=rounds,
                        help=f'measurements (default {rounds})')
    parser.add_argument('--seconds', type=number(1), default=120, metavar='S',
                        help='begin no measurement later than this in a row of the table (default '
                             '120)')


def _run_train(arguments: argparse.Namespace) -> int:
    shape = _shape(arguments)
    from lps_ros.learning.benchmark_training import training_speed
    results = []
    choices = product(_algorithms(arguments), arguments.threads, arguments.precision)
    configs = [
        trainer_config(arguments, algorithm=algorithm, threads=threads, precision=precision)
        for algorithm, threads, precision in choices]
    for config in configs:
        with progress(f'{config.algorithm} {config.precision}') as tell:
            results.append(training_speed(
                config, shape, arguments.action_size, rounds=arguments.rounds,
                limit_s=arguments.seconds, peak_size=arguments.peak_size,
                profiled=arguments.profile, tell=tell))
    print(format_table(
        ('algorithm', 'threads', 'precision', 'updates/s', 'GFLOP/update', 'GFLOP/s',
         'of bare products', f'of {arguments.peak_size} product', 'peak MiB'),
        [(r['algorithm'], r['threads'], r['precision'], digits(r['updates_per_s']),
          digits(r['gflop_per_update']), digits(r['gflop_per_s']),
          percent(r['share_of_products']), percent(r['share_of_peak']),
          digits(r['peak_memory_mib'])) for r in results]))
    for result in results if arguments.profile else ():
        print(f"\n{result['algorithm']}, {result['threads']} thread(s), {result['precision']}:")
        print(format_table(('operation', 'of the time', 'calls/update'), [
            (line['operation'], percent(line['share'], 1), f"{line['calls_per_update']:g}")
            for line in result['profile']]))
    write_json(arguments.json, {
        'command': command_line(),
        'observation': _observation(arguments), 'peak_size': arguments.peak_size,
        'results': results})
    return 0


def _run_infer(arguments: argparse.Namespace) -> int:
    from lps_ros.learning.benchmark import machine
    from lps_ros.learning.benchmark_planning import planning_time
    from lps_ros.learning.benchmark_planning import random_policy
    from lps_ros.learning.bundle import load_bundle
    policies = []
    if arguments.bundle is not None:
        device = arguments.device or 'cpu'
        with machine(device, 0):
            policies.append((load_bundle(arguments.bundle, device).policy, device, 1))
    else:
        shape = _shape(arguments)
        for algorithm in _algorithms(arguments):
            config = trainer_config(arguments, algorithm=algorithm)
            with machine(config.device, 0):
                policy = random_policy(config, shape, arguments.action_size)
            policies.append((policy, config.device, config.threads))
    results = []
    for policy, device, own_threads in policies:
        counts = arguments.candidates or ((1, 4, 32) if policy.agent.has_critic else (1,))
        for count, threads in product(counts, arguments.threads):
            with progress(f'{policy.agent.name} {count}') as tell:
                results.append(planning_time(
                    policy, mode=arguments.mode, candidates=count, device=device,
                    threads=threads or own_threads, rounds=arguments.rounds,
                    limit_s=arguments.seconds, tell=tell))
    print(format_table(
        ('algorithm', 'candidates', 'threads', 'median ms', 'p99 ms', '10 % ms', 'bare 10 % ms',
         'times bare', 'MFLOP'),
        [(r['algorithm'], r['candidates'], r['threads'], digits(r['median_ms']),
          digits(r['p99_ms']), digits(r['p10_ms']), digits(r['products_p10_ms']),
          digits(r['ratio_to_products']), digits(r['mflop'])) for r in results]))
    write_json(arguments.json, {
        'command': command_line(),
        **({'bundle': str(arguments.bundle)} if arguments.bundle is not None
           else {'observation': _observation(arguments)}),
        'results': results})
    return 0


def _algorithms(arguments: argparse.Namespace) -> tuple[str, ...]:
    from lps_ros.learning.algorithms import ALGORITHMS
    return tuple(ALGORITHMS) if arguments.algorithm == ('all',) else arguments.algorithm


def _shape(arguments: argparse.Namespace) -> 'ObservationShape':
    if not arguments.observation_size and not arguments.cameras:
        raise UserError('--observation-size is 0 and there is no camera; give one of them')
    from lps_ros.learning.networks.observations import ObservationShape
    size = arguments.image_size
    return ObservationShape(
        vector=arguments.observation_size, images=((size, size),) * arguments.cameras)


def _observation(arguments: argparse.Namespace) -> dict[str, Any]:
    return {'vector': arguments.observation_size, 'cameras': arguments.cameras,
            'image_size': arguments.image_size if arguments.cameras else None,
            'action_size': arguments.action_size}

