"""The files of a training cache: one column each, memory-mapped."""

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
import os
from pathlib import Path
from typing import BinaryIO

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.encoding import EncodedEpisode
from lps_ros.data.files import sync_folder
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Column:
    """One file: rows of one shape and type, in the machine's byte order."""

    name: str
    dtype: type
    shape: tuple[int, ...]  # of a row

    def mapped(self, folder: Path, rows: int) -> np.ndarray:
        """Map the first rows (rows, *shape); raises OSError or ValueError on a shorter file."""
        shape = (rows, *self.shape)
        if 0 in shape:  # nothing to map: there is no episode, or only cameras are observed
            return np.empty(shape, self.dtype)
        return np.memmap(folder / self.name, self.dtype, mode='r', shape=shape)


class Columns:
    """The columns of one contract: observation vectors, actions, and the frames of each camera."""

    def __init__(
            self, contract: Contract, encoder: ObservationEncoder, codec: ActionCodec) -> None:
        self.observations = Column(
            name='observations.f32', dtype=np.float32, shape=(encoder.size,))
        self.actions = Column(name='actions.f32', dtype=np.float32, shape=(codec.size,))
        formats = {key: contract.observation(key).image for key in encoder.image_keys}
        self.images = {
            key: Column(name=f'image_{key}.u8', dtype=np.uint8,
                        shape=(image.height, image.width, 3))
            for key, image in formats.items()}

    def all(self) -> tuple[Column, ...]:
        """Return every column."""
        return (self.observations, self.actions, *self.images.values())

    @contextmanager
    def writer(self, folder: Path) -> Iterator['ColumnWriter']:
        """Write new columns into a new folder; they are on the disk when the context ends."""
        folder.mkdir()
        with ExitStack() as stack:
            files = {column.name: stack.enter_context(open(folder / column.name, 'xb'))
                     for column in self.all()}
            yield ColumnWriter(self, files)
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        sync_folder(folder)


class ColumnWriter:
    """Appends episodes to all columns."""

    def __init__(self, columns: Columns, files: dict[str, BinaryIO]) -> None:
        self._columns = columns
        self._files = files

    def copy(self, old: dict[str, np.ndarray], rows: slice) -> None:
        """Append rows of older columns, mapped and by name."""
        for column in self._columns.all():
            self._append(column, (old[column.name][rows],))

    def encode(self, episode: EncodedEpisode) -> None:
        """Append an episode, one frame at a time."""
        self._append(self._columns.observations, (episode.observations,))
        self._append(self._columns.actions, (episode.actions,))
        for key, column in self._columns.images.items():
            self._append(column, episode.images[key])

    def _append(self, column: Column, parts: Iterable[np.ndarray]) -> None:
        for part in parts:
            if part.shape[-len(column.shape):] != column.shape or part.dtype != column.dtype:
                raise ValueError(f'{column.name}: found {part.dtype} {part.shape}, expected '
                                 f'{np.dtype(column.dtype)} {column.shape}')
            self._files[column.name].write(np.ascontiguousarray(part))
