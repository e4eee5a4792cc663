"""What a contract allows that is unwise on a real arm."""

from collections.abc import Iterator

from lps_ros.contract.message_types import POSE
from lps_ros.contract.parse_action import commands_positions
from lps_ros.contract.places import observed_place
from lps_ros.contract.poses import ROTATION
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import MAX_IDENTICAL
from lps_ros.contract.schema import Observation
import numpy as np

# So many equal pictures take seconds at any rate of a camera.
_MANY_IDENTICAL = 100
# Nobody would steer by what he saw so long ago.
_LONG_AGO_S = 1.0
_STANDS = 'a robot that does not follow, as in a protective stop, and leaps when that is over'


def advise(contract: Contract) -> tuple[str, ...]:
    """
    Return what to consider before a real arm moves: what was found, why it matters, what to write.

    One line each. Such a contract is sound; a gate that it could have is absent or does nothing.
    """
    return (*(line for observation in contract.observations for line in _seen(observation)),
            *(line for action in contract.actions for line in _sent(contract, action)))


def _seen(observation: Observation) -> Iterator[str]:
    place = f'observations.{observation.key}'
    most = observation.max_identical
    if observation.image is not None and (most == 0 or most > _MANY_IDENTICAL):
        yield (f'{place}.max_identical: {most} lets the arm go on with a frozen camera'
               f'{f" for {most} pictures" if most else ""}; write {MAX_IDENTICAL} or remove it')
    if observation.max_age_s > _LONG_AGO_S:
        yield (f'{place}.max_age_s: the arm goes on for {observation.max_age_s:g} s after the '
               'stream has ended; write a few of its periods, such as 0.1')


def _sent(contract: Contract, action: Action) -> Iterator[str]:
    place = f'actions.{action.key}'
    positions = commands_positions(action.type, action.fields, action.unit)
    if not positions and action.stop == 'hold':
        yield (f'{place}.stop: hold sends nothing, so the arm goes on with the last velocity or '
               'effort until its own timeout, if it has one; write zeros')
    if (action.largest_step(contract.clock.period_ns * 1e-9) >= _range(action)).any():
        yield _unbounded_step(action, positions)
    elif action.send == 'chunk' and action.limits.velocity is None:
        yield (f'{place}.limits: no velocity, so between the points of a chunk the arm may be '
               'half as fast again as step allows; write `velocity: [...]`, the largest change '
               'per second')
    if positions:
        yield from _start(contract, action)
    moves = any(field.startswith('linear.') for field in action.fields)
    if moves and action.limits.workspace is None:
        yield (f'{place}.limits: no workspace, so nothing keeps the tool from the table or from '
               'people; observe its pose in '
               f'{action.frame_id} and write `workspace: {{observation: ..., low: [x, y, z], '
               'high: [x, y, z]}`')


def _range(action: Action) -> np.ndarray:
    """Return how far apart (width,) two commands can be, of a rotation as an angle in rad."""
    span = action.limits.high - action.limits.low
    if action.type == POSE:
        span[ROTATION] = np.pi
    return span


def _unbounded_step(action: Action, positions: bool) -> str:
    place = f'actions.{action.key}.limits'
    given = [name for name in ('velocity', 'step') if getattr(action.limits, name) is not None]
    found = f'{" and ".join(given)} as wide as the range' if given else 'no velocity or step'
    if positions:
        return (f'{place}: {found}, so a plan may send the robot through its range within one '
                'period; write `velocity: [...]`, the largest change per second that you want to '
                'see')
    return (f'{place}: {found}, so a plan may turn full speed round within one period; write '
            '`step: [...]`, the largest change per control period')


def _start(contract: Contract, action: Action) -> Iterator[str]:
    place, start = f'actions.{action.key}.limits', action.limits.start
    if start is None:
        yield f'{place}: no start, so {_without_start(contract, action)}'
        return
    if start.lag is None:
        yield (f'{place}.start: no lag, so nothing notices {_STANDS}; write `lag: [...]`, more '
               'than it lags at full speed, or than a gripper grips')
    span = _range(action)[:len(start.within)]
    for name in ('within', 'lag'):
        distance = getattr(start, name)
        if distance is not None and (distance >= span).any():
            i = int(np.argmax(distance >= span))
            yield (f'{place}.start.{name}[{i}]: {distance[i]:g} is as wide as the range, so it '
                   'refuses nothing; write the largest distance that is sound')


def _without_start(contract: Contract, action: Action) -> str:
    observed = observed_place(contract, action)
    first = ('the first command may lie anywhere' if observed is None else
             f'the first command may lie any distance from {observed.observation}')
    if observed is None:
        write = ('observe where it is and write `start: {observation: ..., within: [...], '
                 'lag: [...]}`')
    else:
        write = (f'write `start: {{observation: {observed.observation}, within: [...], '
                 'lag: [...]}`')
    return f'{first}, and nothing notices {_STANDS}; {write}'
