"""Contract files as nobody should write them, for hypothesis."""

import copy
import datetime
from pathlib import Path
import re

from contract.contract_texts import EVERY_TYPE
from hypothesis import strategies as st
from lps_ros.contract.message_types import ACTION_TYPES
from lps_ros.contract.message_types import OBSERVATION_TYPES
import yaml

_SHIPPED = sorted((Path(__file__).parents[1] / 'config').glob('*.yaml'))
_CONTENTS = [content for content in map(yaml.safe_load, (
    EVERY_TYPE, *(path.read_text(encoding='utf-8') for path in _SHIPPED)))
    if 'observations' in content]
_DUMPER = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)  # many times as fast, where it is built

NUMBERS = (0, -0.0, 1, -1, 0.5, 3, 1e9, 1e308, -1e308, 5e-324, 10**400, 2**63, -2**63,
           float('nan'), float('inf'), -float('inf'))
_VALUES = (None, True, False, '', ' ', 'a', '.', 'x' * 5000, '1e-3', 'line\nline', '\x00\x1b[31m',
           b'\xff\x00', [], {}, [[]], [None], {'': None}, {'key': 'a'},
           datetime.date(2024, 2, 29), *NUMBERS)
_OF_KEY = {
    'topic': ('/', '//', '~', '~/', '~/x', 'a/', 'a//b', '9a', 'a b', 'ä', '{node}', 'a/9',
              'x' * 300, '/joint_states', 'rt/' + 'y/' * 140 + 'z', 'joint_states'),
    'key': ('A', '9', 'ä', 'a b', 'x' * 300, 'tool', 'joints', '<<', 'key'),
    'type': ('std_msgs/msg/String', 'JointState', *ACTION_TYPES, *OBSERVATION_TYPES),
    'observation': ('tool', 'cube', 'joints', 'front', 'nothing'),
    'unit': ('furlong', 'm', 'rad', 'rad/s', '/s', ','),
    'stop': ('zeros', 'hold', 'brake'),
    'send': ('point', 'chunk', 'all'),
    'rotation': ('yaw', 'sixd', 'none'),
    'encoding': ('rgb8', 'bgr8', '16UC1'),
    'crop': ([0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1e-300, 1e-300], [0, 0, 5e-324, 1],
             [0.5, 0.5, 0.6, 0.5]),
    'names': (['a', 'a'], ['a'], ['b', 'a'], [f'joint_{i}' for i in range(500)]),
    'fields': (['position'], ['effort', 'position'], ['linear.x'], ['angular.z', 'linear.z']),
}
# YAML that no dump gives.
_LINES = (
    'a: !!int ""', 'a: !!float ""', 'a: !!bool b', 'a: !!timestamp b', 'a: !!binary b',
    'a: !!python/object/apply:os.getcwd []', 'a: 2024-02-31', 'a: "\\U00110000"', '<<: {1: 2}',
    '<<: 1', '<<: [1]', 'a: &a [*a]', 'a: &a {<<: *a}', 'a: *b', '? [a]\n: b', '1: 2', '%', '---',
    '...', '\t', 'a: ' + '[' * 2000, 'a: ' + '{a: ' * 90 + '1' + '}' * 90, '- ' * 400,
    'name: twice', 'name: "\\uD800"', 'rate_hz: 0x' + 'f' * 5000, 'rate_hz: ' + '9' * 5000,
    'a: !!set {b}', 'a: !!omap [b: c]', 'a: !!str {=: b}', 'rate_hz: 1:2:3',
    'rate_hz: 1_0', 'a: |2', '\ufeff')
_GARBAGE = (b'\xff', b'\x00', b'\xc3', b'\xed\xa0\x80', b'\x7fELF', b'\r', b'\t', b'&a ', b'*a ',
            b'"', b"'", b'{', b'[', b': ', b'#', b'!', b'\xe2\x80\xa8', b'\xef\xbb\xbf')


@st.composite
def contract_files(draw):
    """Draw the bytes of a contract file with one to three faults."""
    content = copy.deepcopy(draw(st.sampled_from(_CONTENTS)))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3)))):
        content = _changed(draw, content)
    text = yaml.dump(content, Dumper=_DUMPER, sort_keys=False, width=draw(
        st.sampled_from((20, 80, 10_000)))).encode()
    return draw(st.sampled_from((*9 * (_whole,), _with_line, _with_garbage, _cut)))(
        draw, text)


def bomb(width=9, depth=7):
    """Return a YAML list in which `width ** depth` texts hang together by a few aliases."""
    return _chain('[lol]', lambda alias: f'[{", ".join(width * [alias])}]', depth)


def merge_bomb(width=9, depth=7):
    """Return a YAML list of mappings, each of which merges the one before `width` times."""
    return _chain('{a: b}', lambda alias: f'{{<<: [{", ".join(width * [alias])}]}}', depth)


def _chain(first, of_alias, depth):
    links = [f'&a0 {first}', *(f'&a{i} {of_alias(f"*a{i - 1}")}' for i in range(1, depth + 1))]
    return f'[{", ".join(links)}]'


def _changed(draw, content):
    places = list(_places(content))
    if not places:
        return draw(st.sampled_from(_VALUES))
    parent, key = places[draw(st.integers(0, len(places) - 1))]
    change = draw(st.sampled_from(
        (*6 * (_tune,), _remove, _rename, _repeat, _replace, _swap, _nest, _loop)))
    change(draw, parent, key, places)
    return content


def _places(part):
    """Give (parent, key or index) of all that is in a tree; a loop is followed once."""
    seen, todo = set(), [part]
    while todo:
        parent = todo.pop()
        if not isinstance(parent, dict | list) or id(parent) in seen:
            continue
        seen.add(id(parent))
        for key in parent if isinstance(parent, dict) else range(len(parent)):
            yield parent, key
            todo.append(parent[key])


def _remove(draw, parent, key, places):
    del parent[key]


def _rename(draw, parent, key, places):
    if isinstance(parent, dict):
        parent[draw(st.sampled_from((f'{key}s', 'unit', '', 'x' * 3000, 1, None)))] = parent.pop(
            key)


def _repeat(draw, parent, key, places):
    """Give an entry twice, by an alias or as a copy."""
    twin = draw(st.sampled_from((copy.deepcopy, lambda part: part)))(parent[key])
    if isinstance(parent, list):
        parent.append(twin)
    else:
        parent[f'{key}_'] = twin


def _replace(draw, parent, key, places):
    parent[key] = copy.deepcopy(draw(st.sampled_from(_VALUES)))


def _tune(draw, parent, key, places):
    """Put a value of the right type but of the wrong kind."""
    usable = [(parent, key) for parent, key in places
              if key in _OF_KEY or isinstance(parent[key], int | float)]
    if usable:
        parent, key = draw(st.sampled_from(usable))
        parent[key] = copy.deepcopy(draw(st.sampled_from(_OF_KEY.get(key, NUMBERS))))


def _swap(draw, parent, key, places):
    other, its = places[draw(st.integers(0, len(places) - 1))]
    parent[key], other[its] = other[its], parent[key]


def _nest(draw, parent, key, places):
    for _ in range(draw(st.sampled_from((1, 2, 60)))):
        parent[key] = draw(st.sampled_from(([parent[key]], {'key': parent[key]})))


def _loop(draw, parent, key, places):
    parent[key] = parent


def _whole(draw, text):
    return text


def _with_line(draw, text):
    line = draw(st.sampled_from(_LINES)).encode() + b'\n'
    ends = [match.end() for match in re.finditer(b'\n', text)]
    place = draw(st.sampled_from((0, len(text), *ends)))
    indent = draw(st.sampled_from((b'', b'  ', b'  - ')))
    return text[:place] + indent + line + text[place:]


def _with_garbage(draw, text):
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(_GARBAGE)) + text[place:]


def _cut(draw, text):
    first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return draw(st.sampled_from((text[:first], text[last:], text[:first] + text[last:])))
