"""
MeanFlow Q-learning (Wang et al. 2025) on action chunks: the decoder itself climbs the critic.

alpha weighs cloning against the critic and has to be tuned to the task. The code published with
LPS (snapshot c87dee0) instead distils a separate one-step actor from the decoder, as QC-FQL does.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import climbing_loss
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.meanflow import MeanFlowConfig
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from lps_ros.learning.networks.observations import Encoded
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class QCMFQLConfig(MeanFlowConfig, CriticConfig):
    """Settings of QC-MFQL."""

    alpha: float = 1.0  # weight of cloning against the critic


class QCMFQLDraws(NamedTuple):
    """Latents and times of the flow loss; noise of the climb, next_noise of the target."""

    latents: Tensor
    t: Tensor
    r: Tensor
    noise: Tensor
    next_noise: Tensor


class QCMFQL(MeanFlowDecoding, ActorCritic):
    """Decoder, critics and target critics, trained together by one Adam."""

    name = 'qc_mfql'
    config_type = QCMFQLConfig
    normal_latents = True

    def draw(self, batch_size: int, generator: torch.Generator) -> QCMFQLDraws:
        """Draw the random numbers of the flow loss, then the decoded latents."""
        flow = super().draw(batch_size, generator)
        points = torch.randn(2, batch_size, self.chunk_size, generator=generator)
        return QCMFQLDraws(*flow, *self.prior(points))

    def climb_loss(self, now: Encoded, noise: Tensor) -> tuple[Tensor, Metrics]:
        """Return minus the critics' mean of the chunks of noise (B, D), in units of its size."""
        q = self.climbed_value(now, self.decode(now, noise))
        loss = climbing_loss(q)
        return loss, {'decoder/climb_loss': loss.detach(), 'decoder/q_mean': q.detach().mean()}

    def loss(self, batch: Transitions, draws: QCMFQLDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of the three losses, all at the same parameters."""
        now = self.encoded(batch.observations)
        next_value = self.decoded_value(
            self.encoded(batch.next_observations), draws.next_noise)
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        climb, climb_metrics = self.climb_loss(now, draws.noise)
        return (critic + self.config.alpha * flow + climb,
                critic_metrics | flow_metrics | climb_metrics)
