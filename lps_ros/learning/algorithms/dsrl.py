"""
Diffusion steering via reinforcement learning (Wagenmaker et al. 2025), learnt offline.

A latent actor climbs a critic of latents, which is regressed on the critic of chunks at random
latents, so that no gradient has to pass through the steps of the flow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NamedTuple

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.algorithm import frozen
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.flow import FlowConfig
from lps_ros.learning.algorithms.flow import FlowDecoding
from lps_ros.learning.algorithms.latent_steering import LatentActorConfig
from lps_ros.learning.algorithms.latent_steering import LatentSteering
from lps_ros.learning.networks.heads import Critic
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DSRLConfig(FlowConfig, LatentActorConfig):
    """Settings of DSRL."""

    critic_aggregation: Literal['min', 'mean'] = 'mean'  # over members, in the critic's target


class DSRLDraws(NamedTuple):
    """Latents (B, D) and times (B, 1) of the flow loss; noise (B, D) of the noise critic's."""

    latents: Tensor
    t: Tensor
    noise: Tensor


class DSRL(LatentSteering, FlowDecoding, ActorCritic):
    """LPS with an integrated flow and, between latent actor and critic, a noise critic."""

    name = 'dsrl'
    config_type = DSRLConfig
    networks: ClassVar[tuple[str, ...]] = (*LatentSteering.networks, 'noise_critic')
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'steered', 'candidates': 1, 'replan_every': 2}

    def __init__(self, config: DSRLConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.noise_critic = Critic(
            self.encoders.widths, self.chunk_size, config.critic_widths, config.critics)

    def draw(self, batch_size: int, generator: torch.Generator) -> DSRLDraws:
        """Draw the random numbers of the flow loss, then latents for the noise critic."""
        flow = super().draw(batch_size, generator)
        points = torch.randn(batch_size, self.chunk_size, generator=generator)
        return DSRLDraws(*flow, self.prior(points))

    def latent_value(self, now: Encoded, latents: Tensor) -> Tensor:
        """Return the noise critics' mean (B,)."""
        with frozen(self.noise_critic):
            return self.noise_critic(now.fixed('noise_critic'), latents).mean(0)

    def noise_critic_loss(self, now: Encoded, noise: Tensor) -> tuple[Tensor, Metrics]:
        """Return the squared error to the critics' mean of what noise (B, D) decodes to."""
        # Features come first: made without a graph they would stay so for the other losses.
        decoder, critic = now.fixed('decoder'), now.fixed('critic')
        with torch.no_grad():
            target = self.critic(critic, self.decoded(decoder, noise)).mean(0)
        loss = (self.noise_critic(now('noise_critic'), noise) - target).square().mean()
        return loss, {'noise_critic/noise_critic_loss': loss.detach()}

    def loss(self, batch: Transitions, draws: DSRLDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of the four losses, all at the same parameters."""
        now = self.encoded(batch.observations)
        next_value = self.next_value(self.encoded(batch.next_observations))
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        noise, noise_metrics = self.noise_critic_loss(now, draws.noise)
        latent, latent_metrics = self.latent_loss(now)
        return (critic + flow + noise + latent,
                critic_metrics | flow_metrics | noise_metrics | latent_metrics)
