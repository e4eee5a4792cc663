"""The losses of an update in the precision of a run, and compiled where it asks for that."""

from collections.abc import Callable
from typing import Any

from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.trainer_config import TrainerConfig
import torch
from torch import Tensor

Losses = Callable[[Transitions, Any], tuple[Tensor, Metrics]]


def losses(agent: Algorithm, config: TrainerConfig) -> Losses:
    """
    Return the agent's losses as the settings `precision` and `compile` want them computed.

    'bfloat16' is for products and convolutions; weights, optimiser, normalisation statistics,
    the projection to the sphere and the critics' values stay float32.
    """
    compute = torch.compile(agent.loss) if config.compile else agent.loss
    if config.precision == 'float32':
        return compute
    kind = torch.device(config.device).type

    def lower(batch: Transitions, draws: Any) -> tuple[Tensor, Metrics]:
        with torch.autocast(kind, torch.bfloat16):
            return compute(batch, draws)

    return lower
