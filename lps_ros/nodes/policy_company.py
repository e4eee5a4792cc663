"""Which other nodes are about: those that command too, and those that listen."""

from lps_ros.contract import Contract
from lps_ros.contract.topics import teleop_topic
from rclpy.lifecycle import LifecycleNode

# What the middleware calls a node whose topics it has heard of, but not its name.
_UNKNOWN_NAME = '_NODE_NAME_UNKNOWN_'


def company(node: LifecycleNode, contract: Contract | None) -> str:
    """
    Return which other node keeps this one from commanding, in one line, or nothing.

    contract: None where it does not command itself.
    """
    return namesakes(node) or ('' if contract is None else foreign_publishers(node, contract))


def nobody_listens(topics: list[str]) -> str:
    """Return what to do about topics without a subscriber, in one line, or nothing."""
    return (f'nobody listens to {", ".join(topics)}; start the controller, or compare topic and '
            'namespace with it' if topics else '')


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
