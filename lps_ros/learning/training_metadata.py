"""What a policy bundle says of its training."""

from collections.abc import Mapping
from datetime import datetime
from datetime import timezone
import platform
from typing import Any

from lps_ros import __version__
from lps_ros.learning.trainer_config import STEERING
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.training_data import TrainingData
import torch


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
