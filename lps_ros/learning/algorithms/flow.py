"""
Flow matching for action chunks: the loss, decoding by Euler steps, their algorithms.

Time runs from t = 0 (latent e) to t = 1 (data x), the reverse of MeanFlow's here: z = (1 - t) e
+ t x, velocity x - e. Source: Lipman et al. 2023, "Flow Matching for Generative Modeling".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from typing import NamedTuple

from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import AlgorithmConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.networks.decoder import Decoder
from lps_ros.learning.networks.decoder import make_decoder
from lps_ros.learning.networks.observations import Encoded
from lps_ros.learning.networks.observations import Features
from lps_ros.learning.networks.observations import ObservationShape
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class FlowConfig(AlgorithmConfig):
    """Settings of a decoder that integrates a velocity."""

    flow_steps: int = 10  # of Euler, from latent to chunk


class FlowDraws(NamedTuple):
    """The random numbers of one flow loss: latents (B, D) of the prior, times t (B, 1)."""

    latents: Tensor
    t: Tensor


def flow_errors(
    decoder: Decoder, features: Features, chunks: Tensor, draws: FlowDraws, *condition: Tensor,
) -> Tensor:
    """Return each row's mean squared error (B,) of the velocity; condition: (B, 1) each."""
    velocity = chunks - draws.latents
    z = draws.latents + draws.t * velocity
    return (decoder(features, z, draws.t, *condition) - velocity).square().mean(dim=-1)


def integrate(
        velocity: Callable[[Tensor, Tensor], Tensor], latents: Tensor, steps: int) -> Tensor:
    """Follow velocity(z, t) from latents (B, D) to chunks (B, D), before the clip to [-1, 1]."""
    z = latents
    for step in range(steps):
        z = z + velocity(z, z.new_full((len(z), 1), step / steps)) / steps
    return z


class FlowDecoding(Algorithm):
    """An algorithm whose decoder is a velocity network, cloned from the data."""

    config_type = FlowConfig
    scalars: ClassVar[int] = 1  # that the velocity network takes beside z: the time

    def __init__(self, config: FlowConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.decoder = make_decoder(
            config.decoder, self.encoders.widths, horizon=config.horizon,
            action_size=action_size, widths=config.decoder_widths, times=self.scalars)

    def draw(self, batch_size: int, generator: torch.Generator) -> FlowDraws:
        """Draw the latents and times of the flow loss."""
        points = torch.randn(batch_size, self.chunk_size, generator=generator)
        return FlowDraws(self.prior(points), torch.rand(batch_size, 1, generator=generator))

    def decode(self, now: Encoded, latents: Tensor, strength: float = 1.0) -> Tensor:
        """Map latents (B, D) to chunks (B, D) in [-1, 1]; the strength has no influence."""
        return self.decoded(now('decoder'), latents)

    def decoded(self, features: Features, latents: Tensor) -> Tensor:
        """Map latents (B, D) to chunks (B, D) in [-1, 1] by the decoder's own features."""
        velocity = partial(self.decoder, features)
        return integrate(velocity, latents, self.config.flow_steps).clamp(-1, 1)

    def flow_loss(
            self, now: Encoded, batch: Transitions, draws: FlowDraws) -> tuple[Tensor, Metrics]:
        """Return the decoder's behaviour-cloning loss."""
        errors = flow_errors(self.decoder, now('decoder'), batch.actions, draws)
        loss = (batch.cloned * errors).mean()
        return loss, {'decoder/flow_loss': loss.detach()}
