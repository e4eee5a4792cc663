"""Percentiles of any number of values in a fixed amount of memory."""

from array import array
import math

_PER_DECADE = 100
_LEAST, _DECADES = 1e-6, 10


class Spread:
    """
    Counts values from 1e-6 to 1e4 in bins of 2.3 %, so that percentiles are that exact.

    Smaller and larger ones count in the outermost bins; count, mean, least and largest are exact.
    """

    def __init__(self) -> None:
        self._counts = array('Q', [0]) * (_DECADES * _PER_DECADE + 1)
        self.count = 0
        self.total = 0.0
        self.min, self.max = math.inf, -math.inf

    def add(self, value: float) -> None:
        """Count a finite value."""
        place = 0
        if value > _LEAST:
            place = min(len(self._counts) - 1,
                        math.ceil(_PER_DECADE * math.log10(value / _LEAST)))
        self._counts[place] += 1
        self.count += 1
        self.total += value
        self.min, self.max = min(self.min, value), max(self.max, value)

    def percentile(self, percent: float) -> float | None:
        """Return a value that so many per cent do not exceed, None of nothing."""
        left = math.ceil(self.count * percent / 100)
        for place, count in enumerate(self._counts):
            left -= count
            if count and left <= 0:
                edge = _LEAST * 10 ** (place / _PER_DECADE)
                return max(self.min, min(self.max, edge))
        return None

    def figures(self) -> dict[str, float | int | None]:
        """Return count, mean, p50, p99 and max; None of nothing."""
        values = {'mean': self.total / self.count, 'max': self.max} if self.count else {}
        return {'count': self.count, 'mean': values.get('mean'), 'p50': self.percentile(50),
                'p99': self.percentile(99), 'max': values.get('max')}
