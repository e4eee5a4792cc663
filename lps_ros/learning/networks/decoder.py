"""Decoders: from features, latent and flow times to chunks, as MLP or as transformer."""

from collections.abc import Sequence
from typing import Protocol

from lps_ros.learning.networks.dit import DiT
from lps_ros.learning.networks.dit import SIZES
from lps_ros.learning.networks.layers import MLP
from lps_ros.learning.networks.observations import Features
import torch
from torch import nn
from torch import Tensor


class Decoder(Protocol):
    """A flow network f(s, z, *times); times are t alone, or t and the span t - r."""

    def __call__(self, features: Features, z: Tensor, *times: Tensor) -> Tensor:
        """Map features of B rows, z (B, D) and times (B, 1) to (B, D)."""

    def value_and_tangent(
            self, features: Features, z: Tensor, times: Sequence[Tensor], tangent: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """
        Return the value (B, D) and, for the last n rows, its directional derivative (n, D).

        `tangent` (n, D + number of times) is the direction in (z, *times); the derivative
        carries no graph.
        """


class MLPDecoder(nn.Module):
    """Flow network as an MLP on everything it is given, side by side."""

    def __init__(
            self, feature_widths: Sequence[int], chunk_size: int, widths: Sequence[int],
            times: int) -> None:
        """Build the network; chunk_size is D = H * A, times the number of time inputs."""
        super().__init__()
        self.mlp = MLP(sum(feature_widths) + chunk_size + times, widths, chunk_size)

    def forward(self, features: Features, z: Tensor, *times: Tensor) -> Tensor:
        """See Decoder."""
        return self.mlp(torch.cat((*features, z, *times), dim=-1))

    def value_and_tangent(
            self, features: Features, z: Tensor, times: Sequence[Tensor], tangent: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See Decoder; both come from the same evaluation of the network."""
        still = tangent.new_zeros(len(tangent), sum(part.shape[-1] for part in features))
        return self.mlp.value_and_tangent(
            torch.cat((*features, z, *times), dim=-1), torch.cat((still, tangent), dim=-1),
            len(z) - len(tangent))


def make_decoder(
        kind: str, feature_widths: Sequence[int], *, horizon: int, action_size: int,
        widths: Sequence[int], times: int) -> Decoder:
    """Build the decoder of a configuration: 'mlp' of these widths, or a DiT size."""
    if kind == 'mlp':
        return MLPDecoder(feature_widths, horizon * action_size, widths, times)
    return DiT(feature_widths, horizon=horizon, action_size=action_size, times=times,
               size=SIZES[kind])
