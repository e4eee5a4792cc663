"""The policy node's subscriptions: messages in, judged rows out."""

from collections.abc import Callable
from copy import copy
from functools import partial
import time
from typing import Any

from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.control.gates import ObservationGate
from lps_ros.control.stream_loss import StreamLoss
from lps_ros.data import DataError
from lps_ros.data.messages import decode
from lps_ros.data.messages import prepare
from lps_ros.nodes.qos import FAST_SENSOR
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.receive_clock import drain
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.ros_messages import message_class
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

# Serialised messages begin with their byte order, then comes the stamp of the header.
_STAMP_AT, _BODY_AT = 4, 16
# How often, and for how long, events of subscriptions are waited for.
_EVENTS_S, _MOMENT_S = 1.0, 0.005


class PolicyInputs:
    """
    Subscribes to the observations of a contract and feeds an ObservationGate.

    Pictures stay as they came until a plan is to see one: a camera sends more than that. Except in
    lock-step the executor does not turn for every message, which would cost more than all else;
    the caller has them collected.
    """

    def __init__(
            self, node: LifecycleNode, contract: Contract, gate: ObservationGate,
            receive_clock: ReceiveClock, *, lock_step: Callable[[], bool]) -> None:
        """Take whether a simulator waits for the command of a tick, now."""
        self.count = 0  # messages that fit their stream, as far as is known on receipt
        self._node = node
        self._gate = gate
        self._lock_step = lock_step
        self._period_ns = contract.clock.period_ns
        self._receive_clock = receive_clock
        self._group = _Awaited(lock_step)
        self._losses: dict[str, StreamLoss] = {}  # by topic, of cameras
        by_topic: dict[str, list[Observation]] = {}
        for spec in contract.observations:
            by_topic.setdefault(spec.topic, []).append(spec)
        self._subscriptions = [self._subscribe(topic, specs) for topic, specs in by_topic.items()]

    def collect(self, *, pictures: bool = True) -> None:
        """Take what has arrived but was not yet this process's turn to handle."""
        for subscription in self._subscriptions:
            if pictures or not subscription.raw:
                drain(subscription, subscription.callback)
        if pictures:
            self._group.collected()
        self._receive_clock.flush()

    def complaints(self) -> list[str]:
        """Return which cameras lose frames on the way, one line each."""
        return [line for loss in self._losses.values() if (line := loss.complaint())]

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _subscribe(self, topic: str, specs: list[Observation]) -> Subscription:
        pictures = specs[0].image is not None
        if pictures:
            self._losses[topic] = StreamLoss(topic)
            # The first plan, and the tick after it, would wait for it.
            prepare(specs[0].type)
        # rclpy writes overrides into the profile it is given.
        return self._node.create_subscription(
            message_class(specs[0].type), topic,
            partial(self._receive_picture if pictures else self._receive, specs),
            copy(SENSOR if pictures else FAST_SENSOR),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(), raw=pictures,
            callback_group=self._group)

    def _receive(self, specs: list[Observation], message: Any, info: dict[str, Any]) -> None:
        for spec in specs:
            try:
                row = extract(spec, message)
            except MessageError as error:
                self._gate.reject(spec.key, str(error))
                continue
            self._receive_clock.message(
                info, partial(self._accept, spec.key, row, stamp_ns(message), None))

    def _receive_picture(
            self, specs: list[Observation], message: bytes, info: dict[str, Any]) -> None:
        if len(message) < _BODY_AT:
            for spec in specs:
                self._gate.reject(spec.key, f'a message of {len(message)} bytes')
            return
        content = np.frombuffer(
            message, np.uint64, (len(message) - _BODY_AT) // 8, _BODY_AT)
        stamp = _stamp_ns(message)
        received_ns = info['received_timestamp']
        if stamp and received_ns and not self._lock_step():
            self._losses[specs[0].topic].see(stamp, received_ns, len(message))
        for spec in specs:
            self._receive_clock.message(info, partial(
                self._accept, spec.key, partial(_picture, spec, message), stamp,
                content))

    def _accept(
            self, key: str, row: Any, stamp: int | None, content: np.ndarray | None,
            received_ns: int) -> None:
        self.count += 1
        if (stamp is not None and stamp <= received_ns < stamp + self._period_ns
                and self._lock_step()):
            # A simulator that waits repeats what may have been lost; it belongs to its tick.
            received_ns = stamp
        self._gate.accept(key, row, stamp_ns=stamp, received_ns=received_ns, content=content)


class _Awaited(CallbackGroup):
    """
    Subscriptions for whose messages the executor waits under a condition only.

    Their events, such as of a publisher that does not fit, are heard for a moment a second: a
    wait for them ends at once where a message has come that nobody takes.
    """

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self._condition = condition
        self._events_due_s = self._events_until_s = 0.0

    def collected(self) -> None:
        """Take note that no message waits."""
        now_s = time.monotonic()
        if now_s >= self._events_due_s:
            self._events_due_s, self._events_until_s = now_s + _EVENTS_S, now_s + _MOMENT_S

    def can_execute(self, entity: Any) -> bool:
        if isinstance(entity, Subscription):
            return self._condition()
        return time.monotonic() < self._events_until_s or self._condition()

    def beginning_execution(self, entity: Any) -> bool:
        return self.can_execute(entity)

    def ending_execution(self, entity: Any) -> None:
        pass


def _picture(spec: Observation, message: bytes) -> np.ndarray:
    try:
        return extract(spec, decode(spec.type, message))
    except DataError as error:
        raise MessageError(f"observation '{spec.key}': {error}") from error


def _stamp_ns(message: bytes) -> int:
    order = '<' if message[1] & 1 else '>'
    seconds, nanoseconds = (
        np.frombuffer(message, order + kind, 1, at).item()
        for kind, at in (('i4', _STAMP_AT), ('u4', _STAMP_AT + 4)))
    return seconds * 1_000_000_000 + nanoseconds
