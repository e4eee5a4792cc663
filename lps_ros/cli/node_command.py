"""Commands that run one node in this process."""

import argparse
from collections.abc import Mapping
from importlib import import_module
import os

from lps_ros.cli.processes import parameter_arguments
from lps_ros.cli.processes import ParameterValue
from lps_ros.errors import UserError
from lps_ros.fast_dds import transport_variables
from lps_ros.fast_dds import TRANSPORTS


def add_node_parser(
        subparsers: argparse._SubParsersAction, name: str, summary: str,
        examples: str) -> argparse.ArgumentParser:
    """Return the parser of a command that runs a node; it passes ROS arguments on."""
    parser = subparsers.add_parser(
        name, help=summary, description=summary, epilog=f'examples:\n{examples}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_transport(parser)
    parser.add_argument('ros', nargs='*', metavar='-- --ros-args ...',
                        help='remappings, namespace and further parameters, after a --')
    return parser


def add_transport(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves Fast DDS as it comes."""
    parser.add_argument('--transport', choices=TRANSPORTS, default='images',
                        help='images: Fast DDS with room for images, unless you have set a '
                             'profile of your own (default); default: Fast DDS as it comes')


def run_node_command(
        node: str, parameters: Mapping[str, ParameterValue],
        arguments: argparse.Namespace) -> int:
    """
    Run `lps_ros.nodes.<node>_node` until it ends; return its exit status.

    :param parameters: name -> value; those in `arguments.ros` win
    :param arguments: what `add_node_parser` has parsed
    :raises UserError: where rclpy is missing
    """
    os.environ.update(transport_variables(arguments.transport))
    try:
        module = import_module(f'lps_ros.nodes.{node}_node')
    except ModuleNotFoundError as error:
        if error.name and error.name.split('.')[0] == 'lps_ros':
            raise
        raise UserError(
            f"the {node} node needs ROS 2, and Python finds no module '{error.name}'; source the "
            "ROS installation, or without one: pip install 'lps_ros[ros]'") from error
    return module.main(['--ros-args', *parameter_arguments(parameters), '--', *arguments.ros])
