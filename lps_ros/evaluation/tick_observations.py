"""What a policy sees at the ticks of a recorded episode."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from lps_ros.data.episode import Episode
import numpy as np

# Ticks whose frames are in memory together.
_FRAMES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class TickObservations:
    """Encoded vectors (T, S), not normalised, and frames, decoded as they are taken."""

    episode: Episode
    vectors: np.ndarray
    cameras: tuple[str, ...]

    def each(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
        """Yield each of these ticks with its vector (S,) and frames uint8 (h, w, 3)."""
        frames = [self.episode.each_image(key, rows) for key in self.cameras]
        for row, *images in zip(rows, *frames, strict=True):
            yield row, self.vectors[row], images

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield these ticks in blocks, with the frames uint8 (n, h, w, 3) of each camera."""
        frames = [self.episode.each_image(key, rows) for key in self.cameras]
        length = _FRAMES_AT_ONCE if frames else max(len(rows), 1)
        for start in range(0, len(rows), length):
            block = rows[start:start + length]
            yield block, [np.stack(list(islice(each, len(block)))) for each in frames]
