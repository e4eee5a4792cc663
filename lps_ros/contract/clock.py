"""The control clock: tick k is at round(k * 1e9 / rate_hz) ns, counted from the clock's zero."""

from fractions import Fraction

import numpy as np

# Keeps every intermediate below 2**63; exact for rates such as 20, 29.97 and 30000/1001.
_MAX_DENOMINATOR = 1001


class ControlClock:
    """
    Ticks of a control rate on an absolute time axis, in exact integer arithmetic.

    All parts of a system that use the same rate and clock agree on every tick without
    exchanging anything.
    """

    def __init__(self, rate_hz: float) -> None:
        """Take the rate in Hz (0.1 to 1000); raises ValueError outside that range."""
        if not 0.1 <= rate_hz <= 1000.0:
            raise ValueError(f'rate_hz: found {rate_hz}, expected 0.1 to 1000')
        rate = Fraction(float(rate_hz)).limit_denominator(_MAX_DENOMINATOR)
        self.rate_hz = float(rate_hz)
        self._ticks = rate.numerator
        self._span_ns = rate.denominator * 1_000_000_000

    @property
    def period_ns(self) -> int:
        """Time between two ticks in ns, rounded."""
        return int(self.time_ns(1))

    def time_ns(self, k: int | np.ndarray) -> int | np.ndarray:
        """Give the time of tick k in ns: int for an int, int64 array for an array."""
        if isinstance(k, np.ndarray):
            whole, part = np.divmod(k.astype(np.int64), self._ticks)
            return whole * self._span_ns + (
                2 * part * self._span_ns + self._ticks) // (2 * self._ticks)
        return (2 * int(k) * self._span_ns + self._ticks) // (2 * self._ticks)

    def index_at_or_before(self, time_ns: int) -> int:
        """Give the largest k whose tick is at or before `time_ns`."""
        return ((2 * int(time_ns) + 1) * self._ticks - 1) // (2 * self._span_ns)

    def ticks(self, start_ns: int, end_ns: int) -> np.ndarray:
        """Give every k with start_ns <= time_ns(k) <= end_ns as int64 (N,); empty if none."""
        first = self.index_at_or_before(int(start_ns) - 1) + 1
        last = self.index_at_or_before(end_ns)
        return np.arange(first, last + 1, dtype=np.int64)
