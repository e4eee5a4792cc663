"""Heads on features: latent actor, critic ensemble and state values."""

from collections.abc import Sequence
from itertools import pairwise

from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.layers import Dense
from lps_ros.learning.networks.layers import LayerNorm
from lps_ros.learning.networks.layers import MLP
from lps_ros.learning.networks.layers import project_to_sphere
from lps_ros.learning.networks.observations import Features
import torch
from torch import nn
from torch import Tensor


class LatentActor(nn.Module):
    """Deterministic policy over latents, the points on the sphere of radius sqrt(D)."""

    def __init__(
            self, feature_widths: Sequence[int], chunk_size: int, widths: Sequence[int]) -> None:
        """Build the network; chunk_size is D = H * A."""
        super().__init__()
        self.mlp = MLP(sum(feature_widths), widths, chunk_size)

    def forward(self, features: Features) -> Tensor:
        """Map features of B rows to latents (B, D)."""
        return project_to_sphere(self.mlp(torch.cat(features, dim=-1)))


class Critic(nn.Module):
    """Ensemble of Q(s, chunk): Dense, GELU, LayerNorm in this order; members share the input."""

    def __init__(
            self, feature_widths: Sequence[int], chunk_size: int, widths: Sequence[int],
            members: int) -> None:
        """Build `members` independent networks, stacked; chunk_size 0 makes state values V(s)."""
        super().__init__()
        sizes = (sum(feature_widths) + chunk_size, *widths)
        self.hidden = nn.ModuleList(Dense(a, b, members) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(LayerNorm(width, members) for width in widths)
        self.output = Dense(widths[-1], 1, members)
        self.members = members

    def forward(self, features: Features, *chunks: Tensor) -> Tensor:
        """Map features of B rows and chunks (B, D) to values (members, B)."""
        x = torch.cat((*features, *chunks), dim=-1).expand(self.members, -1, -1)
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            x = norm(gelu_(dense(x)))
        # The values of two chunks differ by less than bfloat16 resolves.
        with torch.autocast(x.device.type, enabled=False):
            return self.output(x.float()).squeeze(-1)
