"""`lps record`: the recorder node."""

import argparse
from pathlib import Path

from lps_ros.cli.node_command import add_node_parser
from lps_ros.cli.node_command import run_node_command

_EXAMPLES = """  lps record --contract config/my_arm.yaml --dataset ~/demos --operator ann
  ros2 service call /recorder/start std_srvs/srv/Trigger
  ros2 service call /recorder/save_success std_srvs/srv/Trigger
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = add_node_parser(
        subparsers, 'record', 'record demonstrations into HDF5 episodes', _EXAMPLES)
    parser.add_argument('--contract', type=Path, required=True, help="the robot's contract file")
    parser.add_argument('--dataset', type=Path, required=True, help='folder of the episodes')
    parser.add_argument('--operator', default='', help='who demonstrates')
    parser.add_argument('--leave-out', default='', help='observation keys, separated by commas')
    parser.add_argument('--ticks', default='policy/tick', metavar='TOPIC',
                        help="what the policy node tells of its ticks, '' for none (default "
                             'policy/tick)')
    parser.add_argument('--keep-bag', action='store_true', help='keep each episode as a rosbag2')
    parser.add_argument('--sim-time', action='store_true', help='use the clock on /clock')
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the node."""
    return run_node_command('recorder', {
        'contract': str(arguments.contract), 'dataset': str(arguments.dataset),
        'operator': arguments.operator, 'leave_out': arguments.leave_out,
        'ticks': arguments.ticks, 'keep_bag': arguments.keep_bag,
        'use_sim_time': arguments.sim_time}, arguments)
