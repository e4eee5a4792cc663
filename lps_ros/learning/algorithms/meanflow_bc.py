"""Behaviour cloning with a one-step MeanFlow decoder (Geng et al. 2025): LPS without values."""

from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.meanflow import FlowDraws
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from torch import Tensor


class MeanFlowBC(MeanFlowDecoding):
    """The decoder alone; rewards are not used."""

    name = 'meanflow_bc'
    normal_latents = True

    def loss(self, batch: Transitions, draws: FlowDraws) -> tuple[Tensor, Metrics]:
        """Return the decoder's behaviour-cloning loss."""
        return self.flow_loss(self.encoded(batch.observations), batch, draws)
