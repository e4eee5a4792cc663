"""Whether the observations are fit to act on."""

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
import re

from lps_ros.contract import MessageError
from lps_ros.contract import Observation
import numpy as np

# What is no older than `max_age_s` is kept, to pick what was in force at a tick served late.
# The bounds are for a stream that may be old: seconds of rows at 1 kHz, and a picture is large.
_MOST_ROWS, _MOST_PICTURES = 4096, 64
# A year: a stamp of zero is a time only where a simulated clock began there.
_NEVER_NS = 31_536_000_000_000_000
# Of a line of text.
NUMBER = re.compile(r'-?\b\d+(\.\d+)?(e[+-]?\d+)?\b')


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why not to act, in one readable line."""

    subject: str  # key of the stream, or 'command'
    text: str
    stale: bool = False  # the input is missing or too old, nothing is broken
    disarms: bool = False  # a person has to look at it before the policy may go on

    def __str__(self) -> str:
        """Return the line."""
        return self.text

    @property
    def kind(self) -> str:
        """Return the same for reasons that differ in their numbers only."""
        return f'{self.subject}: {NUMBER.sub("#", self.text)}'


@dataclass(kw_only=True, eq=False)
class _Received:
    row: np.ndarray | Callable[[], np.ndarray]
    stamp_ns: int | None
    received_ns: int


@dataclass(kw_only=True, eq=False)
class _Frozen:
    """How often a camera has sent the same picture under new stamps while the robot moved."""

    content: np.ndarray | None = None  # uint8, of the newest message
    stamp_ns: int | None = None
    count: int = 0

    def see(self, content: np.ndarray, stamp_ns: int | None, moving: bool) -> None:
        repeated = stamp_ns is not None and stamp_ns == self.stamp_ns
        if self.content is not None and np.array_equal(content, self.content):
            # A repetition of one message is not a picture of its own; its age tells.
            self.count += moving and not repeated
        else:
            self.count = 0
        self.content, self.stamp_ns = content, stamp_ns


class ObservationGate:
    """
    Keeps the newest rows of every stream and judges them before the policy acts.

    `moving` is for the caller to set: whether the robot is being moved, so that a camera must see
    something change. All times are int ns of one clock. A message that does not fit its stream is
    told to `reject` and otherwise ignored, so another publisher on the same topic does no harm
    while good messages keep coming; once they do not, the reason names the misfit.
    """

    def __init__(
            self, observations: Iterable[Observation], *, future_tolerance_s: float = 0.05
    ) -> None:
        """Take the streams to judge and how far ahead of the clock a header stamp may be."""
        self._observations = tuple(observations)
        self._max_age_ns = {
            spec.key: round(spec.max_age_s * 1e9) for spec in self._observations}
        self._future_tolerance_ns = round(future_tolerance_s * 1e9)
        self._judged_ns = 0
        self.moving = False
        self.clear()

    def clear(self) -> None:
        """Forget every message."""
        self._kept: dict[str, deque[_Received]] = {
            spec.key: deque(maxlen=_MOST_PICTURES if spec.image else _MOST_ROWS)
            for spec in self._observations}
        self._misfits: dict[str, str] = {}
        self._frozen = {spec.key: _Frozen() for spec in self._observations if spec.max_identical}

    def accept(
            self, key: str, row: np.ndarray | Callable[[], np.ndarray], *, stamp_ns: int | None,
            received_ns: int, content: np.ndarray | None = None) -> None:
        """
        Take a message's row (W,) or image (h, w, 3); no stamp for a type without header.

        row: may be what makes it, called only if a plan is to see it. A MessageError of that
        rejects the message. content: uint8 (n,), a camera's picture as it came.
        """
        kept = self._kept[key]
        if kept and received_ns < kept[-1].received_ns:
            # The clock jumped back: what came before is no longer comparable.
            kept.clear()
        kept.append(_Received(row=row, stamp_ns=stamp_ns, received_ns=received_ns))
        if content is not None and key in self._frozen:
            self._frozen[key].see(content, stamp_ns, self.moving)
        # Nothing acts on one that is older than this.
        while len(kept) > 1 and kept[1].received_ns < received_ns - self._max_age_ns[key]:
            kept.popleft()
        if not callable(row):
            self._misfits.pop(key, None)

    def reject(self, key: str, reason: str) -> None:
        """Take note of a message that does not fit its stream."""
        self._misfits[key] = reason

    def ready(self, time_ns: int) -> bool:
        """Tell whether every stream has a message stamped at or after `time_ns`."""
        return all(
            kept and _stamp_or_receipt(kept[-1]) >= time_ns for kept in self._kept.values())

    def rows(self, tick_ns: int) -> dict[str, np.ndarray]:
        """
        Return per stream the last row received at or before `tick_ns`; streams without: none.

        This is the sampling of episodes, so nothing newer than the tick enters an observation.
        """
        chosen = {key: self._in_force(key, tick_ns) for key in self._kept}
        return {key: received.row for key, received in chosen.items() if received is not None}

    def vectors(self, tick_ns: int) -> dict[str, np.ndarray]:
        """Return `rows` of the streams that are no pictures; decodes nothing."""
        chosen = {spec.key: self._in_force(spec.key, tick_ns)
                  for spec in self._observations if spec.image is None}
        return {key: received.row for key, received in chosen.items() if received is not None}

    def fit_vectors(self, now_ns: int) -> dict[str, np.ndarray]:
        """Return `vectors` of the streams that are fit to act on."""
        fit = {spec.key for spec in self._observations
               if self._reason(spec, now_ns, now_ns) is None}
        return {key: row for key, row in self.vectors(now_ns).items() if key in fit}

    def ages_s(self, now_ns: int) -> dict[str, float]:
        """Return per stream how long ago was what the newest message tells of, in s."""
        return {
            spec.key: (now_ns - _stamp_or_receipt(kept[-1])) * 1e-9 + spec.latency_s
            for spec in self._observations if (kept := self._kept[spec.key])}

    def oldest_ns(self, tick_ns: int) -> int:
        """Return when the oldest was of what the rows of a tick tell of; there must be one."""
        chosen = ((spec, _at_or_before(self._kept[spec.key], tick_ns))
                  for spec in self._observations)
        return min(_stamp_or_receipt(received) - round(spec.latency_s * 1e9)
                   for spec, received in chosen if received is not None)

    def reasons(self, tick_ns: int, now_ns: int) -> list[Reason]:
        """
        Judge the rows of a tick at the time `now_ns`; nothing to object is an empty list.

        When the time has jumped back since the last judgement, everything received is forgotten:
        old rows of a silent stream would look fresh again.
        """
        back_ns, self._judged_ns = self._judged_ns - now_ns, now_ns
        if back_ns > 0:
            self.clear()
            return [Reason(subject='clock', disarms=True, text=(
                f'the clock jumped back by {back_ns * 1e-9:.3f} s; begin again with what comes '
                'in now'))]
        return [reason for spec in self._observations
                if (reason := self._reason(spec, tick_ns, now_ns)) is not None]

    def fit(self, tick_ns: int, now_ns: int) -> bool:
        """Tell whether `reasons` would find nothing to object to in the rows of a tick."""
        return all(self._reason(spec, tick_ns, now_ns) is None for spec in self._observations)

    def _reason(self, spec: Observation, tick_ns: int, now_ns: int) -> Reason | None:
        received = _at_or_before(self._kept[spec.key], tick_ns)
        misfit = f'; {self._misfits[spec.key]}' if spec.key in self._misfits else ''
        if received is None:
            return Reason(subject=spec.key, stale=not misfit, text=(
                f"observation '{spec.key}' is missing{misfit or self._silence(spec, tick_ns)}"))
        limit_ns = self._max_age_ns[spec.key]
        ages_ns = {'receipt': now_ns - received.received_ns}
        # What it tells of is older than its stamp or, where it has none, than its receipt.
        told = 'receipt' if received.stamp_ns is None else 'header stamp'
        ages_ns[told] = now_ns - _stamp_or_receipt(received) + round(spec.latency_s * 1e9)
        for clock, age_ns in ages_ns.items():
            if age_ns > _NEVER_NS and received.stamp_ns == 0:
                return Reason(subject=spec.key, text=(
                    f"observation '{spec.key}' has a header stamp of zero, expected the time that "
                    'it is of; have its publisher set it'))
            if age_ns > limit_ns:
                return Reason(subject=spec.key, stale=not misfit, text=(
                    f"observation '{spec.key}' is {age_ns * 1e-9:.3f} s old by its {clock}, "
                    f'expected at most {spec.max_age_s:g} s{misfit}'))
            if -age_ns > self._future_tolerance_ns:
                return Reason(subject=spec.key, text=(
                    f"observation '{spec.key}' lies {-age_ns * 1e-9:.3f} s in the future by its "
                    f'{clock}; synchronise the clocks'))
        if spec.image is None and not np.isfinite(received.row).all():
            return Reason(
                subject=spec.key, text=f"observation '{spec.key}' has a non-finite value")
        frozen = self._frozen.get(spec.key)
        if frozen is not None and frozen.count >= spec.max_identical:
            return Reason(subject=spec.key, disarms=True, text=(
                f"observation '{spec.key}' has brought the same picture {frozen.count + 1} times "
                'while the robot moved; check the camera'))
        return None

    def _silence(self, spec: Observation, tick_ns: int) -> str:
        """Return in what way nothing of a stream is in force at a tick."""
        kept = self._kept[spec.key]
        if not kept:
            return f"; no message on topic '{spec.topic}'"
        return (f"; the oldest message kept of topic '{spec.topic}' came "
                f'{(kept[0].received_ns - tick_ns) * 1e-9:.3f} s after the tick')

    def _in_force(self, key: str, time_ns: int) -> _Received | None:
        """Return the last fitting message received at or before a time, its row made."""
        while (received := _at_or_before(self._kept[key], time_ns)) is not None:
            if not callable(received.row):
                return received
            try:
                received.row = received.row()
                self._misfits.pop(key, None)
            except MessageError as error:
                self._kept[key].remove(received)
                self.reject(key, str(error))
        return None


def _stamp_or_receipt(received: _Received) -> int:
    return received.received_ns if received.stamp_ns is None else received.stamp_ns


def _at_or_before(kept: deque[_Received], time_ns: int) -> _Received | None:
    for received in reversed(kept):
        if received.received_ns <= time_ns:
            return received
    return None
