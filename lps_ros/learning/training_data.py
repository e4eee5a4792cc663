"""What a run trains on: the cache, its used part, normalisation, statistics and fingerprint."""

from collections.abc import Callable
from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from lps_ros.contract import Contract
from lps_ros.data.cache import TrainingCache
from lps_ros.data.chunks import ChunkSampler
from lps_ros.data.chunks import used_episodes
from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np

_QUANTILES = (0.01, 0.5, 0.99)
# Chunks, evenly spread, that tell how far relative actions go.
_FITTED = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """
    The part of a dataset that a run uses.

    normaliser is fitted to the observations used, relative to the chunks, None where no action is
    relative; description and statistics are ready for JSON.
    """

    sampler: ChunkSampler
    normaliser: Normaliser
    relative: RelativeActions | None
    observation_size: int
    action_size: int
    description: dict[str, Any]
    statistics: dict[str, Any]

    @classmethod
    def open(
            cls, dataset: Path, contract: Contract, config: TrainerConfig,
            progress: Callable[[int, int], None] | None = None) -> 'TrainingData':
        """Build or open the cache; raises DataError on an unusable dataset."""
        cache = TrainingCache.build(dataset, contract, progress=progress)
        sampler = ChunkSampler(
            cache, horizon=config.learner.horizon,
            discount=getattr(config.learner, 'discount', 1.0), task=contract.task,
            failures=config.failures, seed=config.seed)
        used = used_episodes(cache, config.failures)
        rows = np.repeat(used, np.diff(cache.episode_offsets))
        observations = cache.observations if rows.all() else cache.observations[rows]
        actions = cache.actions if rows.all() else cache.actions[rows]
        description = {
            'dataset': dataset.resolve().name,
            'fingerprint': _fingerprint(cache, used, observations, actions),
            'episodes': {'success': int(cache.outcomes.sum()),
                         'failure': int((~cache.outcomes).sum())},
            'episodes_used': int(used.sum()),
            'transitions_used': int(rows.sum() - used.sum()),
            'chunks': len(sampler.starts)}
        return cls(
            sampler=sampler, normaliser=Normaliser.fit(observations),
            relative=_relative(contract, sampler),
            observation_size=observations.shape[1], action_size=actions.shape[1],
            description=description, statistics=_statistics(observations, cache.names))

    def clipped(self, relative: RelativeActions | None) -> dict[str, float]:
        """Return which share of the values a range made elsewhere clips, by name; see there."""
        return {} if relative is None else relative.clipped(*_some_chunks(self.sampler))


def _relative(contract: Contract, sampler: ChunkSampler) -> RelativeActions | None:
    if all(action.relative_to is None for action in contract.actions):
        return None
    return RelativeActions.fit(contract, *_some_chunks(sampler))


def _some_chunks(sampler: ChunkSampler) -> tuple[np.ndarray, np.ndarray]:
    """Return actions (N, H, A) and observations (N, S) of chunks evenly spread over all."""
    starts = sampler.starts[::1 + len(sampler.starts) // _FITTED]
    return sampler.chunks.actions(starts), sampler.chunks.observations(starts)


def _fingerprint(
        cache: TrainingCache, used: np.ndarray, observations: np.ndarray,
        actions: np.ndarray) -> str:
    """Return 16 hexadecimal digits that change with any number used or the episodes' bounds."""
    digest = hashlib.sha256()
    for array in (cache.episode_offsets, cache.outcomes, observations, actions):
        digest.update(np.ascontiguousarray(array))
    for frames in cache.images.values():
        for episode in np.flatnonzero(used):
            # One episode at a time: all frames may be more than memory holds.
            digest.update(np.ascontiguousarray(
                frames[slice(*cache.episode_offsets[episode:episode + 2])]))
    return digest.hexdigest()[:16]


def _statistics(observations: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Return minimum, maximum and quantiles of each column of (N, S), not normalised."""
    quantiles = np.quantile(observations, _QUANTILES, axis=0).astype(np.float32)
    return {
        'names': list(names), 'min': observations.min(axis=0).tolist(),
        'max': observations.max(axis=0).tolist(),
        'quantiles': {str(level): row.tolist() for level, row in zip(_QUANTILES, quantiles)}}
