"""What a person should be told of the control loop, though the robot goes on."""

from lps_ros.control.pilot import Decision
from lps_ros.control.planning import PlanResult


class Complaints:
    """Keeps the newest complaint of each kind until it is taken."""

    def __init__(self, *, period_s: float) -> None:
        self._period_s = period_s
        self._plan: PlanResult | None = None
        self._lines: dict[str, str] = {}

    def record(self, decision: Decision, *, skipped: int) -> None:
        """Take a served tick and the ticks skipped before it."""
        if decision.plan is not self._plan:
            self._plan = decision.plan
            if decision.plan is not None and decision.plan.plan_s > self._period_s:
                self._lines['plan'] = (
                    f'planning took {decision.plan.plan_s * 1e3:.1f} ms, the control period is '
                    f'{self._period_s * 1e3:.1f} ms')
        if skipped:
            self._lines['skipped'] = f'{skipped} control ticks were skipped'
        if decision.notes:
            self._lines['limited'] = '; '.join(decision.notes)

    def tell(self, kind: str, line: str) -> None:
        """Take a complaint that does not come of a tick."""
        self._lines[kind] = line

    def take(self) -> list[str]:
        """Return what was wrong since the last call, one line a kind."""
        lines, self._lines = self._lines, {}
        return list(lines.values())
