"""
Best of N (Q-chunking, Li et al. 2025): a cloned decoder, whose best chunk by Q is taken.

Nothing is pushed up the critic: it judges what the clone would do, in acting and in its target.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from typing import NamedTuple

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.meanflow import MeanFlowConfig
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from lps_ros.learning.networks.observations import Encoded
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class BestOfNConfig(MeanFlowConfig, CriticConfig):
    """Settings of best of N."""

    target_candidates: int = 8  # latents of which the critic's target takes the best


class BestOfNDraws(NamedTuple):
    """Latents and times of the flow loss; candidates (N, B, D), the latents of the target."""

    latents: Tensor
    t: Tensor
    r: Tensor
    candidates: Tensor


class BestOfN(MeanFlowDecoding, ActorCritic):
    """Decoder, critics and target critics, trained together by one Adam."""

    name = 'best_of_n'
    config_type = BestOfNConfig
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'prior', 'candidates': 32, 'replan_every': 2}

    def draw(self, batch_size: int, generator: torch.Generator) -> BestOfNDraws:
        """Draw the random numbers of the flow loss, then the latents of the target."""
        flow = super().draw(batch_size, generator)
        points = torch.randn(
            self.config.target_candidates, batch_size, self.chunk_size, generator=generator)
        return BestOfNDraws(*flow, self.prior(points))

    @torch.no_grad()
    def next_value(self, later: Encoded, candidates: Tensor) -> Tensor:
        """Return the target critics' value (B,) of the best chunk of candidates (N, B, D)."""
        count = len(candidates)
        decoder, critic = (
            tuple(part.repeat(count, 1) for part in later(network))
            for network in ('decoder', 'target_critic'))
        chunks = self.decoded(decoder, candidates.flatten(0, 1))
        return self.aggregated(self.target_critic(critic, chunks)).unflatten(
            0, (count, -1)).amax(0)

    def loss(self, batch: Transitions, draws: BestOfNDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of both losses, at the same parameters."""
        now = self.encoded(batch.observations)
        next_value = self.next_value(self.encoded(batch.next_observations), draws.candidates)
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        return critic + flow, critic_metrics | flow_metrics
