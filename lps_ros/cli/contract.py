"""`lps contract`: check a robot contract."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

from lps_ros.contract import Action
from lps_ros.contract import ActionCodec
from lps_ros.contract import advise
from lps_ros.contract import Contract
from lps_ros.contract import load_contract
from lps_ros.contract import Observation
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import observed_place
from lps_ros.contract import row_columns
import numpy as np

_EXAMPLE = """example:
  lps contract check config/ur5e_cube.yaml
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = subparsers.add_parser(
        'contract', help='check a robot contract', description='Check a robot contract.',
        epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest='contract_command', required=True, metavar='ACTION')
    check = actions.add_parser(
        'check', help='load a contract, say what it holds, or what is wrong with it',
        description='Load a contract and print what it holds and what to consider before a real '
        'arm moves; one line says what is wrong.',
        epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    check.add_argument('file', type=Path, metavar='FILE', help='contract, a YAML file')
    check.set_defaults(func=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Print the contract and advice on it; raises ContractError where it is faulty."""
    contract = load_contract(arguments.file)
    print(describe(contract))
    lines = advise(contract)
    if lines:
        print('\nconsider, on a real arm', *(f'- {line}' for line in lines), sep='\n')
    return 0


def describe(contract: Contract) -> str:
    """Describe a contract in a few tables."""
    encoder = ObservationEncoder(contract)
    observations = [
        (o.key, o.topic, _short(o.type), _content(o), f'{o.max_age_s:g}',
         'yes' if o.required else 'no')
        for o in contract.observations]
    derived = [
        (d.key, d.kind, ' in '.join(d.inputs),
         str(sum(name.startswith(f'{d.key}.') for name in encoder.names)))
        for d in contract.derived]
    actions = [
        (a.key, a.topic, _short(a.type), _content(a), _spans(a.scale.low, a.scale.high),
         a.stop, a.send)
        for a in contract.actions]
    parts = [
        f'contract         {contract.name}, task {contract.task.name}',
        f'control rate     {contract.rate_hz:g} Hz',
        f'observation      {encoder.size} numbers, {len(encoder.image_keys)} image(s)',
        f'action           {ActionCodec(contract).size} numbers',
        f'data hash        {contract.data_hash}',
        f'deployment hash  {contract.deployment_hash}',
        '',
        _table(('observation', 'topic', 'type', 'content', 'max age s', 'required'), observations),
    ]
    if derived:
        parts += ['', _table(('derived', 'kind', 'of', 'numbers'), derived)]
    parts += ['', _table(('action', 'topic', 'type', 'content', 'scale', 'stop', 'send'), actions)]
    limits = [
        (a.key, _spans(a.limits.low, a.limits.high), _step(a, contract), _start(a, contract),
         _workspace(a))
        for a in contract.actions]
    parts += ['', _table(
        ('action', 'limits', 'step per tick', 'first command', 'workspace'), limits)]
    return '\n'.join(parts)


def _short(type_name: str) -> str:
    return type_name.rsplit('/', 1)[1]


def _content(spec: Observation | Action) -> str:
    if isinstance(spec, Observation):
        if spec.image is not None:
            return f'{spec.image.width}x{spec.image.height} {spec.image.encoding}'
        if spec.rotation is not None:
            return f'position and {spec.rotation} in {spec.frame_id}'
    columns = row_columns(spec)
    frame = f' in {spec.frame_id}' if spec.frame_id else ''
    if len(columns) > 4:
        return f'{columns[0]} .. {columns[-1]} ({len(columns)}){frame}'
    return ', '.join(columns) + frame


def _spans(low: Iterable[float], high: Iterable[float]) -> str:
    return ', '.join(f'{least:g}..{most:g}' for least, most in zip(low, high))


def _step(action: Action, contract: Contract) -> str:
    steps = action.largest_step(contract.clock.period_ns * 1e-9)
    if np.isinf(steps).all():
        return 'no step limit'
    return ', '.join(f'{step:g}' for step in steps)


def _start(action: Action, contract: Contract) -> str:
    if action.stop == 'zeros':
        return 'from rest'
    place, start = observed_place(contract, action), action.limits.start
    if place is None:
        return 'anywhere'
    if start is None:
        return f'led in from {place.observation}'
    lag = '' if start.lag is None else f', to follow within {_distances(start.lag)}'
    return f'within {_distances(start.within)} of {place.observation}{lag}'


def _workspace(action: Action) -> str:
    box = action.limits.workspace
    if box is None:
        return 'no workspace'
    return f'{box.observation} in {_spans(box.low, box.high)} m'


def _distances(values: Iterable[float]) -> str:
    return ', '.join(f'{value:g}' for value in values)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in (head, ['-' * width for width in widths], *rows)]
    return '\n'.join(lines)
