"""Entry point of the `lps` command."""

import argparse
from collections.abc import Sequence
from importlib import import_module
import os
import sys
from typing import Any

from lps_ros import __version__
from lps_ros.cli.interruption import interrupt_on_signals
from lps_ros.errors import UserError

COMMANDS = ('demo', 'sim', 'record', 'train', 'run', 'replay', 'dataset', 'bench', 'contract')


class Parser(argparse.ArgumentParser):
    """A parser that takes no option for another that begins alike; so do its commands' parsers."""

    def __init__(self, **settings: Any) -> None:
        """Take what argparse takes."""
        super().__init__(**settings, allow_abbrev=False)


def lps_parser() -> Parser:
    """Return the parser of `lps` with all its commands."""
    parser = Parser(
        prog='lps', description='Latent Policy Steering: record, train, run and replay.')
    parser.add_argument('--version', action='version', version=f'lps_ros {__version__}')
    subparsers = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for name in COMMANDS:
        import_module(f'lps_ros.cli.{name}').add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 bad input or failure, 2 bad usage."""
    parsed = lps_parser().parse_args(arguments)
    interrupt_on_signals()
    try:
        status = parsed.func(parsed)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UserError, OSError, ValueError, ImportError) as error:
        if os.environ.get('LPS_TRACEBACK'):
            raise
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
