"""The parsers of `lps`, and what an option changes."""

import argparse

from lps_ros.cli.main import lps_parser


def parsers(parser=None):
    """Yield the parser of `lps` and those of all its commands."""
    parser = parser or lps_parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def options_of(command):
    """Return the options of `lps COMMAND` and the names of its other arguments, without --help."""
    (parser,) = (each for each in parsers() if each.prog == f'lps {command}')
    return {action.option_strings[-1] if action.option_strings else action.dest
            for action in parser._actions if not isinstance(action, argparse._HelpAction)}


def changes(before, after):
    """Return the entries of a mapping that differ from those of another with the same keys."""
    assert before.keys() == after.keys()
    return {name: value for name, value in after.items()
            if (value, type(value)) != (before[name], type(before[name]))}
