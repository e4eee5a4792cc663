"""What the benchmarks' commands share: training settings and lists."""

import argparse
from collections.abc import Callable
import shlex
import sys
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.cli.output_file import output_file

if TYPE_CHECKING:
    from lps_ros.learning.trainer_config import TrainerConfig


def add_command(
        actions: argparse._SubParsersAction, name: str, what: str, description: str,
        examples: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    """Add a command with its help, examples and --json."""
    parser = actions.add_parser(
        name, help=what, description=description, epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=output_file, metavar='FILE',
                        help='write the figures to this file')
    parser.set_defaults(func=run)
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a training configuration."""
    parser.add_argument('--preset', default='published',
                        help="settings to start from: published (default), published_robot, "
                             "camera, or none for lps train's own")
    parser.add_argument('--set', nargs='+', default=[], metavar='NAME=VALUE',
                        help='settings that win over the preset, as in lps train')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1'")


def trainer_config(arguments: argparse.Namespace, **given: Any) -> 'TrainerConfig':
    """Return the configuration of the options; `given` wins where it is not None."""
    from lps_ros.learning.trainer_config import TrainerConfig
    settings: dict[str, Any] = {} if arguments.preset == 'none' else {'preset': arguments.preset}
    for text in arguments.set:
        name, equals, value = text.partition('=')
        if not equals:
            raise ValueError(f"--set: found '{text}', expected NAME=VALUE such as batch_size=64")
        settings[name] = value
    given = {'device': arguments.device, **given}
    return TrainerConfig.from_mapping(
        settings | {name: value for name, value in given.items() if value is not None},
        'lps bench')


def words(text: str) -> tuple[str, ...]:
    """Split a list at its commas, as argparse's `type`."""
    parts = tuple(part.strip() for part in text.split(','))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"'{text}' has an empty entry; separate by commas")
    return parts


def numbers(least: int) -> Callable[[str], tuple[int, ...]]:
    """Return a type of argparse: whole numbers of at least `least`, separated by commas."""
    return lambda text: tuple(map(number(least), words(text)))


def number(least: int) -> Callable[[str], int]:
    """Return a type of argparse: one whole number of at least `least`."""
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"'{text}' is not a whole number of {least} or more")
        return value
    return read


def command_line() -> str:
    """Return the command that is running."""
    return shlex.join(['lps', *sys.argv[1:]])
