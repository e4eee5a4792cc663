"""Who else publishes on the command topics."""

from types import SimpleNamespace

from lps_ros.contract import load_contract
from lps_ros.nodes.policy_people import foreign_publishers
from policy_harness import CONTRACT
import pytest

_OWN = ('/', 'policy')


class _Node:
    """Knows of these publishers of twists, and of its own."""

    def __init__(self, *others):
        self._publishers = {'/servo_node/delta_twist_cmds': [*others, _OWN]}

    def get_namespace(self):
        return _OWN[0]

    def get_name(self):
        return _OWN[1]

    def resolve_topic_name(self, topic):
        return f'/{topic}'

    def get_publishers_info_by_topic(self, topic):
        return [SimpleNamespace(node_namespace=space, node_name=name)
                for space, name in self._publishers.get(topic, [_OWN])]


@pytest.mark.parametrize(('others', 'expected'), [
    ([('/', 'joystick')], '/joystick'), ([_OWN], '/policy'),
    ([('/b', 'two'), ('/', 'one')], '/one, /b/two'),
    ([('_NODE_NAMESPACE_UNKNOWN_', '_NODE_NAME_UNKNOWN_')],
     'a node whose name is not known yet')])
def test_others_are_named(others, expected):
    assert foreign_publishers(_Node(*others), load_contract(CONTRACT)) == (
        f'{expected} also publishes on the command topic /servo_node/delta_twist_cmds; end it, or '
        'let it publish on teleop/servo_node/delta_twist_cmds')


def test_alone_it_says_nothing():
    assert foreign_publishers(_Node(), load_contract(CONTRACT)) == ''
