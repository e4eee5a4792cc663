"""How far an observation is from those that a policy was trained on, each value on its own."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LOW, _HIGH = '0.01', '0.99'  # quantiles
# The least distance from quantile to edge: tails that are shorter than this share of the range
# between the quantiles, or of the deviation, would make rounding look unfamiliar.
_RANGE_SHARE = 0.1
_DEVIATION_SHARE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Familiarity:
    """
    Where the training data lies; low, high: its 1 % and 99 % quantiles, float64 (S,).

    A value beyond them counts as its distance from the quantile over the distance from there to
    the data's own edge: low_tail, high_tail, (S,), which are at least 0.1 of the range between
    the quantiles and 0.01 of the normaliser's deviation. Of a value that never varied, whose
    deviation is given as 1, that is 0.01 of its unit.
    """

    low: np.ndarray
    high: np.ndarray
    low_tail: np.ndarray
    high_tail: np.ndarray

    @classmethod
    def from_statistics(
            cls, statistics: Mapping[str, Any], deviation: np.ndarray) -> 'Familiarity':
        """
        Take what a bundle holds as `observation_statistics`, and its normaliser's deviation.

        Raises KeyError, TypeError or ValueError where that is not finite numbers of one length.
        """
        quantiles = statistics['quantiles']
        low, high, least, most = (_numbers(values, len(deviation)) for values in (
            quantiles[_LOW], quantiles[_HIGH], statistics['min'], statistics['max']))
        floor = np.maximum(_RANGE_SHARE * (high - low), _DEVIATION_SHARE * deviation)
        return cls(low=low, high=high, low_tail=np.maximum(low - least, floor),
                   high_tail=np.maximum(most - high, floor))

    def exceedances(self, observations: np.ndarray) -> np.ndarray:
        """Return how far each value (..., S) is out: 0 between the quantiles, 1 at the edge."""
        return np.maximum(np.maximum(
            (self.low - observations) / self.low_tail,
            (observations - self.high) / self.high_tail), 0)

    def unfamiliarity(self, observation: np.ndarray) -> float:
        """Return the largest exceedance of an observation (S,), 0 for one without values."""
        return float(self.exceedances(observation).max(initial=0))


def _numbers(values: Sequence[float], size: int) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise ValueError(f'found shape {array.shape}, expected {size} finite numbers')
    return array
