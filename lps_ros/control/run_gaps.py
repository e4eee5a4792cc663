"""Stops of a run, and the longest time between two commands."""

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from lps_ros.control.authority import Source
from lps_ros.control.gates import Reason
from lps_ros.control.tick_record import PARTS
from lps_ros.control.tick_record import TickRecord

# Stops kept from the beginning of the run, and as many from its end.
_KEPT = 100


@dataclass(kw_only=True)
class Stop:
    """
    A time without commands after one with.

    at_s: since the start of the run, of the last command; gap_s: until the next one, or until the
    end of the run where `ended` is False; by_person: it was wanted.
    """

    at_s: float
    gap_s: float
    why: str
    by_person: bool = False
    ended: bool = True


class RunGaps:
    """Watches commands come and stay away; times are s since the start of the run."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._command_s: float | None = None  # when the newest command was sent
        self._open: Stop | None = None
        self._first: list[Stop] = []
        self._latest: deque[Stop] = deque(maxlen=_KEPT)
        self.count = 0  # of stops
        self._longest: Stop | None = None

    def halted(self, reason: Reason, now_s: float) -> None:
        """Take note of a stop between ticks."""
        if self._command_s is not None and self._open is None:
            self._begin([reason])
            self._open.gap_s = now_s - self._open.at_s

    def add(self, record: TickRecord, time_s: float) -> float:
        """Take a tick; return how long ago its command's predecessor was, 0 without command."""
        sent_s = time_s + record.late_s + record.work_s
        if self._command_s is not None and sent_s < self._command_s:
            # The clock jumped back.
            self._command_s = self._open = None
        gap_s = 0.0 if self._command_s is None else sent_s - self._command_s
        if record.source == Source.NONE:
            if self._command_s is not None and self._open is None:
                self._begin(record.reasons)
            if self._open is not None:
                self._open.gap_s, self._open.ended = gap_s, False
            gap_s = 0.0
        else:
            if self._open is not None:
                self._open.gap_s, self._open.ended = gap_s, True
                self._compare(self._open)
                self._open = None
            elif self._command_s is not None:
                self._compare(Stop(
                    at_s=self._command_s, gap_s=gap_s, why=''), record)
            self._command_s = sent_s
        return gap_s

    def figures(self) -> dict[str, Any]:
        """Return `longest_gap`, None before the second command, and the `stops` that are kept."""
        if self._open is not None:
            self._compare(self._open)
        kept = [*self._first, *self._latest]
        return {'longest_gap': None if self._longest is None else _rounded(self._longest),
                'stops': [_rounded(stop) for stop in kept], 'stop_count': self.count}

    def _begin(self, reasons: Iterable[Reason]) -> None:
        reasons = list(reasons)
        self._open = Stop(
            at_s=self._command_s, gap_s=0.0, ended=False,
            why='; '.join(map(str, reasons)) or 'no reason was given',
            by_person=bool(reasons) and reasons[0].subject == 'authority')
        self.count += 1
        kept = self._first if len(self._first) < _KEPT else self._latest
        kept.append(self._open)

    def _compare(self, stop: Stop, record: TickRecord | None = None) -> None:
        """Keep the longest gap that no person wanted."""
        if stop.by_person or (self._longest is not None and stop.gap_s <= self._longest.gap_s):
            return
        if record is not None:
            stop.why = self._why_late(record)
        self._longest = stop

    def _why_late(self, record: TickRecord) -> str:
        """Return why a command came late without a stop."""
        causes = []
        if record.skipped:
            causes.append(f'{record.skipped} tick(s) were skipped')
        if record.late_s > 0.1 * self._period_s:
            causes.append(f'the tick began {record.late_s * 1e3:.1f} ms late')
        if record.work_s > 0.5 * self._period_s:
            part = max(PARTS, key=lambda name: getattr(record, name))
            causes.append(f'the tick took {record.work_s * 1e3:.1f} ms, most of it to '
                          f'{part.removesuffix("_s")}')
        return '; '.join(causes) or 'nothing was wrong'


def _rounded(stop: Stop) -> dict[str, Any]:
    return {**asdict(stop), 'at_s': round(stop.at_s, 6), 'gap_s': round(stop.gap_s, 6)}
