"""Entry point of the `lps` command."""

import argparse
from collections.abc import Sequence
from importlib import import_module
import os
import sys

from lps_ros import __version__
from lps_ros.cli.interruption import interrupt_on_signals
from lps_ros.errors import UserError

COMMANDS = ('demo', 'sim', 'record', 'train', 'run', 'replay', 'dataset', 'bench', 'contract')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 bad input or failure, 2 bad usage."""
    parser = argparse.ArgumentParser(
        prog='lps', description='Latent Policy Steering: record, train, run and replay.')
    parser.add_argument('--version', action='version', version=f'lps_ros {__version__}')
    subparsers = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for name in COMMANDS:
        import_module(f'lps_ros.cli.{name}').add_parser(subparsers)
    parsed = parser.parse_args(arguments)
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
