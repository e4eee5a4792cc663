"""What all algorithms share: configuration, networks' inputs, one update, proposing chunks."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NamedTuple

from lps_ros.learning.distributed import average_gradients
from lps_ros.learning.networks.layers import project_to_sphere
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import Encoders
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import nn
from torch import Tensor

Metrics = dict[str, Tensor]
DecoderKind = Literal['mlp', 'dit_nano', 'dit_tiny', 'dit_small', 'dit_base']
EncoderKind = Literal[
    'impala_debug', 'impala_tiny', 'impala_compact', 'impala_small', 'impala', 'impala_large']


@dataclass(frozen=True, kw_only=True)
class AlgorithmConfig:
    """What defines an algorithm and its networks."""

    horizon: int = 5  # actions in a chunk
    lr: float = 1e-3  # Adam, at its highest
    gradient_clip: float = 0.0  # norm of the gradient of all parts together; 0: not clipped
    decoder: DecoderKind = 'mlp'
    decoder_widths: tuple[int, ...] = (256,) * 4  # hidden layers of an 'mlp'
    encoder: EncoderKind = 'impala_small'  # of images, where some are observed
    shared_encoder: bool = False  # one image encoder for all networks, else one for each


class Transitions(NamedTuple):
    """
    One batch: observations, chunks (B, D), rewards (B,), masks (B,), what is seen next.

    cloned (B,): 1 where the chunk is to be imitated, 0 where only critics learn from it.
    """

    observations: Observations
    actions: Tensor
    rewards: Tensor
    masks: Tensor
    next_observations: Observations
    cloned: Tensor

    def to(self, device: torch.device | str) -> 'Transitions':
        """Return the batch on a device."""
        return Transitions(*(part.to(device) for part in self))


class Proposals(NamedTuple):
    """Chunks (N, D), the latents (N, D) they were decoded from, the critics' values of them."""

    latents: Tensor
    chunks: Tensor
    values: Tensor | None  # (members, N); None without a critic


class Prepared(NamedTuple):
    """
    What remains of proposing when all that only the observation decides is computed.

    latents (N, D) to begin with; decode: latents (M, D) to chunks (M, D), differentiable; values:
    those of chunks, None without a critic.
    """

    latents: Tensor
    decode: Callable[[Tensor], Tensor]
    values: Callable[[Tensor], Tensor | None]

    def propose(self, latents: Tensor) -> Proposals:
        """Return what latents (M, D) propose."""
        chunks = self.decode(latents)
        return Proposals(latents, chunks, self.values(chunks))


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


class Algorithm(nn.Module):
    """
    Networks that learn from batches and propose chunks.

    A subclass gives `name`, `config_type`, `networks` (those that look at observations), `loss`,
    `draw` and `decode`.
    """

    name: ClassVar[str]
    config_type: ClassVar[type[AlgorithmConfig]] = AlgorithmConfig
    networks: ClassVar[tuple[str, ...]] = ('decoder',)
    has_critic: ClassVar[bool] = False
    normal_latents: ClassVar[bool] = False  # of the prior; else they lie on the sphere
    # How a policy of this algorithm is run unless told otherwise.
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'prior', 'candidates': 1, 'replan_every': 2}

    def __init__(
            self, config: AlgorithmConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__()
        self.config = config
        self.shape = shape
        self.action_size = action_size
        self.chunk_size = config.horizon * action_size
        self.encoders = Encoders(
            shape, self.networks, kind=config.encoder, shared=config.shared_encoder)

    @cached_property
    def optimiser(self) -> torch.optim.Adam:
        """Adam over all parts; made on first use, as a policy that only acts needs none."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        device = parameters[0].device
        if device.type != 'cuda':
            return torch.optim.Adam(parameters, lr=self.config.lr, fused=True)
        # In a tensor the learning rate may change between replays of a CUDA graph.
        lr = torch.tensor(self.config.lr, device=device)
        return torch.optim.Adam(parameters, lr=lr, fused=True, capturable=True)

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate of the next update."""
        group = self.optimiser.param_groups[0]
        if isinstance(group['lr'], Tensor):
            group['lr'].fill_(lr)
        else:
            group['lr'] = lr

    def encoded(self, observations: Observations) -> Encoded:
        """Return the features of a batch, made as they are asked for."""
        return Encoded(self.encoders, observations)

    def draw(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Draw all random numbers of one update, on the CPU; rows are the last axis but one."""
        raise NotImplementedError

    def kinds(self, batch_size: int) -> tuple[int, ...]:
        """Return how many rows have the same part in the loss, in the order of the batch."""
        return (batch_size,)

    def loss(self, batch: Transitions, draws: Any) -> tuple[Tensor, Metrics]:
        """Return the sum of all losses, all at the same parameters."""
        raise NotImplementedError

    def update(
            self, batch: Transitions, draws: Any,
            losses: Callable[[Transitions, Any], tuple[Tensor, Metrics]] | None = None) -> Metrics:
        """
        Take one step of Adam on all parts and return the metrics before it.

        losses: what computes `loss`, where it is to be done in another precision or compiled.
        """
        loss, metrics = (losses or self.loss)(batch, draws)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = self.optimiser.param_groups[0]['params']
        average_gradients(parameters)
        # The target averages in the critic as it was before the step, so this comes first.
        self.average_targets()
        if self.config.gradient_clip:
            nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        self.optimiser.step()
        return metrics

    def average_targets(self) -> None:
        """Move the target networks, where there are any, towards the trained ones."""

    def prior(self, points: Tensor) -> Tensor:
        """Turn random normal points (..., D) into latents of the prior."""
        return points if self.normal_latents else project_to_sphere(points)

    def decode(self, now: Encoded, latents: Tensor, strength: float = 1.0) -> Tensor:
        """
        Map latents (B, D) to chunks (B, D) in [-1, 1].

        strength: how far chunks may leave the clone of the data, where decoding itself improves
        on it; 0 is the clone.
        """
        raise NotImplementedError

    def own_latents(self, now: Encoded) -> Tensor | None:
        """Return the latents (B, D) of the latent actor; None without one."""
        return None

    def scores(self, now: Encoded, chunks: Tensor) -> Tensor | None:
        """Return each critic's value (members, B) of chunks (B, D); None without a critic."""
        return None

    def propose(
            self, observations: Observations, points: Tensor, *, mode: str,
            strength: float) -> Proposals:
        """
        Propose N chunks for one observation, from random normal points (N, D).

        'prior': the points as latents of the prior. 'steered': the same, but the first one is
        moved along the sphere by `strength` towards the actor's own latent. Without a latent
        actor only decoding can be steered. A strength of 0 is the prior.
        """
        prepared = self.prepare(observations, points, mode=mode, strength=strength)
        return prepared.propose(prepared.latents)

    def prepare(
            self, observations: Observations, points: Tensor, *, mode: str,
            strength: float) -> Prepared:
        """Return the latents of `propose` and what goes on from there, without weights' graph."""
        strength = strength if mode == 'steered' else 0.0
        with torch.no_grad():
            one = self.encoded(observations).without_graph()
            latents = self.steered_latents(
                points, self.own_latents(one) if strength else None, strength)
        return Prepared(
            latents,
            lambda latents: self.decode(one.repeated(len(latents)), latents, strength),
            lambda chunks: self.scores(one.repeated(len(chunks)), chunks))

    def steered_latents(
            self, points: Tensor, own: Tensor | None, strength: float) -> Tensor:
        """Return the latents (N, D) of `propose`; own (1, D): the actor's, None to take none."""
        if own is None:
            return self.prior(points)
        if len(points) == 1 and strength == 1:
            return own
        latents = self.prior(points)
        first = own if strength == 1 else between(latents[:1], own, strength)
        return torch.cat((first, latents[1:]))


def between(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Return points (N, D) at a share of the way along the sphere from `start` to `end`."""
    angle = torch.acos(nn.functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1))[:, None]
    sine = angle.sin().clamp(min=1e-6)
    arc = ((1 - share) * angle).sin() / sine * start + (share * angle).sin() / sine * end
    straight = (1 - share) * start + share * end
    return project_to_sphere(torch.where(sine > 1e-4, arc, straight))
