"""Averages metrics between two reports and measures the speed of training."""

from math import isfinite
from time import perf_counter

from torch import Tensor


class Meter:
    """Collects the metrics of `count` updates without waiting for the device."""

    def __init__(self) -> None:
        self.count = 0
        self._totals: dict[str, Tensor] = {}
        self._since_s = perf_counter()

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Take the metrics of one update."""
        if self.count:
            metrics = {name: self._totals[name] + value for name, value in metrics.items()}
        self._totals = metrics
        self.count += 1

    def read(self) -> tuple[dict[str, float], float, float]:
        """Return mean metrics, updates/s and seconds since the last call, and start again."""
        means = {name: value.item() / self.count for name, value in self._totals.items()}
        now_s = perf_counter()
        elapsed_s = max(now_s - self._since_s, 1e-9)
        rate = self.count / elapsed_s
        self.count, self._since_s = 0, now_s
        return means, rate, elapsed_s


def not_finite(means: dict[str, float]) -> str | None:
    """Return the first metric that is not a finite number, with its value."""
    for name, value in means.items():
        if not isfinite(value):
            return f'{name} is {value}'
    return None
