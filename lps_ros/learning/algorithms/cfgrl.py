"""
Classifier-free guidance as policy improvement (CFGRL, Frans et al. 2025) on action chunks.

The velocity network is told whether a chunk is better than usual at its observation, or nothing;
acting exaggerates the difference between the two. What is usual is an expectile of the critic's
values (implicit Q-learning, Kostrikov et al. 2022), which is also the value of what comes next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.flow import flow_errors
from lps_ros.learning.algorithms.flow import FlowConfig
from lps_ros.learning.algorithms.flow import FlowDecoding
from lps_ros.learning.algorithms.flow import FlowDraws
from lps_ros.learning.algorithms.flow import integrate
from lps_ros.learning.networks.heads import Critic
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CFGRLConfig(FlowConfig, CriticConfig):
    """Settings of CFGRL."""

    expectile: float = 0.9  # of the critic's values, that counts as usual
    unconditional_weight: float = 0.1  # of the loss without the flag
    guidance: float = 1.5  # times the difference that the flag makes; 1: as flagged data


class CFGRL(FlowDecoding, ActorCritic):
    """Guided flow, state value, critics and target critics, trained together by one Adam."""

    name = 'cfgrl'
    config_type = CFGRLConfig
    networks: ClassVar[tuple[str, ...]] = ('decoder', 'critic', 'target_critic', 'value')
    normal_latents = True
    scalars = 2  # the time, and the flag: 1 for a better chunk, 0 for any
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'steered', 'candidates': 1, 'replan_every': 2}

    def __init__(self, config: CFGRLConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.value = Critic(self.encoders.widths, 0, config.critic_widths, members=1)

    def decode(self, now: Encoded, latents: Tensor, strength: float = 1.0) -> Tensor:
        """Map latents (B, D) to chunks (B, D); the strength is a share of the guidance."""
        features, guidance = now('decoder'), strength * self.config.guidance
        zero = latents.new_zeros(len(latents), 1)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            usual = self.decoder(features, z, t, zero)
            if not guidance:
                return usual
            return torch.lerp(usual, self.decoder(features, z, t, zero + 1), guidance)

        return integrate(velocity, latents, self.config.flow_steps).clamp(-1, 1)

    def value_loss(self, now: Encoded, batch: Transitions) -> tuple[Tensor, Tensor, Metrics]:
        """Return the loss of the state value, and each chunk's advantage (B,) over it."""
        # Features come first: made without a graph they would stay so for the other losses.
        features = now.fixed('target_critic')
        with torch.no_grad():
            q = self.aggregated(self.target_critic(features, batch.actions))
        usual = self.value(now('value')).squeeze(0)
        advantage = q - usual
        expectile = self.config.expectile
        weight = torch.where(advantage.detach() > 0, expectile, 1 - expectile)
        loss = (weight * advantage.square()).mean()
        return loss, advantage.detach(), {
            'value/value_loss': loss.detach(), 'value/v_mean': usual.detach().mean()}

    def guided_loss(
            self, now: Encoded, batch: Transitions, draws: FlowDraws, advantage: Tensor,
    ) -> tuple[Tensor, Metrics]:
        """Return the flow loss of better chunks, flagged, plus a share of that of all."""
        better = (advantage > 0).to(batch.actions.dtype)
        zero = torch.zeros_like(draws.t)
        errors = [
            batch.cloned * flow_errors(self.decoder, now('decoder'), batch.actions, draws, flag)
            for flag in (zero, zero + 1)]
        loss = (better * errors[1] + self.config.unconditional_weight * errors[0]).mean()
        return loss, {
            'decoder/flow_loss': errors[0].detach().mean(), 'decoder/guided_loss': loss.detach(),
            'decoder/better_share': better.mean()}

    def loss(self, batch: Transitions, draws: FlowDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of the three losses, all at the same parameters."""
        now, later = self.encoded(batch.observations), self.encoded(batch.next_observations)
        with torch.no_grad():
            next_value = self.value(later('value')).squeeze(0)
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        value, advantage, value_metrics = self.value_loss(now, batch)
        flow, flow_metrics = self.guided_loss(now, batch, draws, advantage)
        return critic + value + flow, critic_metrics | value_metrics | flow_metrics
