"""Whether the observations are fit to act on."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from lps_ros.contract import Observation
import numpy as np

# Rows kept per stream, to pick the one in force at a tick that is served late.
_KEPT_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why not to act, in one readable line."""

    subject: str  # key of the stream, or 'command'
    text: str
    stale: bool = False  # the input is missing or too old, nothing is broken

    def __str__(self) -> str:
        """Return the line."""
        return self.text


@dataclass(frozen=True, kw_only=True, eq=False)
class _Received:
    row: np.ndarray
    stamp_ns: int | None
    received_ns: int


class ObservationGate:
    """
    Keeps the newest rows of every stream and judges them before the policy acts.

    All times are int ns of one clock. A message that does not fit its stream is told to
    `reject` and otherwise ignored, so another publisher on the same topic does no harm while
    good messages keep coming; once they do not, the reason names the misfit.
    """

    def __init__(
            self, observations: Iterable[Observation], *, future_tolerance_s: float = 0.05
    ) -> None:
        """Take the streams to judge and how far ahead of the clock a header stamp may be."""
        self._observations = tuple(observations)
        self._future_tolerance_ns = round(future_tolerance_s * 1e9)
        self.clear()

    def clear(self) -> None:
        """Forget every message."""
        self._kept: dict[str, deque[_Received]] = {
            spec.key: deque(maxlen=_KEPT_ROWS) for spec in self._observations}
        self._misfits: dict[str, str] = {}

    def accept(
            self, key: str, row: np.ndarray, *, stamp_ns: int | None, received_ns: int) -> None:
        """Take a message's row (W,) or image (h, w, 3); no stamp for a type without header."""
        kept = self._kept[key]
        if kept and received_ns < kept[-1].received_ns:
            # The clock jumped back: what came before is no longer comparable.
            kept.clear()
        kept.append(_Received(row=row, stamp_ns=stamp_ns, received_ns=received_ns))
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
        chosen = {key: _at_or_before(kept, tick_ns) for key, kept in self._kept.items()}
        return {key: received.row for key, received in chosen.items() if received is not None}

    def reasons(self, tick_ns: int, now_ns: int) -> list[Reason]:
        """Judge the rows of a tick at the time `now_ns`; nothing to object is an empty list."""
        return [reason for spec in self._observations
                if (reason := self._reason(spec, tick_ns, now_ns)) is not None]

    def _reason(self, spec: Observation, tick_ns: int, now_ns: int) -> Reason | None:
        misfit = f'; {self._misfits[spec.key]}' if spec.key in self._misfits else ''
        received = _at_or_before(self._kept[spec.key], tick_ns)
        if received is None:
            detail = misfit or f"; no message on topic '{spec.topic}'"
            return Reason(subject=spec.key, stale=not misfit,
                          text=f"observation '{spec.key}' is missing{detail}")
        limit_ns = round(spec.max_age_s * 1e9)
        ages_ns = {'receipt': now_ns - received.received_ns}
        if received.stamp_ns is not None:
            ages_ns['header stamp'] = now_ns - received.stamp_ns
        for clock, age_ns in ages_ns.items():
            if age_ns > limit_ns:
                return Reason(subject=spec.key, stale=not misfit, text=(
                    f"observation '{spec.key}' is {age_ns * 1e-9:.3f} s old by its {clock}, "
                    f'expected at most {spec.max_age_s:g} s{misfit}'))
            if -age_ns > self._future_tolerance_ns:
                return Reason(subject=spec.key, text=(
                    f"observation '{spec.key}' lies {-age_ns * 1e-9:.3f} s in the future by its "
                    f'{clock}; synchronise the clocks'))
        if not np.isfinite(received.row).all():
            return Reason(
                subject=spec.key, text=f"observation '{spec.key}' has a non-finite value")
        return None


def _stamp_or_receipt(received: _Received) -> int:
    return received.received_ns if received.stamp_ns is None else received.stamp_ns


def _at_or_before(kept: deque[_Received], time_ns: int) -> _Received | None:
    for received in reversed(kept):
        if received.received_ns <= time_ns:
            return received
    return None
