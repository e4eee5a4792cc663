"""Whether a camera still delivers, and how well."""

from collections import deque
from dataclasses import dataclass
from threading import Lock

_RATE_WINDOW = 30
_SLOW = 0.8
# A camera takes a while to start and to settle its exposure.
_FIRST_FRAME_S = 3.0


@dataclass(frozen=True, kw_only=True)
class StreamReport:
    """State of a stream: `level` is ok, warn, error or stale, as in /diagnostics."""

    level: str
    message: str
    values: dict[str, str]


class StreamMonitor:
    """
    Counts a camera's frames; may be used from two threads.

    Times are seconds of a steady clock.

    :param rate_hz: the rate that was asked for
    :param stale_after_s: the stream is stale when the last frame is older than this
    :param start_s: the time from which frames are expected
    """

    def __init__(self, *, rate_hz: float, stale_after_s: float, start_s: float) -> None:
        self._rate_hz = rate_hz
        self._stale_after_s = stale_after_s
        self._lock = Lock()
        self._times_s: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._last_s = start_s
        self._last_number: int | None = None
        self._frames = 0
        self._dropped = 0
        self._error: str | None = None

    def add(self, number: int, time_s: float) -> None:
        """Count a frame by the number that the camera gave it."""
        with self._lock:
            # Numbers that go back: the camera started anew, which says nothing about losses.
            if self._last_number is not None and number > self._last_number:
                self._dropped += number - self._last_number - 1
            if time_s - self._last_s > self._stale_after_s:
                self._times_s.clear()
            self._last_number = number
            self._last_s = time_s
            self._times_s.append(time_s)
            self._frames += 1
            self._error = None

    def fail(self, error: str) -> None:
        """Note an error of the camera; the next frame clears it."""
        with self._lock:
            self._error = error

    def report(self, time_s: float) -> StreamReport:
        """Return the state at a time."""
        with self._lock:
            age_s = time_s - self._last_s
            span_s = self._times_s[-1] - self._times_s[0] if self._times_s else 0.0
            rate_hz = (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0
            values = {'frames': str(self._frames), 'dropped': str(self._dropped),
                      'rate_hz': f'{rate_hz:.1f}', 'age_s': f'{age_s:.2f}'}
            level, message = self._judge(age_s, rate_hz)
        return StreamReport(level=level, message=message, values=values)

    def _judge(self, age_s: float, rate_hz: float) -> tuple[str, str]:
        if self._error is not None:
            return 'error', self._error
        if age_s > (self._stale_after_s if self._frames else _FIRST_FRAME_S):
            return 'stale', f'no frame for {age_s:.1f} s; check the cable and the power'
        if len(self._times_s) == _RATE_WINDOW and rate_hz < _SLOW * self._rate_hz:
            return 'warn', (f'{rate_hz:.1f} frames a second instead of {self._rate_hz:g}; '
                            'check for USB 3 and for low light (auto exposure)')
        return 'ok', 'streaming' if self._frames else 'waiting for the first frame'
