"""The policy node's subscriptions: messages in, judged rows out."""

from copy import copy
from functools import partial
from typing import Any

from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.control.gates import ObservationGate
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.receive_clock import drain
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.ros_messages import message_class
from lps_ros.nodes.ros_messages import stamp_ns
from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription


class PolicyInputs:
    """Subscribes to the observations of a contract and feeds an ObservationGate."""

    def __init__(
            self, node: LifecycleNode, contract: Contract, gate: ObservationGate,
            receive_clock: ReceiveClock) -> None:
        self.count = 0  # messages that fit their stream, as far as is known on receipt
        self._node = node
        self._gate = gate
        self._period_ns = contract.clock.period_ns
        self._receive_clock = receive_clock
        by_topic: dict[str, list[Observation]] = {}
        for spec in contract.observations:
            by_topic.setdefault(spec.topic, []).append(spec)
        self._subscriptions: list[Subscription] = []
        for topic, specs in by_topic.items():
            # rclpy writes overrides into the profile it is given.
            self._subscriptions.append(node.create_subscription(
                message_class(specs[0].type), topic, partial(self._receive, specs), copy(SENSOR),
                qos_overriding_options=QoSOverridingOptions.with_default_policies()))

    def collect(self) -> None:
        """Take what has arrived but was not yet this process's turn to handle."""
        for subscription in self._subscriptions:
            drain(subscription, subscription.callback)
        self._receive_clock.flush()

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _receive(self, specs: list[Observation], message: Any, info: dict[str, Any]) -> None:
        for spec in specs:
            row = partial(extract, spec, message)
            # A camera sends more frames than ticks see; the gate decodes those that one sees.
            if spec.image is None:
                try:
                    row = row()
                except MessageError as error:
                    self._gate.reject(spec.key, str(error))
                    continue
            self._receive_clock.message(
                info, partial(self._accept, spec.key, row, stamp_ns(message)))

    def _accept(self, key: str, row: Any, stamp: int | None, received_ns: int) -> None:
        self.count += 1
        if (stamp is not None and stamp <= received_ns < stamp + self._period_ns
                and self._node.get_parameter('lock_step').value):
            # A simulator that waits repeats what may have been lost; it belongs to its tick.
            received_ns = stamp
        self._gate.accept(key, row, stamp_ns=stamp, received_ns=received_ns)
