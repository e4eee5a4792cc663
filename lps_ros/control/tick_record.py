"""What happened at one control tick, as one line of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import json
import math

from lps_ros.control.authority import Source
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision

# Parts of the work of a tick, each with its time in s.
PARTS = ('collect_s', 'decide_s', 'publish_s')
_LONGEST_TEXT = 300


class RecordError(ValueError):
    """A line that is no tick's record; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class TickRecord:
    """
    Where a tick's command came from, and what the tick cost.

    Times in s unless the name says otherwise, to the microsecond. None where there is none: of a
    chunk when the policy did not command, of a figure that the network does not give.
    """

    tick: int
    time_ns: int  # of the tick, on the control clock
    source: Source = Source.NONE
    shadow: bool = False  # the commands went to the shadow topics, somebody else moved the robot
    chunk: int | None = None
    index: int | None = None  # of the action in its chunk
    plan_s: float | None = None  # time that the plan of the chunk took
    input_age_s: float | None = None  # of the oldest that the chunk was planned from, now
    q: float | None = None
    disagreement: float | None = None
    unfamiliarity: float | None = None
    age_s: Mapping[str, float] = field(default_factory=dict)  # of each stream's newest message
    reasons: tuple[Reason, ...] = ()  # why the policy did not act
    notes: tuple[str, ...] = ()  # which values were limited
    skipped: int = 0  # ticks before this one that were not served
    late_s: float = 0.0  # from the tick's time to the start of its work
    collect_s: float = 0.0
    decide_s: float = 0.0
    publish_s: float = 0.0

    @property
    def work_s(self) -> float:
        """Time that the whole tick took."""
        return self.collect_s + self.decide_s + self.publish_s

    @property
    def starved(self) -> bool:
        """Whether no action was left, or whoever computes them had died."""
        return any(reason.subject == 'inference' and reason.disarms for reason in self.reasons)

    def to_json(self) -> str:
        """Return the record as one line; null where there is no number."""
        return json.dumps({
            **self.__dict__, 'source': self.source.value,
            'reasons': [reason.__dict__ for reason in self.reasons]}, separators=(',', ':'))

    @classmethod
    def from_json(cls, text: str) -> 'TickRecord':
        """Return the record that `to_json` gave, whatever else it holds; raises RecordError."""
        try:
            content = json.loads(text)
            fields = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
            fields['source'] = Source(fields['source'])
            fields['reasons'] = tuple(Reason(**reason) for reason in fields['reasons'])
            return cls(**{**fields, 'notes': tuple(fields['notes'])})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RecordError(f'found {text[:60]!r}, expected the record of a tick '
                              f'({type(error).__name__}); check what publishes it') from error


def tick_record(
        decision: Decision, *, tick: int, time_ns: int, shadow: bool = False, skipped: int = 0,
        late_s: float = 0.0, collect_s: float = 0.0, decide_s: float = 0.0,
        publish_s: float = 0.0) -> TickRecord:
    """Return what is kept of a decision and of the time that its tick took."""
    step, plan = decision.step, decision.plan
    return TickRecord(
        tick=tick, time_ns=time_ns, source=decision.source, shadow=shadow,
        chunk=None if step is None else step.chunk, index=None if step is None else step.index,
        **({} if plan is None else {
            'plan_s': _seconds(plan.plan_s) if math.isfinite(plan.plan_s) else None,
            'q': _number(plan.q), 'disagreement': _number(plan.disagreement),
            'unfamiliarity': _number(plan.unfamiliarity)}),
        input_age_s=None if decision.input_age_s is None else _seconds(decision.input_age_s),
        age_s={key: _seconds(age_s) for key, age_s in decision.ages_s.items()
               if math.isfinite(age_s)},
        reasons=tuple(_short(reason) for reason in decision.reasons), notes=decision.notes,
        skipped=skipped, late_s=_seconds(late_s), collect_s=_seconds(collect_s),
        decide_s=_seconds(decide_s), publish_s=_seconds(publish_s))


def _short(reason: Reason) -> Reason:
    if len(reason.text) <= _LONGEST_TEXT:
        return reason
    return Reason(subject=reason.subject, text=f'{reason.text[:_LONGEST_TEXT]}...',
                  stale=reason.stale, disarms=reason.disarms)


def _seconds(value: float) -> float:
    return round(float(value), 6)


def _number(value: float) -> float | None:
    return float(f'{value:.6g}') if math.isfinite(value) else None
