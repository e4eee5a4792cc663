"""Random crops of camera frames, so that a policy does not depend on single pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RandomCrop:
    """
    Moves frames by up to `padding` pixels; the edge is repeated where nothing was seen.

    A batch is left as it is with probability 1 - `probability`, else each of its frames is moved
    by its own offset.
    """

    padding: int
    probability: float

    def draw(
            self, views: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """
        Draw the offsets int64 (B, 2) from 0 to 2 * padding for each view of the batch.

        There are none where the batch is to be left as it is.
        """
        if not views or not self.padding or not self.probability:
            return ()
        if torch.rand((), generator=generator) >= self.probability:
            return ()
        return tuple(torch.randint(2 * self.padding + 1, (batch_size, 2), generator=generator)
                     for _ in range(views))

    def apply(self, frames: Tensor, offsets: Tensor) -> Tensor:
        """Crop uint8 (B, h, w, 3) at offsets (B, 2), row and column; its edge is repeated."""
        count, height, width, channels = frames.shape
        rows, columns = (
            (torch.arange(size, device=frames.device) + offset - self.padding).clamp(0, size - 1)
            for size, offset in zip((height, width), offsets.split(1, dim=1), strict=True))
        first = height * torch.arange(count, device=frames.device)[:, None]
        places = ((first + rows) * width)[:, :, None] + columns[:, None, :]
        # One gather of whole pixels, which is fast on a CPU as well as on a GPU.
        return frames.reshape(-1, channels).index_select(0, places.flatten()).view_as(frames)
