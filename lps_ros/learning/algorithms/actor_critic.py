"""What algorithms with a critic share: ensemble, target and its average, the chunk's TD loss."""

from dataclasses import dataclass
from typing import ClassVar
from typing import Literal

from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import AlgorithmConfig
from lps_ros.learning.algorithms.algorithm import frozen
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.distributed import mean
from lps_ros.learning.networks.heads import Critic
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CriticConfig(AlgorithmConfig):
    """Settings of the critic."""

    discount: float = 0.99  # per control tick
    critic_widths: tuple[int, ...] = (256,) * 3  # hidden layers
    critics: int = 2  # ensemble members
    tau: float = 0.005  # share of the critic in the target's average
    critic_aggregation: Literal['min', 'mean'] = 'min'  # over members, in the critic's target


def climbing_loss(q: Tensor) -> Tensor:
    """Return minus the mean of values (B,), in units of their size over all processes."""
    return -q.mean() / mean(q.detach().abs().mean())


class ActorCritic(Algorithm):
    """An algorithm with Q(s, chunk): `critic`, and `target_critic`, its average over time."""

    config_type = CriticConfig
    networks: ClassVar[tuple[str, ...]] = ('decoder', 'critic', 'target_critic')
    has_critic = True

    def __init__(
            self, config: CriticConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        sizes = self.encoders.widths, self.chunk_size, config.critic_widths, config.critics
        self.critic = Critic(*sizes)
        self.target_critic = Critic(*sizes)
        for target, trained in self._averaged():
            target.load_state_dict(trained.state_dict())
            target.requires_grad_(False)

    def aggregated(self, q: Tensor) -> Tensor:
        """Reduce the values of all members (members, B) as a target takes them."""
        return q.amin(0) if self.config.critic_aggregation == 'min' else q.mean(0)

    def critic_loss(
            self, now: Encoded, batch: Transitions, next_value: Tensor) -> tuple[Tensor, Metrics]:
        """
        Return the squared error to the target of the chunk, mean over members and batch.

        next_value (B,): of the observation after the chunk, without a graph.
        """
        config = self.config
        target = batch.rewards + config.discount ** config.horizon * batch.masks * next_value
        q = self.critic(now('critic'), batch.actions)
        loss = (q - target).square().mean()
        values = q.detach().mean(0)
        return loss, {
            'critic/critic_loss': loss.detach(),
            'critic/q_mean': values.mean(),
            'critic/q_max': values.amax(),
            'critic/q_min': values.amin(),
        }

    @torch.no_grad()
    def decoded_value(self, later: Encoded, latents: Tensor) -> Tensor:
        """Return the target critics' value (B,) of what latents (B, D) decode to then."""
        chunks = self.decode(later, latents)
        return self.aggregated(self.target_critic(later('target_critic'), chunks))

    def climbed_value(self, now: Encoded, chunks: Tensor) -> Tensor:
        """Return the critics' mean (B,); its gradient reaches the chunks (B, D) only."""
        with frozen(self.critic):
            return self.critic(now.fixed('critic'), chunks).mean(0)

    @torch.no_grad()
    def average_targets(self) -> None:
        """Move target critic and its encoder towards the trained ones by tau."""
        for target, trained in self._averaged():
            targets = list(target.parameters())
            torch._foreach_mul_(targets, 1 - self.config.tau)
            torch._foreach_add_(targets, list(trained.parameters()), alpha=self.config.tau)

    def scores(self, now: Encoded, chunks: Tensor) -> Tensor:
        """Return each critic's value (members, B) of chunks (B, D)."""
        return self.critic(now('critic'), chunks)

    def _averaged(self) -> list[tuple[torch.nn.Module, torch.nn.Module]]:
        pairs = [(self.target_critic, self.critic)]
        encoders = self.encoders.encoders
        if 'target_critic' in encoders:
            pairs.append((encoders['target_critic'], encoders['critic']))
        return pairs
