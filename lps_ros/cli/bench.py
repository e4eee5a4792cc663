"""`lps bench`: speed of learning, planning, control and transport, and benchmarks of quality."""

import argparse

from lps_ros.cli import bench_control
from lps_ros.cli import bench_execution
from lps_ros.cli import bench_ogbench
from lps_ros.cli import bench_ogbench_data
from lps_ros.cli import bench_speed
from lps_ros.cli import bench_transport

_EXAMPLES = """examples:
  lps bench train --algorithm all
  lps bench infer --bundle models/ur5e_cube
  lps bench control --rates 50 --seconds 600
  lps bench ogbench --environment cube-single-play-singletask-task1-v0 --output runs/cube
  lps bench ogbench-data --environment cube-single-play-v0 --episodes 200 --output play.npz
  lps bench execution --bundle models/ur5e_cube --episodes 50
  lps bench transport
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its own commands to the parser of `lps`."""
    parser = subparsers.add_parser(
        'bench', help="measure speed, success on OGBench's tasks, and loss of images",
        description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    bench_speed.add_train_parser(actions)
    bench_speed.add_infer_parser(actions)
    bench_control.add_parser(actions)
    bench_ogbench.add_parser(actions)
    bench_ogbench_data.add_parser(actions)
    bench_execution.add_parser(actions)
    bench_transport.add_parser(actions)
