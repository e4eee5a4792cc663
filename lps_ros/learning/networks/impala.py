"""
Image encoders: residual convolutional networks, one for each view.

Source: Espeholt et al. 2018, "IMPALA: Scalable Distributed Deep-RL with Importance Weighted
Actor-Learner Architectures".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.layers import Dense
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F


@dataclass(frozen=True)
class EncoderSize:
    """Channels of the stacks, residual blocks in each of them, width of one view's embedding."""

    stacks: tuple[int, ...]
    blocks: int
    embedding: int = 512


ENCODERS = {
    'impala_debug': EncoderSize((4, 4), 1),
    'impala_tiny': EncoderSize((8, 16, 16), 1, 64),
    'impala_compact': EncoderSize((16, 32, 32), 1, 128),
    'impala_small': EncoderSize((16, 32, 32), 1),
    'impala': EncoderSize((16, 32, 32), 2),
    'impala_large': EncoderSize((64, 128, 128), 2, 1024),
}


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """Two convolutions, each after a ReLU, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to the same shape."""
        return x + self.second(F.relu_(self.first(F.relu(x))))


class Stack(nn.Module):
    """A convolution, a pooling that halves height and width (rounded up), residual blocks."""

    def __init__(self, inputs: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.convolution = _convolution(inputs, channels)
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, channels, h / 2, w / 2)."""
        x = self.convolution(x)
        # 'Same' padding, as published: on both sides of an odd size, only at the end of an even.
        padding = (x.shape[-2] % 2, x.shape[-1] % 2)
        return self.blocks(F.max_pool2d(x, 3, stride=2, padding=padding, ceil_mode=True))


class ViewEncoder(nn.Module):
    """The network of one view."""

    def __init__(self, size: EncoderSize, height: int, width: int) -> None:
        """Take the size of the frames."""
        super().__init__()
        self.frame = (height, width, 3)
        self.stacks = nn.Sequential(
            *(Stack(a, b, size.blocks) for a, b in pairwise((3, *size.stacks))))
        shrink = 2 ** len(size.stacks)
        inputs = ceil(height / shrink) * ceil(width / shrink) * size.stacks[-1]
        self.dense = Dense(inputs, size.embedding)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, h, w, 3), 0 to 255, to embeddings (B, embedding)."""
        # Channels stay last in memory, which is faster and makes the flattening free.
        x = F.relu_(self.stacks((frames / 255).permute(0, 3, 1, 2)))
        return gelu_(self.dense(x.permute(0, 2, 3, 1).flatten(start_dim=1)))


class ImageEncoder(nn.Module):
    """Embeds one frame of each view; each view has weights of its own."""

    def __init__(self, size: EncoderSize, images: Sequence[tuple[int, int]]) -> None:
        """Take (height, width) of each view's frames."""
        super().__init__()
        self.views = nn.ModuleList(ViewEncoder(size, *image) for image in images)
        self.size = len(images) * size.embedding

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        """
        Map frames (B, h, w, 3) of each view, uint8 or 0.0 to 255.0, to (B, size).

        Raises ValueError where their number or sizes are not those of the views.
        """
        found = [tuple(image.shape[1:]) for image in images]
        expected = [view.frame for view in self.views]
        if found != expected:
            found, expected = (', '.join(map(str, sizes)) or 'none' for sizes in (found, expected))
            raise ValueError(f'images: found frames of {found}, expected {expected}; give one of '
                             'each view, in the order of the encoder')
        return torch.cat([view(image) for view, image in zip(self.views, images)], dim=-1)


def make_image_encoder(kind: str, images: Sequence[tuple[int, int]]) -> ImageEncoder:
    """Build an encoder, one of `ENCODERS`, for views of these (height, width)."""
    return ImageEncoder(ENCODERS[kind], images)
