"""What the policy node tells of itself: `/diagnostics` and the latched `~/status`."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
import json
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
from lps_ros.control.gates import Reason
from lps_ros.nodes.qos import LATCHED
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import String

_INTERVAL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The condition of the node; equal conditions are told once."""

    state: str  # lifecycle state
    bundle: str
    contract: str  # name and data hash, empty while unconfigured
    mode: str
    candidates: int
    strength: float
    replan_every: int
    join: str
    join_steps: int
    join_weight: float
    seed: int
    source: str = 'none'  # who commands
    armed: bool = False
    shadow: bool = False
    reload: str = ''  # how far the last reload is
    failure: str = ''  # why the last transition failed

    @property
    def acting(self) -> bool:
        """Whether the policy commands."""
        return self.source == 'policy'


class PolicyReport:
    """Publishes the condition on change and, on `/diagnostics`, once a second."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._status = node.create_publisher(String, '~/status', LATCHED)
        self._last: tuple[Condition, tuple[str, ...]] | None = None
        self._due_s = 0.0

    def update(
            self, condition: Condition, reasons: tuple[Reason, ...] = (),
            figures: Callable[[], Mapping[str, str]] = dict,
            complaints: Callable[[], Sequence[str]] = list) -> None:
        """
        Publish what has changed or is due.

        reasons: why an active node does not act; figures and complaints: for `/diagnostics`.
        """
        key = (condition, tuple(reason.kind for reason in reasons))
        changed, self._last = key != self._last, key
        if changed:
            reason = condition.failure or '; '.join(map(str, reasons))
            self._status.publish(String(data=json.dumps(
                {**asdict(condition), 'acting': condition.acting, 'reason': reason})))
        if changed or time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _INTERVAL_S
            self._publish_diagnostics(condition, reasons, figures(), complaints())

    def _publish_diagnostics(
            self, condition: Condition, reasons: tuple[Reason, ...],
            figures: Mapping[str, str], complaints: Sequence[str]) -> None:
        level, message = _judge(condition, reasons, complaints)
        values = {**asdict(condition), 'acting': condition.acting, **figures}
        status = DiagnosticStatus(
            level=level, message=message, hardware_id=condition.contract,
            name=f'{self._node.get_fully_qualified_name().lstrip("/")}: control',
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()])
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _judge(
        condition: Condition, reasons: tuple[Reason, ...], complaints: Sequence[str]
) -> tuple[bytes, str]:
    if condition.failure:
        return DiagnosticStatus.ERROR, condition.failure
    if reasons:
        stale = all(reason.stale for reason in reasons)
        return (DiagnosticStatus.STALE if stale else DiagnosticStatus.ERROR,
                '; '.join(['not acting: ' + '; '.join(map(str, reasons)), *complaints]))
    if complaints:
        return DiagnosticStatus.WARN, '; '.join(complaints)
    return DiagnosticStatus.OK, 'acting' if condition.acting else condition.state
