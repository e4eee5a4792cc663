"""
The decoder as a diffusion transformer (DiT) on action tokens, conditioned on the flow times.

Sources: Peebles and Xie 2023 (adaLN-Zero); Im et al. 2026, "Latent Policy Steering through
One-Step Flow Policies" (RMSNorm times sqrt(width), normalised queries and keys, BLOCK_SHARE).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from lps_ros.learning.networks.dual import add_product
from lps_ros.learning.networks.dual import attend
from lps_ros.learning.networks.dual import Dual
from lps_ros.learning.networks.dual import gelu
from lps_ros.learning.networks.dual import Linear
from lps_ros.learning.networks.dual import modulate
from lps_ros.learning.networks.dual import Norm
from lps_ros.learning.networks.dual import silu
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

TIME_FEATURES = 256  # cosines and sines of a flow time
SLOWEST = 1e-4  # of their frequencies, in rad per unit of time; the fastest is 1
BLOCK_SHARE = 0.1  # of a block's change, in the tokens that leave it


@dataclass(frozen=True)
class DiTSize:
    """Width of a token, number of blocks, attention heads, widening inside a block's MLP."""

    hidden: int
    depth: int
    heads: int
    mlp_ratio: int = 4


SIZES = {
    'dit_nano': DiTSize(192, 6, 3),
    'dit_tiny': DiTSize(384, 8, 6),
    'dit_small': DiTSize(384, 12, 6),
    'dit_base': DiTSize(768, 12, 12),
}


class TimeEmbedding(nn.Module):
    """Sinusoidal features of a flow time in [0, 1], through two layers."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        half = TIME_FEATURES // 2
        frequencies = torch.exp(log(SLOWEST) / half * torch.arange(half))
        self.register_buffer('frequencies', frequencies, persistent=False)
        self.input = Linear(TIME_FEATURES, hidden)
        self.output = Linear(hidden, hidden)

    def forward(self, time: Dual) -> Dual:
        """Map times (B, 1) to (B, hidden)."""
        angle = time.map(lambda x: x * self.frequencies)
        waves = Dual(torch.cat((angle.value.cos(), angle.value.sin()), dim=-1),
                     angle.push(lambda x, dx: torch.cat((-x.sin() * dx, x.cos() * dx), dim=-1)))
        return self.output(silu(self.input(waves)))


class Block(nn.Module):
    """Self-attention of all tokens to all, then an MLP; both modulated by the condition."""

    def __init__(self, size: DiTSize) -> None:
        super().__init__()
        hidden, wide = size.hidden, size.hidden * size.mlp_ratio
        self.heads = size.heads
        self.modulation = Linear(hidden, 6 * hidden, zero=True)
        self.attention_norm, self.mlp_norm = Norm(hidden), Norm(hidden)
        self.qkv = Linear(hidden, 3 * hidden)
        self.query_norm, self.key_norm = (Norm(hidden // size.heads) for _ in 'qk')
        self.attention_output = Linear(hidden, hidden)
        self.mlp_input, self.mlp_output = Linear(hidden, wide), Linear(wide, hidden)

    def forward(self, x: Dual, condition: Dual) -> Dual:
        """Map tokens (B, L, hidden) to the same shape; the condition is (B, 1, hidden)."""
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = (
            self.modulation(condition).split(lambda x: x.chunk(6, dim=-1)))
        y = self._attention(modulate(self.attention_norm(x), shift, scale))
        y = add_product(x, gate, y)
        hidden = self.mlp_input(modulate(self.mlp_norm(y), mlp_shift, mlp_scale))
        y = add_product(y, mlp_gate, self.mlp_output(gelu(hidden)))
        return Dual(torch.lerp(x.value, y.value, BLOCK_SHARE),
                    x.push(lambda _, dx: torch.lerp(dx, y.tangent, BLOCK_SHARE)))

    def _attention(self, x: Dual) -> Dual:
        q, k, v = self.qkv(x).split(
            lambda x: x.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind())
        mixed = attend(self.query_norm(q), self.key_norm(k), v)
        return self.attention_output(mixed.map(lambda x: x.transpose(1, 2).flatten(-2)))


class DiT(nn.Module):
    """Flow network on one token for each part of the features and one for each action."""

    def __init__(
            self, feature_widths: Sequence[int], *, horizon: int, action_size: int, times: int,
            size: DiTSize) -> None:
        """Build the network; times is the number of time inputs."""
        super().__init__()
        hidden = size.hidden
        self.horizon = horizon
        self.features = nn.ModuleList(Linear(width, hidden) for width in feature_widths)
        self.actions = Linear(action_size, hidden)
        self.positions = nn.Parameter(0.005 * torch.randn(len(feature_widths) + horizon, hidden))
        self.times = nn.ModuleList(TimeEmbedding(hidden) for _ in range(times))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth))
        self.norm = Norm(hidden)
        self.modulation = Linear(hidden, 2 * hidden, zero=True)
        self.output = Linear(hidden, action_size, zero=True)

    def forward(self, features: tuple[Tensor, ...], z: Tensor, *times: Tensor) -> Tensor:
        """Map features of B rows, z (B, D) and times (B, 1) to (B, D)."""
        return self._evaluate(features, Dual(z), *(Dual(time) for time in times)).value

    def value_and_tangent(
            self, features: tuple[Tensor, ...], z: Tensor, times: Sequence[Tensor],
            tangent: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the value (B, D) and, for the last n rows, its directional derivative (n, D).

        `tangent` (n, D + number of times) is the direction in (z, *times); the derivative
        carries no graph.
        """
        directions = tangent.detach().split((z.shape[-1], *(1 for _ in times)), dim=-1)
        return self._evaluate(features, *map(Dual, (z, *times), directions))

    def _evaluate(self, features: tuple[Tensor, ...], z: Dual, *times: Dual) -> Dual:
        tokens = [embed(Dual(part)).value.unsqueeze(1)
                  for embed, part in zip(self.features, features, strict=True)]
        actions = self.actions(z.map(lambda x: x.unflatten(-1, (self.horizon, -1))))
        x = torch.cat((*tokens, actions.value), dim=1) + self.positions
        x = Dual(x, actions.push(lambda _, dx: F.pad(dx.to(x.dtype), (0, 0, len(tokens), 0))))
        embedded = [embed(time) for embed, time in zip(self.times, times, strict=True)]
        condition = silu(Dual(
            sum(part.value for part in embedded),
            embedded[0].push(lambda *_: sum(part.tangent for part in embedded))))
        condition = condition.map(lambda x: x.unsqueeze(1))
        for block in self.blocks:
            x = block(x, condition)
        x = self.norm(x.map(lambda x: x[:, -self.horizon:]))
        x = modulate(x, *self.modulation(condition).split(lambda x: x.chunk(2, dim=-1)))
        return self.output(x).map(lambda x: x.flatten(start_dim=1))
