"""Load a robot contract and check that its parts fit together."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from lps_ros.contract.message_types import FLOAT64_ARRAY
from lps_ros.contract.message_types import POSE
from lps_ros.contract.parse_action import parse_action
from lps_ros.contract.parse_derived import parse_derived
from lps_ros.contract.parse_observation import parse_observation
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Observation
from lps_ros.contract.schema import Task
from lps_ros.contract.section import Section
from lps_ros.contract.topics import plain_topic
from lps_ros.contract.topics import shadow_topic
from lps_ros.contract.topics import teleop_topic
from lps_ros.contract.yaml_text import parse_mapping
from lps_ros.contract.yaml_text import read_text
import yaml

_KEYS = ('name', 'rate_hz', 'observations', 'derived', 'actions', 'task')


def load_contract(path: str | Path) -> Contract:
    """Load a robot contract from a YAML file; raises ContractError, one line, on any fault."""
    return parse_contract(read_text(Path(path)), source=str(path))


# The episodes of a dataset repeat one contract; contracts never change.
@lru_cache(maxsize=32)
def parse_contract(text: str, *, source: str = 'contract') -> Contract:
    """Parse YAML text; `source` names it in errors. Raises ContractError on any fault."""
    root = Section(source=source, path='', value=parse_mapping(text, source=source))
    root.only(_KEYS)
    name = root.text('name')
    rate_hz = root.number('rate_hz', low=0.1, high=1000.0)
    parts = root.sections('observations')
    observations = [parse_observation(part) for part in parts]
    derived_parts = root.sections('derived', optional=True)
    action_parts = root.sections('actions')
    by_key = {observation.key: observation for observation in observations}
    derived = [parse_derived(part, by_key) for part in derived_parts]
    actions = [parse_action(part) for part in action_parts]
    _check_keys(parts + derived_parts + action_parts)
    _check_topics(parts, observations)
    _check_command_topics(action_parts, actions)
    _check_commands(action_parts, actions, by_key)
    _check_ways(action_parts, actions, observations)
    return Contract(
        name=name,
        rate_hz=rate_hz,
        observations=tuple(observations),
        derived=tuple(derived),
        actions=tuple(actions),
        task=_parse_task(root.section('task')),
        text=text,
    )


def subset_text(contract: Contract, keys: Collection[str]) -> str:
    """Write `contract` as YAML with only the observations `keys` and what needs no others."""
    content = parse_mapping(contract.text, source=contract.name)
    content['observations'] = [o for o in content['observations'] if o['key'] in keys]
    kept = {d.key for d in contract.derived if set(d.inputs) <= set(keys)}
    content['derived'] = [d for d in content.get('derived') or () if d['key'] in kept] or None
    return yaml.safe_dump(content, sort_keys=False)


def _parse_task(section: Section) -> Task:
    section.only(('name', 'success_reward', 'step_reward', 'failure_reward', 'max_ticks'))
    return Task(
        name=section.text('name'),
        success_reward=section.number('success_reward'),
        step_reward=section.number('step_reward'),
        failure_reward=section.number('failure_reward', default=None),
        max_ticks=section.integer('max_ticks'),
    )


def _check_keys(parts: list[Section]) -> None:
    seen = set()
    for part in parts:
        key = part.mapping['key']
        if key in seen:
            part.fail('key', f"found '{key}' twice", 'expected a key of its own for every stream '
                      'and derived observation', 'rename one')
        seen.add(key)


def _check_topics(parts: list[Section], observations: list[Observation]) -> None:
    types = {}
    for part, observation in zip(parts, observations, strict=True):
        first = types.setdefault(plain_topic(observation.topic), observation.type)
        if first != observation.type:
            part.fail('type', f'found {observation.type}', f'expected {first} as in the other '
                      f'observation of topic {observation.topic}', 'correct type or topic')


def _check_command_topics(parts: list[Section], actions: list[Action]) -> None:
    """Refuse two actions on one topic, and one on a topic where another is heard or shown."""
    seen: dict[str, str] = {}
    taken = {
        of(action.topic): (action.key, use) for action in actions
        for of, use in ((teleop_topic, 'a person commands'), (shadow_topic, 'shadow mode shows'))}
    for part, action in zip(parts, actions, strict=True):
        topic = plain_topic(action.topic)
        if topic in seen:
            again = 'twice' if seen[topic] == action.topic else f"beside '{seen[topic]}'"
            part.fail('topic', f"found '{action.topic}' {again}", 'expected one action per topic',
                      'join the actions or correct the topic')
        if topic in taken:
            key, use = taken[topic]
            part.fail('topic', f"found '{action.topic}', on which {use} '{key}'", 'expected a '
                      'topic of its own, or the node would hear its own commands', 'rename one')
        seen[topic] = action.topic


def _check_commands(parts: list[Section], actions: list[Action],
                    observations: dict[str, Observation]) -> None:
    for part, action in zip(parts, actions, strict=True):
        workspace = action.limits.workspace
        if workspace is not None:
            _check_workspace(part, workspace.observation, action, observations)
            _check_box(part, action)
        if action.limits.start is not None:
            _check_start(part, action, observations)
        if action.relative_to is not None:
            _check_relative(part, action, observations)


def _check_ways(
        parts: list[Section], actions: list[Action], observations: list[Observation]) -> None:
    """Refuse to command on a topic that is observed as another type; ROS has one type a topic."""
    types = {plain_topic(observation.topic): observation.type for observation in observations}
    for part, action in zip(parts, actions, strict=True):
        observed = types.get(plain_topic(action.topic), action.type)
        if observed != action.type:
            part.fail('type', f'found {action.type}', f'expected {observed} as in the observation '
                      f'of topic {action.topic}', 'correct type or topic')


def _check_workspace(part: Section, key: str, action: Action,
                     observations: dict[str, Observation],
                     limit: str = 'workspace') -> None:
    place = f'limits.{limit}.observation'
    observed = observations.get(key)
    if observed is None or observed.type != POSE:
        poses = ', '.join(o.key for o in observations.values() if o.type == POSE) or 'none'
        part.fail(place, f"found '{key}'", f'expected an observed pose ({poses})',
                  f'observe the pose or remove the {limit}')
    if not observed.required:
        part.fail(place, f"found '{key}', which may be left out", 'expected a required pose',
                  f"remove `required: false` from '{key}'")
    if observed.frame_id != action.frame_id:
        part.fail(place, f"found '{key}' in frame {observed.frame_id}",
                  f'expected frame {action.frame_id} as of the action', 'use one frame')


def _check_box(part: Section, action: Action) -> None:
    """Refuse a box that no command within the limits can keep to."""
    limits = action.limits
    if action.type == POSE:
        box = limits.workspace
        apart = (box.low > limits.high[:3]) | (box.high < limits.low[:3])
        if apart.any():
            i = int(apart.argmax())
            part.fail(f'limits.workspace.low[{i}]', f'found {box.low[i]:g} to {box.high[i]:g}',
                      f'expected it to overlap {limits.low[i]:g} to {limits.high[i]:g}, the '
                      'limits', 'widen the box or the limits')
        return
    moves = [not (low <= 0.0 <= high) and field.startswith('linear.')
             for field, low, high in zip(action.fields, limits.low, limits.high, strict=True)]
    if any(moves):
        part.fail(f'limits.low[{moves.index(True)}]', 'found limits that exclude 0 beside a '
                  'workspace', 'expected low <= 0 <= high', 'widen the limits, so that the robot '
                  'can stand at the face of the box')


def _check_start(part: Section, action: Action, observations: dict[str, Observation]) -> None:
    start, place = action.limits.start, 'limits.start.observation'
    observed = observations.get(start.observation)
    if action.type == POSE:
        _check_workspace(part, start.observation, action, observations, 'start')
        return
    if observed is None or not observed.required or not (
            'position' in observed.fields or observed.type == FLOAT64_ARRAY):
        part.fail(place, f"found '{start.observation}'", 'expected a required observation of '
                  'positions', 'observe the positions or remove the start')
    missing = [name for name in start.names if name not in observed.names]
    if missing or len(start.names) != action.width:
        part.fail('limits.start.names', f"found {', '.join(start.names)}",
                  f"expected {action.width} of {', '.join(observed.names)}",
                  'name what is observed in the order of the action')


def _check_relative(part: Section, action: Action, observations: dict[str, Observation]) -> None:
    observed = observations.get(action.relative_to)
    if observed is None or not observed.required or 'position' not in observed.fields:
        part.fail('relative_to', f"found '{action.relative_to}'", 'expected a required '
                  'observation of joint positions', 'observe them or remove relative_to')
    missing = [name for name in action.names if name not in observed.names]
    if missing:
        part.fail('relative_to', f"found '{action.relative_to}' without {', '.join(missing)}",
                  'expected all joints of the action', 'observe them or remove relative_to')
