"""Parse the entries under `actions`."""

import re

from lps_ros.contract import message_types
from lps_ros.contract.message_types import ACTION_TYPES
from lps_ros.contract.parse_limits import parse_limits
from lps_ros.contract.parse_limits import parse_scale
from lps_ros.contract.parse_observation import KEY_EXPECTED
from lps_ros.contract.parse_observation import KEY_PATTERN
from lps_ros.contract.parse_observation import only_keys_of_type
from lps_ros.contract.parse_observation import parse_frame
from lps_ros.contract.parse_observation import TOPIC_EXPECTED
from lps_ros.contract.parse_observation import TOPIC_PATTERN
from lps_ros.contract.poses import pose_names
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Limits
from lps_ros.contract.section import Section

_COMMON = ('key', 'topic', 'type', 'scale', 'limits', 'stop', 'relative_to')
_BY_TYPE = ('fields', 'names', 'frame_id', 'unit', 'send')
# Units, without spaces, of what a zero brings to rest: rates of change and efforts.
_RESTS_AT_ZERO = re.compile(r'.*/s(?![A-Za-z]).*|N|N[*·.]?m')


def parse_action(section: Section) -> Action:
    """Parse one action; raises ContractError."""
    section.only(_COMMON + _BY_TYPE)
    type_name = section.text('type', choices=ACTION_TYPES)
    kind = ACTION_TYPES[type_name]
    only_keys_of_type(section, kind, type_name, _BY_TYPE)
    fields = section.texts('fields', choices=kind.fields) if kind.fields else ()
    names = section.texts('names') if 'names' in kind.required else ()
    _check_positions_alone(section, fields)
    scale = parse_scale(section.section('scale'), _width(type_name, fields, names))
    limits = parse_limits(section, scale, type_name, names)
    unit = section.text('unit', default=None)
    if limits.start is not None and not commands_positions(type_name, fields, unit):
        section.fail('limits.start', 'found a start for velocities or efforts',
                     'expected it for positions', 'remove it; velocities start from rest')
    return Action(
        key=section.text('key', pattern=KEY_PATTERN, expected=KEY_EXPECTED),
        topic=section.text('topic', pattern=TOPIC_PATTERN, expected=TOPIC_EXPECTED),
        type=type_name,
        fields=fields,
        names=names,
        frame_id=parse_frame(section, kind),
        unit=unit,
        scale=scale,
        limits=limits,
        stop=_parse_stop(section, type_name, fields, limits),
        relative_to=_parse_relative(section, type_name, fields),
        send=section.text('send', default='point', choices=('point', 'chunk')),
    )


def commands_positions(type_name: str, fields: tuple[str, ...], unit: str | None) -> bool:
    """Tell whether an action commands positions, not only velocities or efforts."""
    if type_name == message_types.FLOAT64_ARRAY:
        return not _rests_at_zero(unit or '')
    return (type_name in (message_types.TRAJECTORY, message_types.POSE)
            or 'position' in fields)


def _check_positions_alone(section: Section, fields: tuple[str, ...]) -> None:
    if 'position' in fields and len(fields) > 1:
        section.fail('fields', f"found {', '.join(fields)}", 'expected position alone, or no '
                     'position', 'a stop that holds would leave the velocity or effort in force; '
                     'use a JointTrajectory, or one of the fields')


def _rests_at_zero(unit: str) -> bool:
    return all(_RESTS_AT_ZERO.fullmatch(''.join(part.split())) for part in unit.split(','))


def _width(type_name: str, fields: tuple[str, ...], names: tuple[str, ...]) -> int:
    if type_name == message_types.POSE:
        return len(pose_names('sixd'))
    return (len(fields) or 1) * (len(names) or 1)


def _parse_relative(
        section: Section, type_name: str, fields: tuple[str, ...]) -> str | None:
    key = section.text('relative_to', default=None)
    if key is not None and type_name != message_types.TRAJECTORY and (
            type_name, fields) != (message_types.JOINT_STATE, ('position',)):
        section.fail('relative_to', f"found '{key}' for {type_name}",
                     'expected it for positions of joints only', 'remove it')
    return key


def _parse_stop(
        section: Section, type_name: str, fields: tuple[str, ...], limits: Limits) -> str:
    stop = section.text('stop', choices=('zeros', 'hold'))
    if stop == 'zeros':
        moves = type_name in (message_types.POSE, message_types.TRAJECTORY)
        if moves or 'position' in fields:
            section.fail('stop', 'found zeros for positions', 'expected hold',
                         'a stop must not send the robot to its zero position')
        if type_name == message_types.FLOAT64_ARRAY:
            _check_unit_rests_at_zero(section)
        if (limits.low > 0.0).any() or (limits.high < 0.0).any():
            section.fail('stop', 'found zeros outside the limits', 'expected limits with low <= '
                         '0 <= high', 'widen the limits or use hold')
    return stop


def _check_unit_rests_at_zero(section: Section) -> None:
    """Refuse zeros for plain numbers that are not declared to be velocities or efforts."""
    unit = section.text('unit', default='')
    if not _rests_at_zero(unit):
        found = f"zeros for numbers of unit '{unit}'" if unit else 'zeros for numbers without unit'
        section.fail('stop', f'found {found}', 'expected zeros for velocities or efforts only',
                     "use hold for positions; else declare the unit, such as 'rad/s' or 'Nm'")
