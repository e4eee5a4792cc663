"""The e-stop: what is published on its topic, however it is published and by how many."""

from collections.abc import Callable
import time
from typing import Any

from lps_ros.nodes.receive_clock import drain
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from std_msgs.msg import Bool

# What others repeat must not push a press out while the node is busy.
_DEPTH = 1000
# Each fits publishers that the one before does not fit, or loses less of what they send.
_PROFILES = (
    QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT),
    QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.RELIABLE),
    QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.RELIABLE,
               durability=DurabilityPolicy.TRANSIENT_LOCAL))
# Messages that are known when they arrive once more, by another subscription.
_KNOWN = 1000
_COMPLAIN_S = 10.0
# Participants announce themselves every 3 s: so long it takes where the first word was lost.
_DISCOVERY_S = 5.0
_LOOK_S = 0.01
_GRAPH_INTERVAL_S = 0.5


class EStop:
    """
    Keeps the state of the e-stop from the node's first to its last moment.

    Heard are best-effort, reliable and latched publishers, the last word of the latter too. A
    press counts once and whoever it is from. rclpy does not tell from which publisher a message
    is, so a release counts only where at most one is left on the topic, and not where it was
    sent before the press: it is from the one that pressed, or that one has gone.
    """

    def __init__(self, node: LifecycleNode, topic: str, changed: Callable[[bool], None]) -> None:
        """Take what is told of each press, and of the release after it."""
        self.topic = node.resolve_topic_name(topic)
        self._node = node
        self._changed = changed
        self._pressed_ns: int | None = None  # when the newest press in force was sent
        # Of presses and of releases: repeated releases must not push a press out.
        self._known: dict[bool, dict[tuple[int, int | None], None]] = {True: {}, False: {}}
        self._count, self._look_due_s = 0, 0.0
        self._discovered_s = time.monotonic() + _DISCOVERY_S
        self._subscriptions = [
            node.create_subscription(
                Bool, topic, self._on_message, profile,
                # What does not fit the one fits another, so that nobody need be warned.
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False))
            for profile in _PROFILES]

    @property
    def pressed(self) -> bool:
        """Whether it is pressed, as far as has been heard."""
        return self._pressed_ns is not None

    def listen(self) -> None:
        """Hear what has arrived but was not yet this process's turn to handle."""
        for subscription in self._subscriptions:
            drain(subscription, self._on_message)

    def wait_for_discovery(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Listen, and call `meanwhile`, until publishers from before the start are discovered."""
        while time.monotonic() < self._discovered_s:
            self.listen()
            meanwhile()
            time.sleep(_LOOK_S)

    def doubt(self) -> str:
        """Return what is wrong with who publishes, in one line, or nothing."""
        count = self._publishers()
        if count == 1:
            return ''
        if count == 0:
            return (f'nobody publishes on the e-stop topic {self.topic}; compare e_stop_topic and '
                    'the namespace with what should')
        return (f'{count} publish on the e-stop topic {self.topic} and cannot be told apart, so '
                'a press holds until one of them is left and releases it; let one node join them')

    def gone(self) -> str:
        """Return that there was a publisher when last looked, and is none now, or nothing."""
        if time.monotonic() < self._look_due_s:
            return ''
        before = self._count
        return (f'nobody publishes on the e-stop topic {self.topic} any more; see to the e-stop'
                if not self._publishers() and before else '')

    def _publishers(self) -> int:
        self._look_due_s = time.monotonic() + _GRAPH_INTERVAL_S
        self._count = self._node.count_publishers(self.topic)
        return self._count

    def _on_message(self, message: Bool, info: dict[str, Any]) -> None:
        sent_ns = info['source_timestamp']
        news = _is_news(
            self._known[message.data], sent_ns, info.get('publication_sequence_number'))
        if message.data and news:
            self._pressed_ns = max(sent_ns, self._pressed_ns or 0)
            self._changed(True)
        elif not message.data and self.pressed:
            self._release(sent_ns, news)

    def _release(self, sent_ns: int, news: bool) -> None:
        if sent_ns < self._pressed_ns:
            if news:
                self._node.get_logger().warning(
                    'a release of the e-stop does not count: it was sent '
                    f'{(self._pressed_ns - sent_ns) * 1e-9:.3g} s before the press; compare the '
                    'clocks of the computers that publish it',
                    throttle_duration_sec=_COMPLAIN_S)
            return
        if self._node.count_publishers(self.topic) > 1:
            self._node.get_logger().warning(
                f'a release of the e-stop does not count: {self.doubt()}',
                throttle_duration_sec=_COMPLAIN_S)
            return
        self._pressed_ns = None
        self._changed(False)


def _is_news(known: dict[tuple[int, int | None], None], sent_ns: int, number: int | None) -> bool:
    """Tell whether a message is none of those that are known, to which it is added."""
    # A middleware that does not stamp gives 0 to all.
    if sent_ns and (sent_ns, number) in known:
        return False
    known[sent_ns, number] = None
    if len(known) > _KNOWN:
        del known[next(iter(known))]
    return True
