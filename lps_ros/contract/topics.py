"""Names of topics: which are one, and what else belongs to a command's."""


def plain_topic(topic: str) -> str:
    """Return a topic as it is compared: `x` and `/x` are one in a node without namespace."""
    return topic.lstrip('/')


def teleop_topic(topic: str) -> str:
    """Return the topic on which a person commands, through the node, what is sent on `topic`."""
    return f'teleop/{plain_topic(topic)}'


def shadow_topic(topic: str) -> str:
    """Return the topic on which a command is shown that the robot is not to follow."""
    return f'shadow/{plain_topic(topic)}'
