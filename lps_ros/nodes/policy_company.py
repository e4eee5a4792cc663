"""Which other nodes are about: those that command too, and those that listen."""

import time

from lps_ros.contract import Contract
from lps_ros.contract.topics import teleop_topic
from lps_ros.control.gates import Reason
from lps_ros.nodes.policy_outputs import PolicyOutputs
from rclpy.lifecycle import LifecycleNode

_GRAPH_INTERVAL_S = 0.5

# What the middleware calls a node whose topics it has heard of, but not its name.
_UNKNOWN_NAME = '_NODE_NAME_UNKNOWN_'


class PolicyCompany:
    """
    Watches who else commands the robot, and who listens to the commands.

    contract: None for a shadow, which commands nothing.
    """

    def __init__(
            self, node: LifecycleNode, outputs: PolicyOutputs,
            contract: Contract | None) -> None:
        self._node = node
        self._outputs = outputs
        self._contract = contract
        self._graph_due_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Take who listens now."""
        self._without_listener = self._outputs.unheard()

    def others(self) -> str:
        """Return which other node keeps this one from commanding, in one line, or nothing."""
        return namesakes(self._node) or (
            '' if self._contract is None else foreign_publishers(self._node, self._contract))

    def unheard(self) -> str:
        """Return which command topics nobody listens to, in one line, or nothing."""
        topics = self._outputs.unheard()
        return (f'nobody listens to {", ".join(topics)}; start the controller, or compare topic '
                'and namespace with it' if topics else '')

    def intruder(self) -> Reason | None:
        """Return, twice a second, why to disarm on account of another node."""
        if time.monotonic() < self._graph_due_s:
            return None
        self._graph_due_s = time.monotonic() + _GRAPH_INTERVAL_S
        others = self.others()
        return Reason(subject='command', text=others, disarms=True) if others else None

    def change_of_listeners(self) -> Reason | None:
        """
        Return why to stop now that others listen than at the last call.

        Where a controller has gone, a person has to see to it; one that has come is led in like
        the others.
        """
        before, now = self._without_listener, self._outputs.unheard()
        self._without_listener = now
        if gone := sorted({*now} - {*before}):
            return Reason(subject='command', disarms=True, text=(
                f'nobody listens to {", ".join(gone)} any more; see to the controller'))
        if come := sorted({*before} - {*now}):
            return Reason(subject='command', text=(
                f'{", ".join(come)} has found a listener; the motion begins anew'))
        return None


def namesakes(node: LifecycleNode) -> str:
    """Return that another node has this one's name, in one line, or nothing."""
    own = (node.get_name(), node.get_namespace())
    if node.get_node_names_and_namespaces().count(own) < 2:
        return ''
    name = node.get_fully_qualified_name()
    return (f'another node is called {name} too, so that what arms the one arms the other; end it '
            'or start one of them by another name: --ros-args -r __node:=shadow')


def foreign_publishers(node: LifecycleNode, contract: Contract) -> str:
    """Return who else publishes on the command topics, in one line, or nothing."""
    own = (node.get_namespace(), node.get_name())
    for action in contract.actions:
        topic = node.resolve_topic_name(action.topic)
        others = [(info.node_namespace, info.node_name)
                  for info in node.get_publishers_info_by_topic(topic)]
        if own in others:
            others.remove(own)
        if others:
            names = ', '.join(
                'a node whose name is not known yet' if name == _UNKNOWN_NAME
                else f'{space.rstrip("/")}/{name}' for space, name in sorted(others))
            return (f'{names} also publishes on the command topic {topic}; end it, or let it '
                    f'publish on {teleop_topic(action.topic)}')
    return ''
