"""`lps dataset`: look at, check, repair and convert recordings; needs no ROS."""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lps_ros.cli.output_file import output_file
from lps_ros.cli.output_file import write_json
from lps_ros.cli.progress import progress
from lps_ros.errors import UserError

_INFO_EXAMPLES = """example:
  lps dataset info ~/demos --json info.json
"""
_VERIFY_EXAMPLES = """example:
  lps dataset verify ~/demos --contract config/my_arm.yaml    # exit status 1 on any problem
"""
_REPAIR_EXAMPLES = """examples:
  lps dataset repair ~/demos                       # unsaved recordings become rosbag2 folders
  lps dataset repair ~/demos --outcome failure     # ... or episodes that failed
"""
_CONVERT_EXAMPLES = """examples:
  lps dataset convert ~/bags/session_1 --dataset ~/demos     # a bag with the recorder's events
  lps dataset convert one_try.mcap --dataset ~/demos --contract config/my_arm.yaml \\
      --outcome success                            # all of it is one success
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its own commands to the parser of `lps`."""
    parser = subparsers.add_parser(
        'dataset', help='look at, check, repair and convert recordings',
        description='Look at, check, repair and convert recordings.', epilog=_INFO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    info = _add(actions, 'info', 'what a dataset holds', _INFO_EXAMPLES, _info)
    verify = _add(actions, 'verify', 'open and check every episode', _VERIFY_EXAMPLES, _verify)
    repair = _add(
        actions, 'repair', 'save recordings that a crash left', _REPAIR_EXAMPLES, _repair)
    convert = _add(
        actions, 'convert', 'turn recordings into episodes', _CONVERT_EXAMPLES, _convert)
    for command in (info, verify, repair):
        command.add_argument('dataset', type=Path, help='folder of the episodes')
    convert.add_argument('recordings', type=Path, nargs='+', metavar='RECORDING',
                         help='rosbag2 folder (sqlite3 or mcap), .mcap or .db3 file')
    convert.add_argument('--dataset', type=Path, required=True, help='folder of the episodes')
    convert.add_argument('--namespace', default='', help="the robot's namespace in the recording")
    convert.add_argument('--images', default='jpeg', choices=('jpeg', 'png', 'raw'),
                         help='how camera frames are stored')
    verify.add_argument('--contract', type=Path, help='also require this data contract')
    convert.add_argument('--contract', type=Path,
                         help="the robot's contract; default: the one that the recorder stored")
    for command in (repair, convert):
        command.add_argument('--outcome', choices=('success', 'failure'),
                             help='outcome of what was not marked with one')
    for command in (info, verify, repair, convert):
        command.add_argument('--json', type=output_file, metavar='FILE',
                             help='write the figures here')


def _add(
        actions: argparse._SubParsersAction, name: str, what: str, examples: str,
        run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser = actions.add_parser(
        name, help=what, description=f'{what.capitalize()}.', epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(func=run)
    return parser


def _info(arguments: argparse.Namespace) -> int:
    from lps_ros.data.dataset import Dataset

    with progress('reading', 'episode') as show:
        info = Dataset(arguments.dataset).info(show)
    write_json(arguments.json, info)
    for line in _info_lines(info):
        print(line)
    return 1 if info['damaged'] else 0


def _info_lines(info: dict[str, Any]) -> Iterator[str]:
    counts = ', '.join(f'{count} {outcome}' for outcome, count in info['episodes'].items())
    yield (f"{info['path']}: {counts}; {info['transitions']} transitions, "
           f"{info['duration_s']:.1f} s")
    for outcome, median in info['median_transitions'].items():
        if median is not None:
            yield f'median {outcome}: {median:g} transitions'
    for contract in info['contracts']:
        yield (f"contract {contract['name']}, {contract['rate_hz']:g} Hz, data hash "
               f"{contract['data_hash']}: {contract['episodes']} episodes")
    yield from _commanded_lines(info['commanded'])
    yield (f"{'stream':<20}{'episodes':>9}{'messages':>10}{'rate/Hz':>9}{'gaps':>6}"
           f"{'longest/s':>11}{'repeats':>9}{'drops':>7}{'misfits':>9}{'stale ticks':>13}")
    for key, stream in info['streams'].items():
        drops, misfits = ('?' if stream[name] < 0 else stream[name]
                          for name in ('drops', 'misfits'))
        yield (f"{key:<20}{stream['episodes']:>9}{stream['count']:>10}{stream['rate_hz']:>9.1f}"
               f"{stream['gaps']:>6}{stream['longest_gap_s']:>11.3f}{stream['duplicates']:>9}"
               f"{drops:>7}{misfits:>9}{stream['stale_ticks']:>13}")
    for path in info['damaged']:
        yield f'damaged: {path}; run `lps dataset verify`'
    yield from map(_unsaved_line, info['leftovers'])


def _commanded_lines(commanded: dict[str, int]) -> Iterator[str]:
    """Tell who commanded, where a policy node told of it."""
    ticks = {name: count for name, count in commanded.items() if name != 'interventions'}
    total = sum(ticks.values())
    if total:
        shares = ', '.join(f'{name} {100 * ticks[name] / total:.1f} %'
                           for name in ('policy', 'teleop', 'none', 'shadow')
                           if ticks[name] or name != 'shadow')
        yield (f"commanded by: {shares} of {total} ticks that a policy node told of; "
               f"{commanded['interventions']} interventions")


def _unsaved_line(log: str | Path) -> str:
    return f'not saved: {log}; run `lps dataset repair`'


def _verify(arguments: argparse.Namespace) -> int:
    from lps_ros.contract import load_contract
    from lps_ros.data.dataset import Dataset

    contract = None if arguments.contract is None else load_contract(arguments.contract)
    dataset = Dataset(arguments.dataset)
    with progress('checking', 'episode') as show:
        problems = dataset.verify(contract, show)
    count = len(dataset.episodes())
    leftovers = dataset.leftovers()
    write_json(arguments.json, {'episodes': count, 'problems': problems,
                                 'leftovers': [str(log) for log in leftovers]})
    for line in (*problems, *map(_unsaved_line, leftovers)):
        print(line)
    print(f'{count} episodes, {len(problems) or "no"} problem(s)')
    return 1 if problems else 0


def _repair(arguments: argparse.Namespace) -> int:
    from lps_ros.data.repair import repair

    repairs = repair(arguments.dataset, outcome=arguments.outcome)
    write_json(arguments.json, {'repaired': [
        {'log': str(done.log), 'result': str(done.result), 'note': done.note}
        for done in repairs]})
    for done in repairs:
        print(f'{done.log.name} -> {done.result}' + (f' ({done.note})' if done.note else ''))
    print(f'{len(repairs) or "no"} recording(s) had been left unsaved')
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from lps_ros.contract import load_contract
    from lps_ros.data.convert import convert_bag

    contract = None if arguments.contract is None else load_contract(arguments.contract)
    files: list[Path] = []
    for recording in arguments.recordings:
        with progress(recording.name, '%') as show:
            files += convert_bag(
                recording, contract, arguments.dataset, outcome=arguments.outcome,
                namespace=arguments.namespace, image_format=arguments.images,
                progress=lambda fraction: show(int(100 * fraction), 100))
    write_json(arguments.json, {'episodes': [str(file) for file in files]})
    for file in files:
        print(file)
    if not files:
        raise UserError('found no episode that was saved in these recordings; give --outcome for '
                        'those whose end was not marked')
    return 0
