"""`lps demo`: the simulated robot driven over real ROS by the policy, arm against arm."""

import argparse
import json
import os
from pathlib import Path
import shlex
import sys

from lps_ros.cli.demo_report import card_results
from lps_ros.cli.demo_report import write_demo_report
from lps_ros.cli.evaluation_run import evaluate
from lps_ros.cli.evaluation_run import EvaluationSettings
from lps_ros.cli.full_loop import record_demonstrations
from lps_ros.cli.full_loop import train
from lps_ros.cli.node_command import add_transport
from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_CANDIDATES
from lps_ros.cli.option_ranges import MOST_EPISODES
from lps_ros.cli.option_ranges import MOST_SEED
from lps_ros.cli.option_ranges import MOST_TICKS
from lps_ros.cli.output_file import output_file
from lps_ros.cli.output_file import write_json
from lps_ros.cli.processes import private_ros_environment
from lps_ros.contract import load_contract
from lps_ros.data.files import check_writable
from lps_ros.data.files import write_text
from lps_ros.errors import UserError
from lps_ros.fast_dds import transport_variables
from lps_ros.joining import JOINS
from lps_ros.share import share_path

_EXAMPLE = """examples:
  lps demo                                  20 episodes each, behaviour prior against steering
  lps demo --arms operator,prior,steered --episodes 100 --first-seed 20000 --json table.json
  lps demo --free                           at real time instead of lock-step
  lps demo --in-process --episodes 300      without ROS
  lps demo --camera                         a policy that sees the cube instead of being told
  lps demo --joints                         a policy that sends joint trajectories, not twists
  lps demo --full                           record, train and steer from nothing (half an hour)
"""
_ARMS = ('operator', 'prior', 'steered')
_ROBOT = 'ur5e_cube'
_JOINTS = f'{_ROBOT}_joints'


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = subparsers.add_parser(
        'demo', help='drive the simulated robot with a policy, over ROS', epilog=_EXAMPLE,
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bundle', type=Path, help='policy bundle (default: the shipped one)')
    parser.add_argument('--camera', action='store_true',
                        help='the shipped bundle that sees a camera and knows no poses; with '
                             '--full: record and train with the camera')
    parser.add_argument('--joints', action='store_true',
                        help='the shipped bundle that sends joint trajectories; with --full: '
                             'record and train with them')
    parser.add_argument('--contract', type=Path, metavar='FILE',
                        help="contract to run with, such as one with other limits (default: the "
                             "package's own)")
    parser.add_argument('--episodes', type=int, default=20, help='episodes per arm')
    parser.add_argument('--first-seed', type=int, default=10_000, help='seeds count up from here')
    parser.add_argument(
        '--arms', help=f'of {", ".join(_ARMS)}, separated by commas (default: prior,steered; '
        'with --camera, whose shipped bundle imitates only: operator,steered)')
    parser.add_argument('--task', type=int, default=1, help="OGBench's task, 1 to 5")
    parser.add_argument('--mode', choices=('steered', 'prior'), default='',
                        help="latents of the steered arm (default: the bundle's own way)")
    parser.add_argument('--candidates', type=int, default=0,
                        help="latents the steered policy chooses from (0: the bundle's own)")
    parser.add_argument('--strength', type=float,
                        help='of the steered arm, 0 for the prior to 1 for what was learnt '
                             "(default: the bundle's own)")
    parser.add_argument('--replan-every', type=int, default=0,
                        help="ticks between plans (0: the bundle's own)")
    parser.add_argument('--join', choices=JOINS, default='',
                        help="how a chunk takes over (default: the bundle's own way)")
    parser.add_argument('--free', action='store_true', help='real time instead of lock-step')
    add_transport(parser)
    parser.add_argument('--in-process', action='store_true',
                        help='lock-step without ROS, many times faster; no recordings')
    parser.add_argument('--output', type=Path, default=Path('demo_output'),
                        help='folder of report, recordings and logs')
    parser.add_argument('--no-record', action='store_true', help='keep no recordings')
    parser.add_argument('--json', type=output_file, help='write the figures to this file')
    parser.add_argument('--card', action='store_true',
                        help="add the figures to the bundle's model card (--full does)")
    parser.add_argument('--full', action='store_true', help='record and train first')
    parser.add_argument('--demonstrations', type=int,
                        help='with --full: episodes of the operator (default 150; with --camera '
                             '300, with --joints 400)')
    parser.add_argument('--steps', type=int,
                        help="with --full: training steps (default: the trainer's)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    arms = _checked(arguments)
    robot = _JOINTS if arguments.joints else _ROBOT
    shipped = f'{_ROBOT}_camera' if arguments.camera else robot
    contract_file = arguments.contract or share_path(f'config/{robot}.yaml')
    contract = load_contract(contract_file)
    private_ros_environment()
    os.environ.update(transport_variables(arguments.transport))
    command = shlex.join(['lps', *sys.argv[1:]])
    output = arguments.output.resolve()
    bundle = arguments.bundle
    if arguments.full:
        _keep_to_settings(output, arguments)
        bundle = bundle or output / 'bundle'
        logs = output / 'logs'
        record_demonstrations(
            contract_file=contract_file, dataset=output / 'dataset', task=arguments.task,
            episodes=arguments.demonstrations, max_ticks=contract.task.max_ticks,
            logs=logs / 'record', camera=arguments.camera)
        train(contract_file=contract_file, dataset=output / 'dataset', run=output / 'run',
              bundle=bundle, steps=arguments.steps or 0, seed=0, logs=logs / 'train',
              command=command,
              config=share_path(f'config/train_{shipped}.yaml') if shipped != _ROBOT else None)
    from lps_ros.learning.bundle import update_results

    settings = EvaluationSettings(
        contract=contract, contract_file=contract_file,
        bundle=(bundle or share_path(f'models/{shipped}')).resolve(), arms=arms,
        episodes=arguments.episodes, first_seed=arguments.first_seed, task=arguments.task,
        output=output, mode=arguments.mode, candidates=arguments.candidates,
        strength=-1.0 if arguments.strength is None else arguments.strength,
        replan_every=arguments.replan_every, join=arguments.join, free=arguments.free,
        in_process=arguments.in_process,
        record=not (arguments.no_record or arguments.in_process))
    if arguments.camera and not settings.camera:
        raise UserError(f'--camera: bundle {settings.bundle} sees no camera; leave out --camera, '
                        'or give a bundle that was trained with one')
    evaluation = evaluate(settings)
    report = write_demo_report(output / 'report.html', settings, evaluation, command)
    print(f'report: {report}')
    if settings.record:
        print(f'recordings: {settings.recordings}')
    if arguments.full or arguments.card:
        update_results(
            settings.bundle, card_results(settings, evaluation.figures, command))
        print(f'model card: {settings.bundle / "README.md"}')
    write_json(arguments.json, {'command': command, **evaluation.figures})
    return 0


def _checked(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the arms; raise UserError or StorageError on any option that cannot be met."""
    given = arguments.arms
    if given is None:
        given = 'operator,steered' if arguments.camera else 'prior,steered'
    arms = tuple(arm.strip() for arm in given.split(','))
    for place, arm in enumerate(arms):
        if arm not in _ARMS:
            raise UserError(f"--arms has '{arm}', expected some of: {', '.join(_ARMS)}")
        if arm in arms[:place]:
            raise UserError(f"--arms has '{arm}' twice, expected each arm once")
    for other in ('free', 'full'):
        if arguments.in_process and getattr(arguments, other):
            raise UserError(
                f'--in-process is given with --{other}, which needs ROS; leave one out')
    if arguments.camera and arguments.joints:
        raise UserError('--camera is given with --joints, whose contract has no camera; leave one '
                        'out')
    for name in ('demonstrations', 'steps'):
        if getattr(arguments, name) is not None and not arguments.full:
            raise UserError(f'--{name} is given without --full, which records and trains; add '
                            '--full or leave it out')
    if arguments.full and arguments.bundle is not None and arguments.bundle.exists() and not (
            arguments.output / 'run').exists():
        raise UserError(f'--bundle {arguments.bundle} is there already, and --full would not '
                        'train it; give the name of a new one, or leave out --full')
    check_range(arguments, 'episodes', 1, MOST_EPISODES)
    if arguments.demonstrations is None:
        arguments.demonstrations = 400 if arguments.joints else 300 if arguments.camera else 150
    check_range(arguments, 'demonstrations', 1, MOST_EPISODES)
    if arguments.steps is not None:
        check_range(arguments, 'steps', 1)
    check_range(arguments, 'task', 1, 5)
    check_range(arguments, 'first_seed', 0, MOST_SEED - arguments.episodes)
    check_range(arguments, 'candidates', 0, MOST_CANDIDATES)
    if arguments.strength is not None:
        check_range(arguments, 'strength', 0, 1)
    check_range(arguments, 'replan_every', 0, MOST_TICKS)
    if arguments.output.exists() and not arguments.output.is_dir():
        raise UserError(f'--output is {arguments.output}, a file; give a folder')
    check_writable(arguments.output)
    return arms


def _keep_to_settings(output: Path, arguments: argparse.Namespace) -> None:
    """Let a full demo go on in a folder only where it was begun with the same settings."""
    wanted = {name: getattr(arguments, name) for name in (
        'task', 'demonstrations', 'steps', 'camera', 'joints')}
    file = output / 'full_demo.json'
    if file.exists():
        try:
            begun = {'camera': False, 'joints': False,
                     **json.loads(file.read_text(encoding='utf-8'))}
        except (ValueError, TypeError) as error:
            raise UserError(f'{file}: is damaged ({error}); give another --output') from error
        if begun != wanted:
            raise UserError(f'{output} holds a full demo with {begun}, now asked for {wanted}; '
                            'give another --output or the same settings')
        return
    output.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(wanted) + '\n')
