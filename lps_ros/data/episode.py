"""Reads an episode file."""

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
from lps_ros.contract import Action
from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import Observation
from lps_ros.contract import parse_contract
from lps_ros.contract import row_width
from lps_ros.data.episode_file import SCHEMA_VERSION
from lps_ros.data.episode_mark import OUTCOMES
from lps_ros.data.errors import EpisodeError
from lps_ros.data.frames import each_frame
from lps_ros.data.frames import Frames
from lps_ros.data.frames import IMAGE_FORMATS
from lps_ros.data.provenance import NUMBERS
from lps_ros.data.provenance import Provenance
from lps_ros.data.provenance import WHOLE
import numpy as np

_STATISTICS = ('count', 'rate_hz', 'gaps', 'longest_gap_s', 'duplicates', 'drops', 'misfits')
# Of episodes that were recorded before it was counted.
_UNKNOWN = {'misfits': np.int64(-1)}


@dataclass(frozen=True, kw_only=True)
class Stream:
    """
    Every message of one stream in order of receipt.

    data: float64 (n, W) rows, or Frames; stamp_ns int64 (n,), -1 without a header; received_ns
    int64 (n,); statistics as of `Episode.statistics`; source: where each command came from, empty
    for an observation.
    """

    data: np.ndarray | Frames
    stamp_ns: np.ndarray
    received_ns: np.ndarray
    statistics: dict[str, int | float]
    source: list[str]


class Episode:
    """
    One recorded episode, opened with `Episode.open`; a context manager.

    Its T transitions lie between T + 1 ticks. Methods raise EpisodeError, naming the file.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        with self._intact('its header'):
            self._size = path.stat().st_size
            self.attributes: dict[str, Any] = {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in self._attributes_of(file).items()}

    @classmethod
    def open(cls, path: Path) -> 'Episode':
        """Open an episode file; raises EpisodeError where it is truncated or of another kind."""
        path = Path(path)
        try:
            file = h5py.File(path, 'r')
        except FileNotFoundError as error:
            raise EpisodeError(f'{path}: not found; expected an episode file') from error
        except Exception as error:  # as in _intact
            kind = 'truncated' if 'truncated' in str(error) else 'not a readable HDF5 file'
            raise EpisodeError(f'{path}: is {kind}; remove it, or convert its recording '
                               'again') from error
        try:
            episode = cls(path, file)
            version = episode.attributes.get('schema_version')
            if not isinstance(version, int) or version != SCHEMA_VERSION:
                raise EpisodeError(f'{path}: found schema version {version}, expected '
                                   f'{SCHEMA_VERSION}; use the version of lps_ros that wrote it')
        except EpisodeError:
            file.close()
            raise
        return episode

    def close(self) -> None:
        """Close the file."""
        with self._intact('its end'):
            self._file.close()

    def __enter__(self) -> 'Episode':
        """Return self."""
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            traceback: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    @cached_property
    def contract(self) -> Contract:
        """Contract that it was recorded with."""
        try:
            return parse_contract(self.attribute('contract'))
        except ContractError as error:
            raise EpisodeError(f'{self.path}: {error}') from error

    @property
    def outcome(self) -> str:
        """Either `success` or `failure`."""
        outcome = self.attribute('outcome')
        if outcome not in OUTCOMES:
            raise EpisodeError(f"{self.path}: found outcome '{outcome}', expected "
                               f'{" or ".join(OUTCOMES)}; convert its recording again')
        return outcome

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What the recorder marked, each with `event` and `time_ns`, in order."""
        with self._intact('events'):
            events = json.loads(self.attribute('events'))
            if not all({'event', 'time_ns'} <= event.keys() for event in events):
                raise KeyError('event')
            return events

    @cached_property
    def ticks_ns(self) -> np.ndarray:
        """Time of each control tick, int64 (T + 1,), T at least 1."""
        ticks_ns = self._read('tick/time_ns', np.int64)
        if len(ticks_ns) < 2:
            raise EpisodeError(f'{self.path}: holds {len(ticks_ns)} control tick(s), expected at '
                               'least 2; convert its recording again')
        if (ticks_ns[1:] <= ticks_ns[:-1]).any():
            raise EpisodeError(f'{self.path}: its control ticks do not ascend; convert its '
                               'recording again')
        return ticks_ns

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of the streams that were recorded, in the contract's order."""
        with self._intact('stream'):
            return tuple(
                spec.key for spec in self._specs() if f'stream/{spec.key}' in self._file)

    @cached_property
    def provenance(self) -> Provenance | None:
        """Where each tick's command came from, None where no policy node told of it."""
        with self._intact('provenance'):
            if 'provenance' not in self._file:
                return None
            names = [str(name) for name in self._attributes_of(
                self._file['provenance'])['sources']]
            keys = list(self._file['provenance'].get('age_s', ()))
            source = [names[number] for number in self._read('provenance/source', np.uint8)]
        columns = {name: self._read(f'provenance/{name}', np.int64) for name in WHOLE}
        columns |= {name: self._read(f'provenance/{name}', np.float64) for name in NUMBERS}
        age_s = {key: self._read(f'provenance/age_s/{key}', np.float64) for key in keys}
        text = self._read('provenance/json', np.uint8)
        offset = self._read('provenance/offset', np.int64)
        if not _covers(offset, len(text)):
            raise EpisodeError(f'{self.path}: the records of its ticks are damaged; convert its '
                               'recording again')
        lines = [text[begin:end].tobytes() for begin, end in zip(offset, offset[1:])]
        lengths = {len(column) for column in (source, lines, *columns.values(), *age_s.values())}
        if lengths != {len(self.ticks_ns)}:
            raise EpisodeError(f'{self.path}: provenance of {sorted(lengths)} ticks, expected '
                               f'{len(self.ticks_ns)}; convert its recording again')
        return Provenance(source=source, age_s=age_s, lines=lines, **columns)

    def stream(self, key: str) -> Stream:
        """Return all messages of a stream."""
        spec = self._spec(key)
        source: list[str] = []
        if isinstance(spec, Action):
            names, = self._stream_attributes(key, ('sources',))
            with self._intact(f'source of stream {key}'):
                source = [str(names[number])
                          for number in self._read(f'stream/{key}/source', np.uint8)]
        return Stream(
            data=self._vectors(key) if getattr(spec, 'image', None) is None else self._frames(key),
            stamp_ns=self._read(f'stream/{key}/stamp_ns', np.int64),
            received_ns=self.received_ns(key), source=source, statistics=self.statistics(key))

    def received_ns(self, key: str) -> np.ndarray:
        """Return when each message of a stream was received, int64 (n,)."""
        self._group(key)
        return self._read(f'stream/{key}/received_ns', np.int64)

    def statistics(self, key: str) -> dict[str, int | float]:
        """
        Return count, rate_hz, gaps, longest_gap_s, duplicates, drops and misfits of a stream.

        Drops are messages lost on the way to the recorder, misfits those that came but did not
        fit the contract and were left out; either is -1 where it is unknown.
        """
        values = dict(zip(_STATISTICS, self._stream_attributes(key, _STATISTICS)))
        for name, value in values.items():
            if not isinstance(value, np.integer | np.floating) or not np.isfinite(value):
                raise EpisodeError(f'{self.path}: stream {key} has the {name} {value}, expected a '
                                   'number; convert its recording again')
        return {name: value.item() for name, value in values.items()}

    def index(self, key: str) -> np.ndarray:
        """Return for each tick the row of a stream, int64 (T + 1,), -1 where there is none."""
        index = self._read(f'tick/index/{key}', np.int64)
        count = len(self.received_ns(key))
        if len(index) != len(self.ticks_ns) or index.min() < -1 or index.max() >= count:
            raise EpisodeError(f'{self.path}: tick/index/{key} does not fit {len(self.ticks_ns)} '
                               f'ticks and {count} messages; convert its recording again')
        return index

    def rows(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Return what each tick sees of vector streams, float64 (T + 1, W), NaN for nothing."""
        sampled = {}
        for key in keys:
            self._spec(key)
            index = self.index(key)
            data = self._vectors(key)
            if index.max() >= len(data):
                raise EpisodeError(f'{self.path}: stream {key} holds {len(data)} messages, too '
                                   'few for its ticks; convert its recording again')
            sampled[key] = np.where((index >= 0)[:, None], data[index], np.nan)
        return sampled

    def images(self, key: str, ticks: Iterable[int]) -> np.ndarray:
        """Return the frames of these ticks, uint8 (n, h, w, 3) RGB."""
        return np.stack(list(self.each_image(key, ticks)))

    def each_image(self, key: str, ticks: Iterable[int]) -> Iterator[np.ndarray]:
        """
        Yield the frame of each of these ticks, uint8 (h, w, 3) RGB.

        They are decoded one by one, also after the episode was closed.
        """
        index = self.index(key)
        try:
            rows = [int(index[tick]) for tick in ticks]
        except IndexError as error:
            raise EpisodeError(f'{self.path}: stream {key}: {error}; expected a frame at each of '
                               'these ticks') from error
        return each_frame(self.stream(key).data, rows, f'{self.path}: stream {key}')

    def _specs(self) -> tuple[Observation | Action, ...]:
        return (*self.contract.observations, *self.contract.actions)

    def _spec(self, key: str) -> Observation | Action:
        for spec in self._specs():
            if spec.key == key:
                return spec
        raise EpisodeError(f"{self.path}: found no stream '{key}', expected one of "
                           f'{", ".join(self.keys)}')

    def attribute(self, name: str) -> str:
        """Return an attribute that is text."""
        value = self.attributes.get(name)
        if not isinstance(value, str):
            raise EpisodeError(f'{self.path}: found no {name}; convert its recording again')
        return value

    def _vectors(self, key: str) -> np.ndarray:
        data = self._read(f'stream/{key}/data', np.float64, 2)
        width = row_width(self._spec(key))
        if data.shape[1] != width:
            raise EpisodeError(f'{self.path}: stream {key} holds {data.shape}, expected '
                               f'(n, {width}); convert its recording again')
        return data

    def _frames(self, key: str) -> Frames:
        image = self._spec(key).image
        data = self._read(f'stream/{key}/data', np.uint8)
        offset = self._read(f'stream/{key}/offset', np.int64)
        image_format, = self._stream_attributes(key, ('image_format',))
        if str(image_format) not in IMAGE_FORMATS or not _covers(offset, len(data)):
            raise EpisodeError(f'{self.path}: the frames of stream {key} are damaged; convert its '
                               'recording again')
        return Frames(data, offset, image_format, (image.height, image.width, 3))

    def _group(self, key: str) -> h5py.Group:
        with self._intact(f'stream/{key}'):
            if f'stream/{key}' not in self._file:
                raise EpisodeError(f"{self.path}: found no stream '{key}', only "
                                   f'{", ".join(self.keys)}; use a contract without it')
            return self._file[f'stream/{key}']

    def _stream_attributes(self, key: str, names: tuple[str, ...]) -> list[Any]:
        with self._intact(f'stream/{key}'):
            found = _UNKNOWN | self._attributes_of(self._group(key))
        for name in names:
            if name not in found:
                raise EpisodeError(f'{self.path}: stream {key} lacks its {name}; convert its '
                                   'recording again')
        return [found[name] for name in names]

    def _read(self, name: str, dtype: type, dimensions: int = 1) -> np.ndarray:
        with self._intact(name):
            stored = self._file[name]
            if (stored.dtype, stored.ndim) != (dtype, dimensions):
                raise TypeError(f'found {stored.dtype} {stored.shape}')
            self._check_size(stored.shape, stored.dtype)
            return stored[()]

    def _attributes_of(self, place: h5py.Group) -> dict[str, Any]:
        values = {}
        for name in place.attrs:
            stored = place.attrs.get_id(name)
            self._check_size(stored.shape, stored.dtype)
            values[name] = place.attrs[name]
        return values

    def _check_size(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Refuse a damaged size before memory is taken for it: nothing is compressed."""
        if math.prod(shape) * dtype.itemsize > self._size:
            raise ValueError(f'found {dtype} {shape} in a file of {self._size} bytes')

    @contextmanager
    def _intact(self, part: str) -> Iterator[None]:
        """Turn whatever reading a damaged part of the file raises into an EpisodeError."""
        try:
            yield
        except EpisodeError:
            raise
        # One wrong bit makes HDF5 and h5py raise nearly anything.
        except Exception as error:
            raise EpisodeError(f'{self.path}: {part} is missing or damaged; convert its recording '
                               'again') from error


def _covers(offset: np.ndarray, size: int) -> bool:
    """Tell whether frames from each offset to the next take up all bytes."""
    return (len(offset) > 0 and offset[0] == 0 and offset[-1] == size
            and bool((np.diff(offset) >= 0).all()))
