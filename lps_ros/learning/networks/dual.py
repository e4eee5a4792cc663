"""
Layers that push a derivative along with their values, for networks beyond an MLP.

RMSNorm is times sqrt(width), as in Im et al. 2026.
"""

from collections.abc import Callable
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.activation import gelu_tangent
from lps_ros.learning.networks.layers import NORM_EPS
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F


class Dual(NamedTuple):
    """
    Values (B, ...) and, where asked for, the derivative (n, ...) of the last n rows.

    The derivative is pushed through the same evaluation, without a graph: PyTorch's forward mode
    evaluates these rows again, and neither torch.compile nor fused attention knows it.
    """

    value: Tensor
    tangent: Tensor | None = None

    @property
    def last(self) -> Tensor:
        """The rows that have a derivative."""
        return self.value[len(self.value) - len(self.tangent):].detach()

    def push(self, rule: Callable[[Tensor, Tensor], Tensor]) -> Tensor | None:
        """Return rule(values, derivative) of the last rows."""
        return None if self.tangent is None else rule(self.last, self.tangent)

    def map(self, linear: Callable[[Tensor], Tensor]) -> 'Dual':
        """Apply a linear function without parameters."""
        return Dual(linear(self.value), None if self.tangent is None else linear(self.tangent))

    def split(self, linear: Callable[[Tensor], Sequence[Tensor]]) -> list['Dual']:
        """Apply one that gives several tensors."""
        if self.tangent is None:
            return [Dual(value) for value in linear(self.value)]
        return [Dual(*pair) for pair in zip(linear(self.value), linear(self.tangent))]


def silu(x: Dual) -> Dual:
    """Apply x sigmoid(x)."""
    return Dual(F.silu(x.value), x.push(lambda x, dx: torch.ops.aten.silu_backward(dx, x)))


def gelu(x: Dual) -> Dual:
    """Apply the GELU; on a CPU the values of x are overwritten."""
    tangent = x.push(gelu_tangent)  # first, as the values are overwritten
    return Dual(gelu_(x.value), tangent)


def add_product(x: Dual, a: Dual, b: Dual) -> Dual:
    """Return x + a b."""
    return Dual(torch.addcmul(x.value, a.value, b.value),
                x.push(lambda _, dx: dx + a.tangent * b.last + a.last * b.tangent))


def modulate(x: Dual, shift: Dual, scale: Dual) -> Dual:
    """Return x (1 + scale) + shift."""
    return add_product(shift, x, Dual(1 + scale.value, scale.tangent))


def attend(q: Dual, k: Dual, v: Dual) -> Dual:
    """Return softmax(q k^T / sqrt(width)) v of (B, heads, L, width)."""
    def rule(q: Tensor, dq: Tensor) -> Tensor:
        factor = q.shape[-1] ** -0.5
        weights = (factor * q @ k.last.mT).softmax(dim=-1)
        change = weights * (factor * (dq @ k.last.mT + q @ k.tangent.mT))
        change = change - weights * change.sum(dim=-1, keepdim=True)
        return change @ v.last + weights @ v.tangent

    return Dual(F.scaled_dot_product_attention(q.value, k.value, v.value), q.push(rule))


class Linear(nn.Linear):
    """Dense layer; at first without bias, its weights zero or normal of variance 0.01 / inputs."""

    def __init__(self, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__(inputs, outputs)
        nn.init.zeros_(self.bias)
        if zero:
            nn.init.zeros_(self.weight)
        else:
            std = sqrt(0.01 / inputs) / 0.87962566  # what the cut at 2 leaves of a deviation of 1
            nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)

    def forward(self, x: Dual) -> Dual:
        """Map (..., inputs) to (..., outputs)."""
        return Dual(super().forward(x.value),
                    x.push(lambda _, dx: F.linear(dx, self.weight.detach())))


class Norm(nn.Module):
    """RMSNorm over the last axis, times sqrt(width) as published."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Dual) -> Dual:
        """Map (..., width) to the same shape."""
        scale = self.scale.to(x.value.dtype) * sqrt(len(self.scale))

        def rule(x: Tensor, dx: Tensor) -> Tensor:
            factor = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + NORM_EPS)
            x, dx = factor * x, factor * dx
            return (dx - x * (x * dx).mean(dim=-1, keepdim=True)) * scale.detach()

        return Dual(F.rms_norm(x.value, scale.shape, scale, NORM_EPS), x.push(rule))
