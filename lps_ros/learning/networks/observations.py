"""Observations as the networks see them, and each network's features of them."""

from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

from lps_ros.learning.networks.impala import make_image_encoder
import torch
from torch import nn
from torch import Tensor

# One tensor (B, F) for each kind of input: the images' embedding, where there are any, and the
# vector.
Features = tuple[Tensor, ...]


class Observations(NamedTuple):
    """A batch: normalised vector (B, S) and, for each camera, frames uint8 (B, h, w, 3)."""

    vector: Tensor
    images: tuple[Tensor, ...] = ()

    def to(self, device: torch.device | str) -> 'Observations':
        """Return them on a device."""
        return Observations(
            self.vector.to(device, non_blocking=True),
            tuple(image.to(device, non_blocking=True) for image in self.images))


@dataclass(frozen=True, kw_only=True)
class ObservationShape:
    """Size S of the vector and (height, width) of each camera's frames."""

    vector: int
    images: tuple[tuple[int, int], ...] = ()


class Encoders(nn.Module):
    """
    The image encoders of several networks: one each, as published, or one that all share.

    Without images it has no parameters, and the features are the vector alone.
    """

    def __init__(
            self, shape: ObservationShape, networks: tuple[str, ...], *, kind: str,
            shared: bool) -> None:
        """Take the names of the networks and the kind of encoder, one of `ENCODERS`."""
        super().__init__()
        self._shared = shared
        names = () if not shape.images else ('shared',) if shared else networks
        self.encoders = nn.ModuleDict(
            {name: make_image_encoder(kind, shape.images) for name in names})
        embedding = sum(encoder.size for encoder in list(self.encoders.values())[:1])
        self.widths = tuple(width for width in (embedding, shape.vector) if width)

    def place(self, network: str) -> str:
        """Return the name under which a network's encoder is kept."""
        return 'shared' if self._shared else network

    def forward(self, network: str, observations: Observations) -> Features:
        """Return the features of one network, of the sizes in `widths`."""
        parts = (observations.vector,) if observations.vector.shape[-1] else ()
        if not self.encoders:
            return parts
        return (self.encoders[self.place(network)](observations.images), *parts)


class Encoded:
    """
    Features of one batch of observations, for whichever network asks; a frame is encoded once.

    `fixed` gives features through which no gradient reaches the encoder.
    """

    def __init__(self, encoders: Encoders, observations: Observations) -> None:
        self._encoders = encoders
        self._observations = observations
        self._made: dict[tuple[str, bool], Features] = {}
        self._rows = len(observations.vector)
        self._graph = True

    def __call__(self, network: str) -> Features:
        """Return a network's features."""
        place = self._encoders.place(network)
        # With their graph they also serve where none is wanted, but not the other way round.
        graph = self._graph and torch.is_grad_enabled()
        key = place, graph or (place, True) in self._made
        if key not in self._made:
            with torch.set_grad_enabled(graph):
                self._made[key] = self._encoders(network, self._observations)
        return tuple(part.expand(self._rows, -1) for part in self._made[key])

    def fixed(self, network: str) -> Features:
        """Return a network's features without their graph."""
        return tuple(part.detach() for part in self(network))

    def without_graph(self) -> 'Encoded':
        """Return features that never carry a graph, whether or not gradients are recorded."""
        other = copy(self)
        other._made = {}
        other._graph = False
        return other

    def repeated(self, rows: int) -> 'Encoded':
        """Return the features of one observation as those of so many rows."""
        other = copy(self)
        other._rows = rows
        return other
