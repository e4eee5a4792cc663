"""`lps run`: the policy node."""

import argparse
from pathlib import Path

from lps_ros.cli.node_command import add_node_parser
from lps_ros.cli.node_command import run_node_command
from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_CANDIDATES
from lps_ros.cli.option_ranges import MOST_PRIORITY
from lps_ros.cli.option_ranges import MOST_SEED
from lps_ros.cli.option_ranges import MOST_TICKS
from lps_ros.joining import JOINS

_EXAMPLES = """  lps run --bundle models/my_policy --contract config/my_arm.yaml --shadow
  lps run --bundle models/ur5e_cube --sim-time --arm
  lps run --bundle models/my_policy --contract config/my_arm.yaml --candidates 32
  lps run --bundle models/my_policy --inactive -- --ros-args -r __ns:=/left_arm
  ros2 lifecycle set /left_arm/policy activate
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = add_node_parser(
        subparsers, 'run', 'let a policy act on the robot until Ctrl-C stops it', _EXAMPLES)
    parser.add_argument('--bundle', type=Path, required=True, help='folder of the policy bundle')
    parser.add_argument('--contract', type=Path,
                        help="this robot's contract file: topics, ages, limits (default: the "
                             "bundle's own)")
    parser.add_argument('--mode', choices=('default', 'steered', 'prior'), default='default',
                        help='latents from the latent actor, or drawn at random')
    parser.add_argument('--candidates', type=int, default=0,
                        help="latents per plan, the best by Q is taken (default: the "
                             "bundle's own)")
    parser.add_argument('--strength', type=float,
                        help='0 for the behaviour prior to 1 for what was learnt (default: the '
                             "bundle's own)")
    parser.add_argument('--replan-every', type=int, default=0, metavar='TICKS',
                        help="plan again after so many ticks (default: the bundle's own)")
    parser.add_argument('--join', choices=('default', *JOINS),
                        default='default',
                        help="how a new chunk takes over (default: the bundle's own way)")
    parser.add_argument('--seed', type=int, default=0, help='seed of the latents')
    parser.add_argument('--arm', action='store_true',
                        help='move the robot at once; else when the service ~/arm is called')
    parser.add_argument('--shadow', action='store_true',
                        help='publish on shadow/<topic> only, and compare with the operator')
    parser.add_argument('--report-dir', type=Path, default=Path('lps_runs'),
                        help='folder for a report of each run, JSON and HTML (default lps_runs)')
    parser.add_argument('--inactive', action='store_true',
                        help='start as an unconfigured lifecycle node')
    parser.add_argument('--lock-step', action='store_true',
                        help='the simulator waits for each command; needs --sim-time')
    parser.add_argument('--realtime-priority', type=int, default=0, metavar='N',
                        help='tick in the real-time class SCHED_RR at this priority, 1 to 99 '
                             '(default: an ordinary process)')
    parser.add_argument('--sim-time', action='store_true', help='use the clock on /clock')
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the node."""
    check_range(arguments, 'candidates', 0, MOST_CANDIDATES)
    check_range(arguments, 'strength', 0, 1)
    check_range(arguments, 'replan_every', 0, MOST_TICKS)
    check_range(arguments, 'seed', 0, MOST_SEED)
    check_range(arguments, 'realtime_priority', 0, MOST_PRIORITY)
    return run_node_command('policy', {
        'bundle': str(arguments.bundle), 'contract': str(arguments.contract or ''),
        'mode': arguments.mode, 'candidates': arguments.candidates,
        'strength': -1.0 if arguments.strength is None else arguments.strength,
        'replan_every': arguments.replan_every,
        'join': arguments.join, 'seed': arguments.seed, 'arm_on_activate': arguments.arm,
        'shadow': arguments.shadow, 'report_dir': str(arguments.report_dir),
        'autostart': not arguments.inactive, 'realtime_priority': arguments.realtime_priority,
        'lock_step': arguments.lock_step, 'use_sim_time': arguments.sim_time}, arguments)
