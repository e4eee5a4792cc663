"""`lps bench ogbench-data`: play data of OGBench's scripted planner, in OGBench's own layout."""

import argparse
from io import BytesIO
import math
from pathlib import Path
from time import perf_counter

from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.output_file import output_file
from lps_ros.cli.output_file import write_json
from lps_ros.cli.progress import progress
from lps_ros.errors import UserError

_WHAT = """Generate data with OGBench's scripted planner, for `lps bench ogbench`.

The file has OGBench's own layout (observations, actions, terminals, qpos, qvel, button states).
Each episode depends on the seed and its number alone. OGBench's own data set has 1000 episodes;
two to five seconds each.
"""
_EXAMPLES = """examples:
  lps bench ogbench-data --environment cube-single-play-v0 --episodes 200 --output play.npz
  lps bench ogbench-data --environment scene-play-v0 --episodes 1000 --seed 1 \\
      --output ~/.ogbench/data/scene-play-v0.npz
"""


def add_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench ogbench-data`."""
    parser = add_command(
        actions, 'ogbench-data', "generate OGBench's data", _WHAT, _EXAMPLES, run)
    parser.add_argument('--environment', default='cube-single-play-v0', metavar='NAME',
                        help='name of the data set (default cube-single-play-v0)')
    parser.add_argument('--episodes', type=number(1), default=1000, help='default 1000')
    parser.add_argument('--seed', type=number(0), default=0, help='default 0')
    parser.add_argument('--noise', type=float, default=0.1,
                        help="of the planner's path, as OGBench scales it (default 0.1)")
    parser.add_argument('--smoothing', type=float, default=0.5,
                        help='of that noise, a deviation in steps (default 0.5)')
    parser.add_argument('--episode-steps', type=number(2), default=1001,
                        help="steps of an episode (default 1001, as OGBench's)")
    parser.add_argument('--output', type=output_file, required=True, metavar='FILE.npz')


def run(arguments: argparse.Namespace) -> int:
    """Generate the data; the file is there whole or not at all."""
    if not 0.0 <= arguments.noise < math.inf:
        raise UserError(f'--noise is {arguments.noise}, expected a number of 0 or more')
    if not 0.0 < arguments.smoothing <= arguments.episode_steps:
        raise UserError(f'--smoothing is {arguments.smoothing}, expected a number above 0, at '
                        'most the steps of an episode')
    if arguments.output.suffix != '.npz':
        raise UserError(f'--output is {arguments.output}, expected a name that ends in .npz')
    from lps_ros.sim.ogbench_play import play
    from lps_ros.sim.ogbench_play import PlaySettings
    start_s = perf_counter()
    with progress('playing') as tell:
        columns, met = play(PlaySettings(
            environment=arguments.environment, episodes=arguments.episodes, seed=arguments.seed,
            noise=arguments.noise, smoothing=arguments.smoothing,
            episode_steps=arguments.episode_steps), tell)
    _save(arguments.output, columns)
    rows = len(columns['terminals'])
    print(f'{arguments.output}: {arguments.episodes} episodes, {rows} rows, {met} targets met')
    write_json(arguments.json, {
        'command': command_line(),
        'environment': arguments.environment, 'episodes': arguments.episodes,
        'seed': arguments.seed, 'rows': rows, 'targets_met': met,
        'duration_s': perf_counter() - start_s,
        'columns': {name: list(values.shape) for name, values in columns.items()}})
    return 0


def _save(path: Path, columns: dict) -> None:
    from lps_ros.data.files import disk_errors
    from lps_ros.data.files import replace
    import numpy as np
    content = BytesIO()
    np.savez_compressed(content, **columns)
    with disk_errors(path):
        replace(path, content.getvalue())
