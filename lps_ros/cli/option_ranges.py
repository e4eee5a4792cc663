"""Ranges of numbers given on the command line, the same as those of the nodes' parameters."""

import argparse

from lps_ros.errors import UserError

MOST_CANDIDATES = 1024
MOST_EPISODES = 1_000_000
MOST_TICKS = 1000
MOST_SEED = 2**31 - 1
MOST_PRIORITY = 99


def check_range(
        arguments: argparse.Namespace, name: str, low: float, high: float | None = None) -> None:
    """
    Refuse an option that is out of its range; one that was not given (None) passes.

    :raises UserError: names the option, what was found and what is expected
    """
    value = getattr(arguments, name)
    if value is not None and not (low <= value and (high is None or value <= high)):
        expected = f'{low} or more' if high is None else f'{low} to {high}'
        raise UserError(f'--{name.replace("_", "-")} is {value}, expected {expected}')
