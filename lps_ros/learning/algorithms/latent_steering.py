"""What algorithms with a latent actor share: the actor, its loss, the value of what it does."""

from dataclasses import dataclass
from typing import ClassVar

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import climbing_loss
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.networks.heads import LatentActor
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LatentActorConfig(CriticConfig):
    """Settings of the latent actor."""

    latent_actor_widths: tuple[int, ...] = (256,) * 2  # hidden layers
    alpha: float = 1.0  # weight of the latent actor's loss


class LatentSteering(ActorCritic):
    """An algorithm whose `latent_actor` chooses the latents; a subclass gives `latent_value`."""

    config_type = LatentActorConfig
    networks: ClassVar[tuple[str, ...]] = ('decoder', 'latent_actor', 'critic', 'target_critic')

    def __init__(
            self, config: LatentActorConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.latent_actor = LatentActor(
            self.encoders.widths, self.chunk_size, config.latent_actor_widths)

    def own_latents(self, now: Encoded) -> Tensor:
        """Return the latents (B, D) of the latent actor."""
        return self.latent_actor(now('latent_actor'))

    @torch.no_grad()
    def next_value(self, later: Encoded) -> Tensor:
        """Return the target critics' value (B,) of what the actor does then."""
        return self.decoded_value(later, self.own_latents(later))

    def latent_value(self, now: Encoded, latents: Tensor) -> Tensor:
        """Return the value (B,) that the actor climbs; its gradient reaches the latents only."""
        raise NotImplementedError

    def latent_loss(self, now: Encoded) -> tuple[Tensor, Metrics]:
        """Return minus the mean value of the actor's latents, in units of its size."""
        latents = self.own_latents(now)
        q = self.latent_value(now, latents)
        loss = self.config.alpha * climbing_loss(q)
        return loss, {
            'latent/latent_loss': loss.detach(),
            'latent/q_mean': q.detach().mean(),
            'latent/z_norm': latents.detach().square().mean(),
        }
