"""How well the control loop keeps up: ticks, skips, limits and planning times."""

from collections import deque
from collections.abc import Iterable

from lps_ros.control.pilot import Decision
from lps_ros.control.planning import PlanResult
import numpy as np

# Times kept for the percentiles: at 20 Hz and 5 ticks a chunk the last four minutes.
_KEPT = 1000


class Cadence:
    """Counts since the last `reset` what was decided at the ticks and how long it took."""

    def __init__(self, *, period_s: float) -> None:
        self._period_s = period_s
        self.reset()

    def reset(self) -> None:
        """Begin to count from zero."""
        self._counts = dict.fromkeys(
            ('ticks', 'acted', 'skipped', 'limited', 'chunks', 'starved'), 0)
        self._plan: PlanResult | None = None
        self._plan_s: deque[float] = deque(maxlen=_KEPT)
        self._tick_s: deque[float] = deque(maxlen=_KEPT)
        self._complaints: dict[str, str] = {}

    def record(self, decision: Decision, *, skipped: int, tick_s: float) -> None:
        """Count one served tick, the ticks skipped before it, and the time it took."""
        planned = decision.plan is not None and decision.plan is not self._plan
        starved = any(reason.subject == 'inference' and reason.disarms
                      for reason in decision.reasons)
        for name, amount in (
                ('ticks', 1), ('acted', decision.acting), ('skipped', skipped),
                ('limited', bool(decision.notes)), ('chunks', planned), ('starved', starved)):
            self._counts[name] += int(amount)
        self._tick_s.append(tick_s)
        if planned:
            self._plan = decision.plan
            self._plan_s.append(decision.plan.plan_s)
            if decision.plan.plan_s > self._period_s:
                self._complaints['plan'] = (
                    f'planning took {decision.plan.plan_s * 1e3:.1f} ms, the control period is '
                    f'{self._period_s * 1e3:.1f} ms')
        if skipped:
            self._complaints['skipped'] = f'{skipped} control ticks were skipped'
        if decision.notes:
            self._complaints['limited'] = '; '.join(decision.notes)

    def take_complaints(self) -> list[str]:
        """Return what was wrong since the last call, one line a kind."""
        complaints, self._complaints = self._complaints, {}
        return list(complaints.values())

    def figures(self) -> dict[str, str]:
        """Return counts and times in ms as text."""
        return {
            **{name: str(count) for name, count in self._counts.items()},
            **_percentiles('plan_ms', self._plan_s), **_percentiles('tick_ms', self._tick_s)}


def _percentiles(name: str, times_s: Iterable[float]) -> dict[str, str]:
    times_ms = 1e3 * np.array(list(times_s))
    if not len(times_ms):
        return {}
    return {f'{name}_p{q}': f'{np.percentile(times_ms, q):.2f}' for q in (50, 99)}
