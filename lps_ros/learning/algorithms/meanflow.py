"""
MeanFlow for action chunks: the three forms of the loss, one-step decoding, their algorithms.

Time runs from t = 0 (data x) to t = 1 (latent e): z = (1 - t) x + t e, v = e - x. The decoder's
second time input is the span t - r. Source: Geng et al. 2025 (MeanFlow); Im et al. 2026,
"Latent Policy Steering through One-Step Flow Policies".
"""
from dataclasses import dataclass
from typing import Literal
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

Method = Literal['jit_mf', 'mfql', 'mf']
TIME_MEAN = -0.4  # of the normal draw that goes through the logistic function


@dataclass(frozen=True, kw_only=True)
class MeanFlowConfig(AlgorithmConfig):
    """Settings of a one-step decoder."""

    flow_ratio: float = 0.25  # rows of a batch with t > r
    flow_method: Method = 'jit_mf'  # 'mfql' residual form, 'mf' plain form (ablation)


class FlowDraws(NamedTuple):
    """The random numbers of one flow loss: latents (B, D) of the prior, times t >= r (B, 1)."""

    latents: Tensor
    t: Tensor
    r: Tensor


def equal_rows(batch_size: int, flow_ratio: float) -> int:
    """Return how many leading rows of a batch have r = t."""
    return int(batch_size * (1 - flow_ratio))


def flow_times(normal_t: Tensor, normal_r: Tensor, flow_ratio: float) -> tuple[Tensor, Tensor]:
    """Turn normal draws (B, 1) into times t >= r, equal but in the last `flow_ratio` rows."""
    a = torch.sigmoid(normal_t + TIME_MEAN)
    b = torch.sigmoid(normal_r + TIME_MEAN)
    t, r = torch.maximum(a, b), torch.minimum(a, b)
    first = equal_rows(len(t), flow_ratio)
    return t, torch.cat((t[:first], r[first:]))


def flow_tangent(method: Method, v: Tensor) -> Tensor:
    """Return the direction (n, D + 2) in (z, t, t - r) of the derivative, for v (n, D)."""
    one = v.new_ones(len(v), 1)
    times = (0 * one, -one) if method == 'mf' else (one, one)
    return torch.cat((v, *times), dim=-1)


def flow_sides(
    method: Method, z: Tensor, v: Tensor, span: Tensor, value: Tensor, derivative: Tensor,
) -> tuple[Tensor, Tensor]:
    """
    Return both sides (B, D) of the MeanFlow identity: the prediction u and its target.

    `value` (B, D) and `derivative` (B, D) are the decoder's; where the span (B, 1) is zero the
    derivative has no influence.
    """
    if method == 'jit_mf':
        return z - value, v - span * (v - derivative)
    if method == 'mfql':
        return value, z + (span - 1) * v - span * derivative
    return value, v - span * derivative


def adaptive_l2(error: Tensor) -> Tensor:
    """Return each row's m / sqrt(m + 1e-3) (B,), m the mean square; the weight is fixed."""
    square = error.square().mean(dim=-1)
    return square * torch.rsqrt(square.detach() + 1e-3)


def flow_losses(
    decoder: Decoder, method: Method, features: Features, chunks: Tensor, draws: FlowDraws,
    flow_ratio: float,
) -> Tensor:
    """Return each row's MeanFlow loss (B,) of cloning `chunks` (B, D), targets without a graph."""
    t, span = draws.t, draws.t - draws.r
    v = draws.latents - chunks
    z = chunks + t * v
    first = equal_rows(len(chunks), flow_ratio)
    value, tail = decoder.value_and_tangent(
        features, z, (t, span), flow_tangent(method, v[first:]))
    derivative = torch.cat((torch.zeros_like(chunks[:first]), tail))
    prediction, target = flow_sides(method, z, v, span, value, derivative)
    return adaptive_l2(prediction - target)


def decode(decoder: Decoder, method: Method, features: Features, latents: Tensor) -> Tensor:
    """Map latents (B, D) to chunks (B, D) in one step, before the clip to [-1, 1]."""
    one = latents.new_ones(len(latents), 1)
    value = decoder(features, latents, one, one)
    return latents - value if method == 'mf' else value


class MeanFlowDecoding(Algorithm):
    """An algorithm whose decoder is a one-step MeanFlow, cloned from the data."""

    config_type = MeanFlowConfig

    def __init__(
            self, config: MeanFlowConfig, shape: ObservationShape, action_size: int) -> None:
        """Draw the initial weights from torch's global generator."""
        super().__init__(config, shape, action_size)
        self.decoder = make_decoder(
            config.decoder, self.encoders.widths, horizon=config.horizon,
            action_size=action_size, widths=config.decoder_widths, times=2)

    def draw(self, batch_size: int, generator: torch.Generator) -> FlowDraws:
        """Draw the latents and times of the flow loss."""
        size = self.chunk_size
        normal = torch.randn(batch_size, size + 2, generator=generator)
        latents, normal_t, normal_r = normal.split((size, 1, 1), dim=-1)
        return FlowDraws(
            self.prior(latents), *flow_times(normal_t, normal_r, self.config.flow_ratio))

    def kinds(self, batch_size: int) -> tuple[int, ...]:
        """Return how many rows have r = t and how many t > r."""
        first = equal_rows(batch_size, self.config.flow_ratio)
        return first, batch_size - first

    def decode(self, now: Encoded, latents: Tensor, strength: float = 1.0) -> Tensor:
        """Map latents (B, D) to chunks (B, D) in [-1, 1]; the strength has no influence."""
        return self.decoded(now('decoder'), latents)

    def decoded(self, features: Features, latents: Tensor) -> Tensor:
        """Map latents (B, D) to chunks (B, D) in [-1, 1] by the decoder's own features."""
        return decode(self.decoder, self.config.flow_method, features, latents).clamp(-1, 1)

    def flow_loss(
            self, now: Encoded, batch: Transitions, draws: FlowDraws) -> tuple[Tensor, Metrics]:
        """Return the decoder's behaviour-cloning loss."""
        losses = flow_losses(
            self.decoder, self.config.flow_method, now('decoder'), batch.actions, draws,
            self.config.flow_ratio)
        loss = (batch.cloned * losses).mean()
        return loss, {'decoder/flow_loss': loss.detach()}
