"""Layers that the networks share: dense, ensembles of it, normalisation, MLP, the sphere."""
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.activation import gelu_tangent
import torch
from torch import nn
from torch import Tensor

NORM_EPS = 1e-6


def project_to_sphere(points: Tensor) -> Tensor:
    """Return points / sqrt(sum of squares + 1e-6) * sqrt(D) for points (..., D)."""
    points = points.to(torch.promote_types(points.dtype, torch.float32))
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
        x = nn.functional.layer_norm(x.float(), x.shape[-1:], eps=NORM_EPS)
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
