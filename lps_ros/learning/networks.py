"""Networks for vector observations: MLP, one-step decoder, latent actor and ensemble critic."""
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from lps_ros.learning.activation import gelu_
from lps_ros.learning.activation import gelu_tangent
import torch
from torch import nn
from torch import Tensor

NORM_EPS = 1e-6


def project_to_sphere(points: Tensor) -> Tensor:
    """Return points / sqrt(sum of squares + 1e-6) * sqrt(D) for points (..., D)."""
    square = points.square().sum(dim=-1, keepdim=True)
    return points * (torch.rsqrt(square + 1e-6) * sqrt(points.shape[-1]))


class Dense(nn.Module):
    """Affine layer x W + b; with `members` > 0 one for each, in a single batched product."""

    def __init__(self, inputs: int, outputs: int, members: int = 0) -> None:
        """Draw W (members, inputs, outputs) Xavier-uniform; b is zero."""
        super().__init__()
        stack = (members,) if members else ()
        limit = sqrt(6 / (inputs + outputs))
        self.weight = nn.Parameter(torch.empty(*stack, inputs, outputs).uniform_(-limit, limit))
        self.bias = nn.Parameter(torch.zeros(*stack, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs) to (B, outputs), or (members, B, inputs) to (members, B, outputs)."""
        if self.weight.dim() == 2:
            return torch.addmm(self.bias, x, self.weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight)


class LayerNorm(nn.Module):
    """Layer normalisation with a scale and a bias per ensemble member."""

    def __init__(self, width: int, members: int) -> None:
        """Start as the plain normalisation."""
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, width))
        self.bias = nn.Parameter(torch.zeros(members, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (members, B, width) over the last axis."""
        x = nn.functional.layer_norm(x, x.shape[-1:], eps=NORM_EPS)
        return torch.addcmul(self.bias.unsqueeze(1), x, self.scale.unsqueeze(1))


class MLP(nn.Module):
    """Dense layers with GELU between them; the last layer is linear."""

    def __init__(self, inputs: int, widths: Sequence[int], outputs: int) -> None:
        """Build len(widths) hidden layers."""
        super().__init__()
        self.hidden = nn.ModuleList(Dense(a, b) for a, b in pairwise((inputs, *widths)))
        self.output = Dense(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs) to (B, outputs)."""
        for dense in self.hidden:
            x = gelu_(dense(x))
        return self.output(x)

    def value_and_tangent(self, x: Tensor, dx: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """
        Evaluate all rows of x (B, inputs) and push dx (B - first, inputs) through rows first..B.

        The value carries a graph, the tangent (B - first, outputs) does not: both come from the
        same evaluation of the network.
        """
        dx = dx.detach()
        for dense in self.hidden:
            x = dense(x)
            dx = gelu_tangent(x[first:].detach(), dx @ dense.weight.detach())
            x = gelu_(x)
        return self.output(x), dx @ self.output.weight.detach()


class Decoder(nn.Module):
    """One-step flow f(s, z, t, t - r): observation, latent and times to D values."""

    def __init__(self, observation_size: int, chunk_size: int, widths: Sequence[int]) -> None:
        """Build the network; chunk_size is D = H * A."""
        super().__init__()
        self.mlp = MLP(observation_size + chunk_size + 2, widths, chunk_size)

    def forward(self, observations: Tensor, z: Tensor, t: Tensor, span: Tensor) -> Tensor:
        """Map (B, S), (B, D), (B, 1), (B, 1) to (B, D); span is t - r."""
        return self.mlp(torch.cat((observations, z, t, span), dim=-1))

    def value_and_tangent(
        self, observations: Tensor, z: Tensor, t: Tensor, span: Tensor, tangent: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """
        Return the value (B, D) and, for the last n rows, its directional derivative (n, D).

        `tangent` (n, D + 2) is the direction in (z, t, span); the derivative carries no graph.
        """
        still = tangent.new_zeros(len(tangent), observations.shape[-1])
        return self.mlp.value_and_tangent(
            torch.cat((observations, z, t, span), dim=-1),
            torch.cat((still, tangent), dim=-1), len(z) - len(tangent))


class LatentActor(nn.Module):
    """Deterministic policy over latents, the points on the sphere of radius sqrt(D)."""

    def __init__(self, observation_size: int, chunk_size: int, widths: Sequence[int]) -> None:
        """Build the network; chunk_size is D = H * A."""
        super().__init__()
        self.mlp = MLP(observation_size, widths, chunk_size)

    def forward(self, observations: Tensor) -> Tensor:
        """Map (B, S) to latents (B, D)."""
        return project_to_sphere(self.mlp(observations))


class Critic(nn.Module):
    """Ensemble of Q(s, chunk): Dense, GELU, LayerNorm in this order; members share the input."""

    def __init__(
        self, observation_size: int, chunk_size: int, widths: Sequence[int], members: int,
    ) -> None:
        """Build `members` independent networks, stacked."""
        super().__init__()
        sizes = (observation_size + chunk_size, *widths)
        self.hidden = nn.ModuleList(Dense(a, b, members) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(LayerNorm(width, members) for width in widths)
        self.output = Dense(widths[-1], 1, members)
        self.members = members

    def forward(self, observations: Tensor, chunks: Tensor) -> Tensor:
        """Map (B, S) and (B, D) to values (members, B)."""
        x = torch.cat((observations, chunks), dim=-1).expand(self.members, -1, -1)
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            x = norm(gelu_(dense(x)))
        return self.output(x).squeeze(-1)
