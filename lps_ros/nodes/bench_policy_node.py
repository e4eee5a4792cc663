"""The policy node of `lps bench control`: it notes when it served each tick."""

from collections.abc import Sequence
import struct
import sys
from typing import BinaryIO

from lps_ros.control.pilot import Decision
from lps_ros.nodes.bench_signals import load_signalling
from lps_ros.nodes.policy_control import PolicyControl
from lps_ros.nodes.policy_node import PolicyNode
from lps_ros.nodes.process import run_node

# Tick, when it began to be served after its time in ns, ticks skipped before it, whether the
# policy acted, and by how many ticks the action was another's than its chunk was planned for.
_TICK = struct.Struct('<5q')


class _NotingControl(PolicyControl):
    """Notes one row a tick, in a file: kept in memory they would pass for a leak."""

    rows: BinaryIO
    _row = (0, 0, 0, 0, 0)

    def _on_tick(self, tick: int, time_ns: int, skipped: int) -> None:
        self._row = [tick, self._now_ns() - time_ns, skipped, 0, 0]
        super()._on_tick(tick, time_ns, skipped)
        self.rows.write(_TICK.pack(*self._row))

    def _carry_out(self, decision: Decision) -> None:
        super()._carry_out(decision)
        if decision.acting:
            self._row[3] = 1
            self._row[4] = self._row[0] - decision.plan.tick - decision.step.index


class BenchPolicyNode(PolicyNode):
    """The policy node as it is, beside whose log `ticks_file` grows by one row a tick."""

    control_type = _NotingControl

    def __init__(self) -> None:
        super().__init__(load=load_signalling)
        self.control_type.rows = open(self.declare_parameter('ticks_file', '').value, 'wb')

    def stop(self) -> None:
        """Close the file once nothing is measured any more."""
        super().stop()
        self.control_type.rows.close()


def main(args: Sequence[str] | None = None) -> int:
    """Run the policy node of the benchmark."""
    return run_node(BenchPolicyNode, args)


if __name__ == '__main__':
    sys.exit(main())
