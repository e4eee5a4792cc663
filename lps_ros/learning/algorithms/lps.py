"""Latent policy steering (Im et al., RSS 2026): a latent actor steers a one-step decoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.algorithm import frozen
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.latent_steering import LatentActorConfig
from lps_ros.learning.algorithms.latent_steering import LatentSteering
from lps_ros.learning.algorithms.meanflow import MeanFlowConfig
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from lps_ros.learning.algorithms.target_selection import CandidateDraws
from lps_ros.learning.algorithms.target_selection import TargetSelection
from lps_ros.learning.networks.observations import Encoded
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LPSConfig(MeanFlowConfig, LatentActorConfig):
    """Settings of LPS."""

    # Random latents of which the critic's target takes the best; 0: the actor's, as published.
    target_candidates: int = 0


class LPS(LatentSteering, TargetSelection, MeanFlowDecoding, ActorCritic):
    """Decoder, latent actor, critics and target critics, trained together by one Adam."""

    name = 'lps'
    config_type = LPSConfig
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'prior', 'candidates': 4, 'replan_every': 2}

    def latent_value(self, now: Encoded, latents: Tensor) -> Tensor:
        """Return the critics' mean (B,) of the decoded latents, through a fixed decoder."""
        with frozen(self.decoder):
            chunks = self.decoded(now.fixed('decoder'), latents)
            return self.climbed_value(now, chunks)

    def loss(self, batch: Transitions, draws: CandidateDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of the three losses, all at the same parameters."""
        now = self.encoded(batch.observations)
        later = self.encoded(batch.next_observations)
        next_value = (self.best_value(later, draws.candidates) if len(draws.candidates)
                      else self.next_value(later))
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        latent, latent_metrics = self.latent_loss(now)
        return critic + flow + latent, critic_metrics | flow_metrics | latent_metrics
