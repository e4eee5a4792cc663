"""Where the positions that an action commands are observed."""

from contract_texts import edited
from contract_texts import REMOVE
from lps_ros.contract import observed_place
from lps_ros.contract import parse_contract
import pytest

_OTHER = {'key': 'other', 'topic': 'other', 'type': 'sensor_msgs/msg/JointState',
          'fields': ['velocity', 'position'], 'names': ['a', 'c', 'b'], 'max_age_s': 0.1}
_START = {'observation': 'other', 'names': ['c', 'a'], 'within': [1, 1]}


def _place(*edits, key='arm'):
    contract = parse_contract(edited(*edits))
    place = observed_place(contract, contract.action(key))
    return None if place is None else (place.observation, place.columns)


def test_the_only_joints_with_all_names_tell_where_an_arm_is():
    assert _place() == ('joints', (0, 1))
    assert _place(('actions/2/names', ['a', 'b'])) == ('joints', (1, 0))


@pytest.mark.parametrize('edit', [
    ('actions/2/names', ['a', 'c']),  # one is not observed
    ('observations/0/fields', ['velocity']), ('observations/0/required', False),
    ('observations/4', _OTHER)])  # two could be meant
def test_else_nothing_does(edit):
    assert _place(edit, *[('derived', REMOVE)]) is None


def test_what_an_action_is_relative_to_and_a_start_say_more():
    both = (('observations/4', _OTHER), ('derived', REMOVE))
    assert _place(*both, ('actions/2/relative_to', 'other')) == ('other', (5, 3))
    assert _place(*both, ('actions/2/relative_to', 'joints'),
                  ('actions/2/limits', {'start': _START})) == ('other', (4, 3))


def test_of_other_channels_only_a_start_tells():
    tool = {'start': {'observation': 'tool', 'within': [1, 1, 1, 1]}}
    assert _place(key='pose') is None
    assert _place(('actions/3/limits', tool), key='pose') == ('tool', tuple(range(7)))
    touch = {'start': {'observation': 'touch', 'names': ['right'], 'within': [1]}}
    assert _place(('actions/1/names', ['a']), key='gripper') is None
    assert _place(('actions/1/limits', touch), key='gripper') == ('touch', (1,))


@pytest.mark.parametrize(('fields', 'place'), [
    (['position'], ('joints', (1,))), (['velocity'], None), (['velocity', 'effort'], None)])
def test_of_joint_states_positions_alone_are_places(fields, place):
    width = {'low': [-1] * len(fields), 'high': [1] * len(fields)}
    assert _place(('actions/4/fields', fields), ('actions/4/names', ['a']),
                  ('actions/4/scale', width), ('actions/4/stop', 'hold'), key='servo') == place
