"""What the operator commands while the policy only shows what it would."""

from functools import partial
from typing import Any

from lps_ros.contract import Action
from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.nodes.qos import TELEOPERATION
from lps_ros.nodes.ros_messages import message_class
import numpy as np
from rclpy.lifecycle import LifecycleNode

# An operator who has commanded nothing for so long does not command.
_SILENT_NS = 500_000_000
_COMPLAIN_S = 2.0


class OperatorCommands:
    """Listens on the command topics and compares with what the policy would have sent."""

    def __init__(self, node: LifecycleNode, contract: Contract) -> None:
        self._node = node
        self._codec = ActionCodec(contract)
        self._half_range = 0.5 * (self._codec.high - self._codec.low)
        self._newest: dict[str, tuple[int, np.ndarray]] = {}
        self._keys = [action.key for action in contract.actions]
        self._subscriptions = [
            node.create_subscription(
                message_class(action.type), action.topic, partial(self._on_message, action),
                TELEOPERATION)
            for action in contract.actions]
        self.reset()

    def reset(self) -> None:
        """Forget the errors so far."""
        self.ticks = 0
        self._squares = np.zeros(self._codec.size)

    def compare(self, command: np.ndarray, now_ns: int) -> None:
        """Take a tick's command (A,), physical; counts where the operator commands all actions."""
        newest = [self._newest.get(key) for key in self._keys]
        if any(each is None or now_ns - each[0] > _SILENT_NS for each in newest):
            return
        operator = np.concatenate([values for _, values in newest])
        self._squares += np.square((command - operator) / self._half_range)
        self.ticks += 1

    def figures(self) -> dict[str, str]:
        """Return the rms error against the operator, of half the range, and of how many ticks."""
        if not self.ticks:
            return {'shadow_ticks': '0'}
        rms = np.sqrt(self._squares / self.ticks)
        return {'shadow_ticks': str(self.ticks),
                **{f'shadow_rms {name}': f'{value:.3f}'
                   for name, value in zip(self._codec.names, rms, strict=True)}}

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_message(self, action: Action, message: Any) -> None:
        try:
            values = self._codec.part(action.key, extract(action, message))
        except MessageError as error:
            self._node.get_logger().warning(
                f'{action.topic} ignored: {error}', throttle_duration_sec=_COMPLAIN_S)
            return
        if np.isfinite(values).all():
            self._newest[action.key] = (self._node.get_clock().now().nanoseconds, values)
