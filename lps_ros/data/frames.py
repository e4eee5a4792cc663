"""Camera frames as they are stored in an episode."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import math

import cv2
from lps_ros.data.errors import DataError
from lps_ros.data.errors import EpisodeError
import numpy as np

IMAGE_FORMATS = ('jpeg', 'png', 'raw')
# Visually lossless at the sizes that policies use.
_JPEG_QUALITY = 95


def encode_frame(image: np.ndarray, image_format: str) -> bytes:
    """Encode RGB uint8 (h, w, 3) as `jpeg`, `png` or `raw` bytes; raises DataError."""
    if image_format == 'raw':
        return image.tobytes()
    suffix, options = {
        'jpeg': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]), 'png': ('.png', [])}[
            image_format]
    encoded, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise DataError(f'a frame of {image.shape[1]}x{image.shape[0]} cannot be encoded as '
                        f'{image_format}; use another image format')
    return data.tobytes()


class Frames(Sequence):
    """The frames of one stream, decoded when asked for: `frames[i]` is uint8 (h, w, 3) RGB."""

    def __init__(
            self, data: np.ndarray, offset: np.ndarray, image_format: str,
            shape: tuple[int, int, int]) -> None:
        """Take all frames as one byte array (n,) with offsets int64 (frames + 1,)."""
        self._data = data
        self._offset = offset
        self._format = image_format
        self._shape = shape

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._offset) - 1

    def stored(self, row: int) -> np.ndarray:
        """Return the bytes of one frame as they are stored, uint8 (n,)."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self._data[self._offset[row]:self._offset[row + 1]]

    def __getitem__(self, row: int) -> np.ndarray:
        """Decode one frame; raises DataError where its bytes are damaged."""
        part = self.stored(row)
        if self._format == 'raw' and part.size == math.prod(self._shape):
            return part.reshape(self._shape)
        try:
            pixels = cv2.imdecode(part, cv2.IMREAD_COLOR) if len(part) else None
        except cv2.error:  # as for a damaged header that claims too many pixels
            pixels = None
        if pixels is None or pixels.shape != self._shape:
            raise DataError(f'frame {row} does not decode as {self._format}')
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def each_frame(frames: Frames, rows: Iterable[int], source: str) -> Iterator[np.ndarray]:
    """
    Decode these rows one by one; a row that follows itself is decoded once.

    Raises EpisodeError, starting with `source`, where one is damaged or not there.
    """
    last, image = -1, None
    for row in rows:
        if image is None or row != last:
            try:
                last, image = row, frames[row]
            except DataError as error:
                raise EpisodeError(f'{source}: {error}; convert its recording again') from error
            except IndexError as error:
                raise EpisodeError(f'{source}: has no frame {row}, expected one at each of these '
                                   'ticks; convert its recording again') from error
        yield image
