"""What a policy bundle says of its training."""

from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
import platform
from typing import Any

from lps_ros import __version__
from lps_ros.data.chunks import Sampler
from lps_ros.learning.policy import Policy
from lps_ros.learning.trainer_config import STEERING
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.training_data import TrainingData
import numpy as np
import torch

_PLANS = 1000  # of observations evenly spread over those trained on
_BLOCK = 50  # of which the frames are in memory at a time
_LEVELS = (0.5, 0.99, 0.999)


def planning_statistics(
        policy: Policy, sampler: Sampler, steering: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return quantiles of a plan's unfamiliarity and disagreement over training observations.

    They are what a gate on either may be chosen by; of a policy without a critic disagreement
    is None.
    """
    way = {name: steering[name] for name in ('mode', 'candidates', 'strength')}
    rng = torch.Generator().manual_seed(0)
    starts = sampler.starts[np.linspace(
        0, len(sampler.starts) - 1, min(_PLANS, len(sampler.starts))).round().astype(np.int64)]
    plans = []
    for block in range(0, len(starts), _BLOCK):
        batch = sampler.batch(starts[block:block + _BLOCK])
        plans += [policy.plan(batch.observations[row], [frames[row] for frames in batch.images],
                              rng=rng, **way) for row in range(len(batch.observations))]
    return {
        'plans': len(plans),
        'unfamiliarity': _quantiles([plan.unfamiliarity for plan in plans]),
        'disagreement': _quantiles([plan.disagreement for plan in plans])}


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if np.isnan(values).any():
        return None
    return {str(level): float(np.quantile(values, level)) for level in _LEVELS}


def training_metadata(
        config: TrainerConfig, data: TrainingData, *, command: str, trained_s: float,
        metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return what a bundle says of its training."""
    return {
        'steering': {name: getattr(config, name) for name in STEERING},
        'data': data.description,
        'observation_statistics': data.statistics,
        'training': {
            'command': command, 'settings': config.flat(), 'trained_s': round(trained_s, 1),
            'metrics': dict(metrics),
            'created': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            'software': {'lps_ros': __version__, 'torch': torch.__version__,
                         'python': platform.python_version(), 'machine': platform.machine()}}}
