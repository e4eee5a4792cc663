"""A run of any length in a fixed number of bins."""

import numpy as np

_BINS = 512
# What a bin adds up, and of what it keeps the largest.
SUMS = ('ticks', 'policy', 'teleop', 'skipped')
LARGEST = ('late_s', 'work_s', 'gap_s')


class Timeline:
    """Adds up what happened from one time to the next; the bins widen as the run gets longer."""

    def __init__(self, width_s: float) -> None:
        """Take the width of a bin to begin with."""
        self._width_s = width_s
        self._sums = np.zeros((_BINS, len(SUMS)))
        self._largest = np.zeros((_BINS, len(LARGEST)))
        self._used = 0

    def add(
            self, time_s: float, sums: tuple[float, ...], largest: tuple[float, ...]) -> None:
        """Add values, of `SUMS` and of `LARGEST`, at a time since the start of the run."""
        time_s = max(time_s, 0.0)
        while time_s >= _BINS * self._width_s:
            self._widen()
        place = int(time_s / self._width_s)
        self._used = max(self._used, place + 1)
        self._sums[place] += sums
        np.maximum(self._largest[place], largest, out=self._largest[place])

    def figures(self) -> dict[str, float | list[float]]:
        """Return the width of a bin, `width_s`, and each column."""
        columns = {name: self._sums[:self._used, i] for i, name in enumerate(SUMS)}
        columns |= {name: self._largest[:self._used, i] for i, name in enumerate(LARGEST)}
        return {'width_s': self._width_s,
                **{name: [round(float(value), 6) for value in column]
                   for name, column in columns.items()}}

    def _widen(self) -> None:
        half = _BINS // 2
        for bins, merge in ((self._sums, np.sum), (self._largest, np.max)):
            bins[:half] = merge(bins.reshape(half, 2, -1), axis=1)
            bins[half:] = 0.0
        self._width_s *= 2
        self._used = (self._used + 1) // 2
