"""When a message was received, on the node's clock, whatever this process was doing then."""

from bisect import bisect_right
from collections.abc import Callable
import heapq
import time
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from rosgraph_msgs.msg import Clock

Deliver = Callable[[int], None]
# A reading that is missing would give what was sent after it too early a time.
_EVERY_READING = QoSProfile(depth=10_000)
_BEST_EFFORT = QoSProfile(depth=10_000, reliability=ReliabilityPolicy.BEST_EFFORT)
_GRAPH_INTERVAL_S = 0.5
# Readings that are kept: at two a tick, far longer than any message is under way.
_KEPT_READINGS = 2000
_LOOK_S = 0.01
# Messages that wait for the clock's next reading; when more come, it stands still.
_MOST_HELD = 10_000


class ReceiveClock:
    """
    Gives every message its time of receipt, in nanoseconds of the node's clock.

    On a robot that is the middleware's own receipt stamp, so a busy executor adds no delay.
    With simulated time several publishers and the clock reach this process in any order, so a
    message gets the reading that was in force when it was sent: messages and clock readings are
    ordered by the stamps that the middleware gave them at the source, on one host. A message is
    held until a later reading proves that no earlier one is still under way.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._simulated = node.get_parameter('use_sim_time').value
        self._sent_ns: list[int] = []
        self._reading_ns: list[int] = []
        self._held: list[tuple[int, int, Deliver]] = []
        self._count = 0
        self._subscriptions: list[Subscription] = []
        self._look_due_s = 0.0
        if self._simulated:
            self._subscribe(_EVERY_READING)

    @property
    def running(self) -> bool:
        """Whether the time is known: with simulated time, once /clock has been read."""
        return not self._simulated or bool(self._sent_ns)

    def wait_until_running(self, longest_s: float) -> bool:
        """Wait at most so long for a first reading of /clock; return whether there is one."""
        deadline_s = time.monotonic() + longest_s
        while not self.running and time.monotonic() < deadline_s:
            self._look_for_best_effort()
            self._hear()
            time.sleep(_LOOK_S)
        return self.running

    def message(self, info: dict[str, Any], deliver: Deliver) -> None:
        """Call `deliver(received_ns)` for a message, given its MessageInfo."""
        if self._simulated:
            self._hold(info['source_timestamp'], deliver)
        else:
            deliver(info['received_timestamp'] or self._node.get_clock().now().nanoseconds)

    def event(self, deliver: Deliver) -> None:
        """Call `deliver(time_ns)` for something that happens in this process now."""
        if self._simulated:
            self._hold(time.time_ns(), deliver)
        else:
            deliver(self._node.get_clock().now().nanoseconds)

    def reading_ns(self, received_ns: int) -> int:
        """
        Return the reading of the clock by which to judge whether it has jumped back.

        A message's own time would not do: a busy executor takes it long after its receipt. With
        simulated time messages are delivered in order, at their reading.
        """
        return received_ns if self._simulated else max(
            received_ns, self._node.get_clock().now().nanoseconds)

    def flush(self) -> None:
        """Deliver all that is held, by the readings that have arrived so far."""
        self._look_for_best_effort()
        self._hear()
        self._release(before_ns=None)

    def _subscribe(self, profile: QoSProfile) -> None:
        self._subscriptions.append(self._node.create_subscription(
            Clock, '/clock', self._on_clock, profile,
            # What does not fit the one fits the other, so that nobody need be warned.
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False)))

    def _look_for_best_effort(self) -> None:
        """
        Hear a clock that is sent best effort, too, once there is one.

        Simulators and rosbag2 do so. Of a reliable one, no reading is to be missed.
        """
        if len(self._subscriptions) != 1 or time.monotonic() < self._look_due_s:
            return
        self._look_due_s = time.monotonic() + _GRAPH_INTERVAL_S
        if any(info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
               for info in self._node.get_publishers_info_by_topic('/clock')):
            self._subscribe(_BEST_EFFORT)

    def _hear(self) -> None:
        for subscription in self._subscriptions:
            drain(subscription, self._keep_reading)

    def _hold(self, sent_ns: int, deliver: Deliver) -> None:
        self._count += 1
        heapq.heappush(self._held, (sent_ns, self._count, deliver))
        if self._sent_ns:
            stands_still = len(self._held) > _MOST_HELD
            self._release(before_ns=None if stands_still else self._sent_ns[-1])
        elif len(self._held) > _MOST_HELD:
            heapq.heappop(self._held)

    def _on_clock(self, clock: Clock, info: dict[str, Any]) -> None:
        self._keep_reading(clock, info)
        # The executor takes one message a turn, and the clock has more of them than others.
        self._hear()
        self._release(before_ns=self._sent_ns[-1])

    def _keep_reading(self, clock: Clock, info: dict[str, Any]) -> None:
        sent_ns = info['source_timestamp']
        if self._sent_ns and sent_ns <= self._sent_ns[-1]:
            return
        self._sent_ns.append(sent_ns)
        self._reading_ns.append(clock.clock.sec * 1_000_000_000 + clock.clock.nanosec)
        if len(self._sent_ns) > 2 * _KEPT_READINGS:
            del self._sent_ns[:_KEPT_READINGS]
            del self._reading_ns[:_KEPT_READINGS]

    def _release(self, before_ns: int | None) -> None:
        while self._held and (before_ns is None or self._held[0][0] < before_ns):
            sent_ns, _, deliver = heapq.heappop(self._held)
            # A message from before the first reading counts as received with that reading.
            row = max(0, bisect_right(self._sent_ns, sent_ns) - 1)
            deliver(self._reading_ns[row] if self._reading_ns else 0)


def drain(subscription: Subscription, callback: Callable[[Any, dict[str, Any]], None]) -> None:
    """Call `callback(message, info)` for every message that waits in a subscription's queue."""
    with subscription.handle:
        while taken := subscription.handle.take_message(
                subscription.msg_type, subscription.raw):
            callback(*taken)
