"""`lps sim`: the simulated UR5e as a ROS node."""

import argparse
from pathlib import Path

from lps_ros.cli.node_command import add_node_parser
from lps_ros.cli.node_command import run_node_command
from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_SEED
from lps_ros.cli.output_file import output_file
from lps_ros.cli.output_file import write_json

_EXAMPLES = """  lps sim --free                    at real time, topics as on a real arm
  lps sim --camera                  with camera/front/image_raw
  lps sim --measure --json m.json   how far the tool stays behind its command; needs no ROS
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = add_node_parser(subparsers, 'sim', 'run the simulated UR5e', _EXAMPLES)
    parser.add_argument('--free', action='store_true', help='real time instead of lock-step')
    parser.add_argument('--real-time-factor', type=float, default=1.0, help='with --free')
    parser.add_argument('--task', type=int, default=1, help="OGBench's task, 1 to 5")
    parser.add_argument('--seed', type=int, default=0, help='of the scene')
    parser.add_argument('--camera', action='store_true', help='publish the camera too')
    parser.add_argument('--measure', action='store_true', help='measure the tracking and exit')
    parser.add_argument('--json', type=output_file, help='with --measure: write the figures here')
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the node, or measure the simulated arm."""
    if arguments.measure:
        return _measure(arguments.json)
    check_range(arguments, 'task', 1, 5)
    check_range(arguments, 'seed', 0, MOST_SEED)
    check_range(arguments, 'real_time_factor', 0.01, 100)
    return run_node_command('simulated_robot', {
        'mode': 'free' if arguments.free else 'lock_step', 'task': arguments.task,
        'seed': arguments.seed, 'camera': arguments.camera,
        'real_time_factor': arguments.real_time_factor}, arguments)


def _measure(file: Path | None) -> int:
    from lps_ros.sim.measure import format_tracking
    from lps_ros.sim.measure import measure_tracking
    figures = measure_tracking()
    print(format_tracking(figures))
    write_json(file, figures)
    return 0
