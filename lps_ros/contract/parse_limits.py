"""Parse the scale and the limits of an action."""

from lps_ros.contract import message_types
from lps_ros.contract.poses import ROTATION
from lps_ros.contract.schema import Limits
from lps_ros.contract.schema import Scale
from lps_ros.contract.schema import Start
from lps_ros.contract.schema import Workspace
from lps_ros.contract.section import REQUIRED
from lps_ros.contract.section import Section
import numpy as np

# Of a scale in SI units: beyond these its arithmetic would not be exact or not be finite.
_LARGEST, _NARROWEST = 1e9, 1e-9


def parse_scale(section: Section, width: int) -> Scale:
    """Parse the physical values of -1 and 1; raises ContractError unless well apart."""
    section.only(('low', 'high'))
    low = section.numbers('low', length=width)
    high = section.numbers('high', length=width)
    _ordered(section, low, high)
    wrong = (np.maximum(-low, high) > _LARGEST) | (high - low < _NARROWEST)
    if wrong.any():
        index = int(np.argmax(wrong))
        section.fail(f'low[{index}]', f'found {low[index]:g} with high[{index}] {high[index]:g}',
                     f'expected at most {_LARGEST:g} and at least {_NARROWEST:g} apart',
                     'use SI units')
    return Scale(low=low, high=high)


def parse_limits(
        action: Section, scale: Scale, type_name: str, names: tuple[str, ...]) -> Limits:
    """Parse the limits of an action; low and high are the scale's unless given."""
    section = action.section('limits', default=None)
    if section is None:
        return Limits(low=scale.low, high=scale.high)
    section.only(('low', 'high', 'step', 'velocity', 'workspace', 'start'))
    width = len(scale.low)
    low = section.numbers('low', length=width, default=scale.low)
    high = section.numbers('high', length=width, default=scale.high)
    _inside(section, 'low', low, scale)
    _inside(section, 'high', high, scale)
    _ordered(section, low, high)
    step = _above_zero(section, 'step', width, 'change per control tick')
    velocity = _above_zero(section, 'velocity', width, 'change per second')
    if type_name == message_types.POSE:
        _check_no_range(section, 'low', low, np.maximum(scale.low, -1.0) < low, -1)
        _check_no_range(section, 'high', high, np.minimum(scale.high, 1.0) > high, 1)
        _check_one_turn(section, 'step', step, 'control tick')
        _check_one_turn(section, 'velocity', velocity, 'second')
    workspace = section.section('workspace', default=None)
    start = section.section('start', default=None)
    return Limits(
        low=low, high=high, step=step, velocity=velocity,
        workspace=_parse_workspace(section, workspace, type_name),
        start=None if start is None else _parse_start(section, start, type_name, names))


def _above_zero(section: Section, key: str, width: int, unit: str,
                default: object = None) -> np.ndarray | None:
    values = section.numbers(key, length=width, default=default)
    if values is not None and (values <= 0.0).any():
        index = int(np.argmax(values <= 0.0))
        section.fail(f'{key}[{index}]', f'found {values[index]:g}', 'expected a number above 0',
                     f'give the largest {unit}')
    return values


def _check_no_range(
        section: Section, key: str, values: np.ndarray, tighter: np.ndarray, whole: int) -> None:
    """Refuse a range of a rotation's columns: they belong together, none has one of its own."""
    for index in range(*ROTATION.indices(len(values))):
        if tighter[index]:
            section.fail(f'{key}[{index}]', f'found {values[index]:g} for a rotation',
                         f'expected {whole}, or the scale', f'remove {key} of the rotation, which '
                         'no range bounds; bound its turn by step and velocity, in rad')


def _check_one_turn(
        section: Section, key: str, values: np.ndarray | None, unit: str) -> None:
    """Refuse different numbers for the columns of a rotation, which turns as one."""
    if values is None:
        return
    first, others = ROTATION.start, values[ROTATION]
    if (others != others[0]).any():
        index = first + int(np.argmax(others != others[0]))
        section.fail(f'{key}[{index}]',
                     f'found {values[index]:g} with {key}[{first}] {values[first]:g}',
                     'expected one number for all of a rotation',
                     f'give the largest turn per {unit}, in rad, six times')


def _parse_start(
        limits: Section, section: Section, type_name: str, names: tuple[str, ...]) -> Start:
    if type_name == message_types.TWIST:
        limits.fail('start', f'found a start for {type_name}', 'expected it for positions',
                    'remove it; velocities start from rest')
    section.only(('observation', 'names', 'within', 'lag'))
    # Of a pose its position, and by what angle it is turned.
    width = 4 if type_name == message_types.POSE else len(names)
    for key in ('within', 'lag') if type_name == message_types.POSE else ():
        values = section.mapping.get(key)
        if isinstance(values, list) and len(values) != width:
            section.fail(key, f'found {len(values)} numbers', 'expected 4 of a pose',
                         'give x, y, z in m and the angle between rotations in rad')
    return Start(
        observation=section.text('observation'),
        names=() if type_name == message_types.POSE else section.texts('names', default=names),
        within=_above_zero(section, 'within', width, 'distance', REQUIRED),
        lag=_above_zero(section, 'lag', width, 'distance'))


def _parse_workspace(
        limits: Section, section: Section | None, type_name: str) -> Workspace | None:
    if section is None:
        return None
    if type_name not in (message_types.TWIST, message_types.POSE):
        limits.fail('workspace', f'found a workspace for {type_name}',
                    'expected it for a twist or a pose', 'remove it')
    section.only(('observation', 'low', 'high'))
    low = section.numbers('low', length=3)
    high = section.numbers('high', length=3)
    _ordered(section, low, high)
    return Workspace(observation=section.text('observation'), low=low, high=high)


def _ordered(section: Section, low: np.ndarray, high: np.ndarray) -> None:
    if (low >= high).any():
        index = int(np.argmax(low >= high))
        section.fail(f'low[{index}]', f'found {low[index]:g} with high[{index}] {high[index]:g}',
                     'expected low below high', 'swap or correct them')


def _inside(section: Section, key: str, values: np.ndarray, scale: Scale) -> None:
    outside = (values < scale.low) | (values > scale.high)
    if outside.any():
        index = int(np.argmax(outside))
        section.fail(f'{key}[{index}]', f'found {values[index]:g}',
                     f'expected {scale.low[index]:g} to {scale.high[index]:g}, the scale',
                     'limits may be tighter than the scale, never wider')
