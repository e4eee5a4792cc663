"""Normalisation of observations by the training data's mean and standard deviation."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A dimension that varies less than this does not vary; the smallest divisor of one that does.
_CONSTANT = 1e-6
_FLOOR = 1e-3
_BLOCK_ROWS = 65536


@dataclass(frozen=True, kw_only=True)
class Normaliser:
    """Maps observations (..., S) to mean 0 and deviation 1; mean and std are float32 (S,)."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, observations: np.ndarray) -> 'Normaliser':
        """
        Take mean and deviation of each column of (N, S), such as a cache's observations.

        A constant column gets deviation 1, so that it stays near 0 whatever the unit; any other
        at least 1e-3, so that noise is not blown up.
        """
        count = len(observations)
        blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, count, _BLOCK_ROWS)]
        mean = sum(observations[block].sum(axis=0, dtype=np.float64) for block in blocks) / count
        variance = sum(((observations[block] - mean)**2).sum(axis=0) for block in blocks) / count
        deviation = np.sqrt(variance)
        constant = deviation <= _CONSTANT * np.maximum(1.0, np.abs(mean))
        std = np.where(constant, 1.0, np.maximum(deviation, _FLOOR))
        return cls(mean=mean.astype(np.float32), std=std.astype(np.float32))

    def apply(self, observations: np.ndarray) -> np.ndarray:
        """Return normalised observations, float32 (..., S)."""
        return ((observations - self.mean) / self.std).astype(np.float32)

    def to_dict(self) -> dict[str, list[float]]:
        """Return mean and deviation ready for JSON; `from_dict` restores them exactly."""
        return {'mean': self.mean.tolist(), 'std': self.std.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Sequence[float]]) -> 'Normaliser':
        """Restore what `to_dict` gave."""
        return cls(mean=np.array(content['mean'], dtype=np.float32),
                   std=np.array(content['std'], dtype=np.float32))
