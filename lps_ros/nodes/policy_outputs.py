"""The policy node's publishers: commands and whole chunks."""

from collections.abc import Sequence

from lps_ros.contract import Contract
from lps_ros.contract import OutgoingMessage
from lps_ros.contract.message_types import MULTI_DOF_TRAJECTORY
from lps_ros.contract.message_types import POSE
from lps_ros.contract.message_types import TRAJECTORY
from lps_ros.contract.message_types import TWIST
from lps_ros.contract.topics import shadow_topic
from lps_ros.nodes.acknowledgement import acknowledged
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.ros_messages import message_class
from lps_ros.nodes.ros_messages import to_ros
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher


class PolicyOutputs:
    """
    Publishes the actions of a contract, and each chunk on `~/chunk/<key>`.

    shadow: on `shadow/<topic>` instead of the robot's topics.
    """

    def __init__(self, node: LifecycleNode, contract: Contract, *, shadow: bool) -> None:
        self._node = node
        self._commands = {
            action.topic: self._publisher(
                action.type, shadow_topic(action.topic) if shadow else action.topic)
            for action in contract.actions}
        self._chunks = {
            action.key: self._publisher(
                MULTI_DOF_TRAJECTORY if action.type in (TWIST, POSE) else TRAJECTORY,
                f'~/chunk/{action.key}')
            for action in contract.actions}

    def send(
            self, messages: Sequence[OutgoingMessage], chunks: Sequence[OutgoingMessage] = ()
    ) -> None:
        """Publish commands, then chunks; every message is made before the first leaves."""
        ready = [(self._commands[message.topic], to_ros(message)) for message in messages]
        ready += [(self._chunks[message.key], to_ros(message)) for message in chunks]
        for publisher, message in ready:
            publisher.publish(message)

    def shows_chunks(self) -> bool:
        """Tell whether anybody listens to the chunks."""
        return any(publisher.get_subscription_count() for publisher in self._chunks.values())

    def unheard(self) -> list[str]:
        """Return the command topics without a subscriber."""
        return [publisher.topic_name for publisher in self._commands.values()
                if not publisher.get_subscription_count()]

    def received(self) -> bool:
        """Tell whether every reliable subscriber has the last commands."""
        return acknowledged(self._commands.values())

    def confirm(self, longest_s: float) -> None:
        """Wait until the subscribers have the last commands."""
        acknowledged(self._commands.values(), longest_s)

    def close(self) -> None:
        """Take the publishers down."""
        for publisher in (*self._commands.values(), *self._chunks.values()):
            self._node.destroy_publisher(publisher)
        self._commands, self._chunks = {}, {}

    def _publisher(self, type_name: str, topic: str) -> Publisher:
        return self._node.create_publisher(message_class(type_name), topic, COMMAND)
