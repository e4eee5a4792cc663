"""Parse the scale and the limits of an action."""

from lps_ros.contract import message_types
from lps_ros.contract.schema import Limits
from lps_ros.contract.schema import Scale
from lps_ros.contract.schema import Workspace
from lps_ros.contract.section import Section
import numpy as np


def parse_scale(section: Section, width: int) -> Scale:
    """Parse the physical values of -1 and 1; raises ContractError unless low < high."""
    section.only(('low', 'high'))
    low = section.numbers('low', length=width)
    high = section.numbers('high', length=width)
    _ordered(section, low, high)
    return Scale(low=low, high=high)


def parse_limits(action: Section, scale: Scale, type_name: str) -> Limits:
    """Parse the limits of an action; low and high are the scale's unless given."""
    section = action.section('limits', default=None)
    if section is None:
        return Limits(low=scale.low, high=scale.high)
    section.only(('low', 'high', 'step', 'workspace'))
    width = len(scale.low)
    low = section.numbers('low', length=width, default=scale.low)
    high = section.numbers('high', length=width, default=scale.high)
    step = section.numbers('step', length=width, default=None)
    _inside(section, 'low', low, scale)
    _inside(section, 'high', high, scale)
    _ordered(section, low, high)
    if step is not None and (step <= 0.0).any():
        index = int(np.argmax(step <= 0.0))
        section.fail(f'step[{index}]', f'found {step[index]:g}', 'expected a number above 0',
                     'give the largest change per control tick')
    workspace = section.section('workspace', default=None)
    return Limits(low=low, high=high, step=step,
                  workspace=_parse_workspace(section, workspace, type_name))


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
