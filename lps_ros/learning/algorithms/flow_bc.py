"""Behaviour cloning with flow matching (Lipman et al. 2023)."""

from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.flow import FlowDecoding
from lps_ros.learning.algorithms.flow import FlowDraws
from torch import Tensor


class FlowBC(FlowDecoding):
    """The decoder alone; rewards are not used."""

    name = 'flow_bc'
    normal_latents = True

    def loss(self, batch: Transitions, draws: FlowDraws) -> tuple[Tensor, Metrics]:
        """Return the decoder's behaviour-cloning loss."""
        return self.flow_loss(self.encoded(batch.observations), batch, draws)
