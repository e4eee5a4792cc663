"""Latent policy steering (Im et al., RSS 2026): losses and one update of all parts."""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from typing import NamedTuple

from lps_ros.learning import meanflow
from lps_ros.learning.networks import Critic
from lps_ros.learning.networks import Decoder
from lps_ros.learning.networks import LatentActor
import torch
from torch import nn
from torch import Tensor

Metrics = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class LPSConfig:
    """What defines the algorithm and its networks."""

    horizon: int = 5  # actions in a chunk
    discount: float = 0.99  # per control tick
    decoder_widths: tuple[int, ...] = (256,) * 4  # hidden layers
    critic_widths: tuple[int, ...] = (256,) * 3  # hidden layers
    latent_actor_widths: tuple[int, ...] = (256,) * 2  # hidden layers
    critics: int = 2  # ensemble members
    lr: float = 1e-3  # Adam, at the first update
    alpha: float = 1.0  # weight of the latent actor's loss
    tau: float = 0.005  # share of the critic in the target's average
    flow_ratio: float = 0.25  # rows of a batch with t > r
    flow_method: meanflow.Method = 'jit_mf'  # 'mfql' residual form, 'mf' plain form (ablation)
    critic_aggregation: Literal['min', 'mean'] = 'min'  # over members, in the critic's target


class Transitions(NamedTuple):
    """One batch: observations (B, S), actions (B, D), rewards (B,), masks (B,), next (B, S)."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    masks: Tensor
    next_observations: Tensor


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Pass gradients to the inputs of the modules, but collect none for their parameters."""
    for module in modules:
        module.requires_grad_(False)
    try:
        yield
    finally:
        for module in modules:
            module.requires_grad_(True)


class LPS(nn.Module):
    """Decoder, latent actor, critics and target critics, trained together by one Adam."""

    def __init__(self, config: LPSConfig, observation_size: int, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__()
        self.config = config
        self.observation_size = observation_size
        self.action_size = action_size
        self.chunk_size = config.horizon * action_size
        sizes = observation_size, self.chunk_size
        self.decoder = Decoder(*sizes, config.decoder_widths)
        self.latent_actor = LatentActor(*sizes, config.latent_actor_widths)
        self.critic = Critic(*sizes, config.critic_widths, config.critics)
        self.target_critic = Critic(*sizes, config.critic_widths, config.critics)
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.target_critic.requires_grad_(False)

    @cached_property
    def optimiser(self) -> torch.optim.Adam:
        """Adam over all parts; made on first use, as a policy that only acts needs none."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.Adam(parameters, lr=self.config.lr, fused=True)

    def act(self, observations: Tensor, latents: Tensor) -> Tensor:
        """Decode latents (B, D) into action chunks (B, D) in [-1, 1]."""
        return meanflow.decode(
            self.decoder, self.config.flow_method, observations, latents).clamp(-1, 1)

    def critic_loss(self, batch: Transitions) -> tuple[Tensor, Metrics]:
        """Return the squared error to the target of the chunk, mean over members and batch."""
        config = self.config
        with torch.no_grad():
            next_actions = self.act(
                batch.next_observations, self.latent_actor(batch.next_observations))
            next_q = self.target_critic(batch.next_observations, next_actions)
            next_q = next_q.amin(0) if config.critic_aggregation == 'min' else next_q.mean(0)
            target = batch.rewards + config.discount ** config.horizon * batch.masks * next_q
        q = self.critic(batch.observations, batch.actions)
        loss = (q - target).square().mean()
        values = q.detach().mean(0)
        return loss, {
            'critic/critic_loss': loss.detach(),
            'critic/q_mean': values.mean(),
            'critic/q_max': values.amax(),
            'critic/q_min': values.amin(),
        }

    def flow_loss(
        self, batch: Transitions, draws: meanflow.FlowDraws,
    ) -> tuple[Tensor, Metrics]:
        """Return the decoder's behaviour-cloning loss."""
        loss = meanflow.flow_loss(
            self.decoder, self.config.flow_method, batch.observations, batch.actions, draws,
            self.config.flow_ratio)
        return loss, {'decoder/flow_loss': loss.detach()}

    def latent_loss(self, batch: Transitions) -> tuple[Tensor, Metrics]:
        """Return minus the critics' mean at the actor's own chunk, in units of its size."""
        latents = self.latent_actor(batch.observations)
        with frozen(self.decoder, self.critic):
            actions = self.act(batch.observations, latents)
            q = self.critic(batch.observations, actions).mean(0)
        loss = -self.config.alpha * q.mean() / q.detach().abs().mean()
        return loss, {
            'latent/latent_loss': loss.detach(),
            'latent/q_mean': q.detach().mean(),
            'latent/z_norm': latents.detach().square().mean(),
        }

    def total_loss(
        self, batch: Transitions, draws: meanflow.FlowDraws,
    ) -> tuple[Tensor, Metrics]:
        """Return the sum of the three losses, all at the same parameters."""
        critic, critic_metrics = self.critic_loss(batch)
        flow, flow_metrics = self.flow_loss(batch, draws)
        latent, latent_metrics = self.latent_loss(batch)
        return critic + flow + latent, critic_metrics | flow_metrics | latent_metrics

    def update(self, batch: Transitions, draws: meanflow.FlowDraws) -> Metrics:
        """Take one step of Adam on all parts and return the metrics before it."""
        loss, metrics = self.total_loss(batch, draws)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        # The target averages in the critic as it was before the step, so this comes first.
        with torch.no_grad():
            target = list(self.target_critic.parameters())
            torch._foreach_mul_(target, 1 - self.config.tau)
            torch._foreach_add_(target, list(self.critic.parameters()), alpha=self.config.tau)
        self.optimiser.step()
        return metrics
