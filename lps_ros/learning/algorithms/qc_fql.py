"""
Flow Q-learning (Park et al. 2025) on action chunks (Q-chunking, Li et al. 2025).

A one-step actor imitates what the flow decodes from the same latent and is pushed up the critic;
alpha weighs the one against the other and has to be tuned to the task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NamedTuple

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import climbing_loss
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.flow import FlowConfig
from lps_ros.learning.algorithms.flow import FlowDecoding
from lps_ros.learning.networks.decoder import MLPDecoder
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class QCFQLConfig(FlowConfig, CriticConfig):
    """Settings of QC-FQL."""

    critic_aggregation: Literal['min', 'mean'] = 'mean'  # over members, in the critic's target
    actor_widths: tuple[int, ...] = (256,) * 4  # hidden layers of the one-step actor
    alpha: float = 1.0  # weight of imitation against the critic


class QCFQLDraws(NamedTuple):
    """Latents and times of the flow loss; noise of the actor's, next_noise of the target."""

    latents: Tensor
    t: Tensor
    noise: Tensor
    next_noise: Tensor


class QCFQL(FlowDecoding, ActorCritic):
    """Flow, one-step actor, critics and target critics, trained together by one Adam."""

    name = 'qc_fql'
    config_type = QCFQLConfig
    networks: ClassVar[tuple[str, ...]] = ('decoder', 'actor', 'critic', 'target_critic')
    normal_latents = True
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'steered', 'candidates': 1, 'replan_every': 2}

    def __init__(self, config: QCFQLConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.actor = MLPDecoder(
            self.encoders.widths, self.chunk_size, config.actor_widths, times=0)

    def draw(self, batch_size: int, generator: torch.Generator) -> QCFQLDraws:
        """Draw the random numbers of the flow loss, then the actor's latents."""
        flow = super().draw(batch_size, generator)
        points = torch.randn(2, batch_size, self.chunk_size, generator=generator)
        return QCFQLDraws(*flow, *self.prior(points))

    def decode(self, now: Encoded, latents: Tensor, strength: float = 1.0) -> Tensor:
        """Map latents (B, D) to chunks (B, D): the flow's, moved by `strength` to the actor's."""
        if not strength:
            return super().decode(now, latents)
        chunks = self.actor(now('actor'), latents).clamp(-1, 1)
        if strength < 1:
            clone = super().decode(now, latents)
            chunks = clone + strength * (chunks - clone)
        return chunks

    def actor_loss(self, now: Encoded, noise: Tensor) -> tuple[Tensor, Metrics]:
        """Return the weighed error to the flow's chunks of noise (B, D), and the climb of Q."""
        # Features come first: made without a graph they would stay so for the other losses.
        features = now.fixed('decoder')
        with torch.no_grad():
            imitated = self.decoded(features, noise)
        chunks = self.actor(now('actor'), noise)
        error = (chunks - imitated).square().mean()
        q = self.climbed_value(now, chunks.clamp(-1, 1))
        loss = self.config.alpha * error + climbing_loss(q)
        return loss, {
            'actor/actor_loss': loss.detach(),
            'actor/imitation_error': error.detach(),
            'actor/q_mean': q.detach().mean(),
        }

    def loss(self, batch: Transitions, draws: QCFQLDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of the three losses, all at the same parameters."""
        now = self.encoded(batch.observations)
        next_value = self.decoded_value(
            self.encoded(batch.next_observations), draws.next_noise)
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        actor, actor_metrics = self.actor_loss(now, draws.noise)
        return critic + flow + actor, critic_metrics | flow_metrics | actor_metrics
