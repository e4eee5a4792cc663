"""Reads an episode file."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
import json
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
from lps_ros.data.frames import Frames
import numpy as np

_STATISTICS = ('count', 'rate_hz', 'gaps', 'longest_gap_s', 'duplicates', 'drops')


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
        self.attributes: dict[str, Any] = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in file.attrs.items()}

    @classmethod
    def open(cls, path: Path) -> 'Episode':
        """Open an episode file; raises EpisodeError where it is truncated or of another kind."""
        path = Path(path)
        try:
            file = h5py.File(path, 'r')
            episode = cls(path, file)
        except FileNotFoundError as error:
            raise EpisodeError(f'{path}: not found; expected an episode file') from error
        except (OSError, RuntimeError, KeyError) as error:
            kind = 'truncated' if 'truncated' in str(error) else 'not a readable HDF5 file'
            raise EpisodeError(f'{path}: is {kind}; remove it, or convert its recording '
                               'again') from error
        version = episode.attributes.get('schema_version')
        if version != SCHEMA_VERSION:
            file.close()
            raise EpisodeError(f'{path}: found schema version {version}, expected '
                               f'{SCHEMA_VERSION}; use the version of lps_ros that wrote it')
        return episode

    def close(self) -> None:
        """Close the file."""
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
            return parse_contract(self._attribute('contract'))
        except ContractError as error:
            raise EpisodeError(f'{self.path}: {error}') from error

    @property
    def outcome(self) -> str:
        """Either `success` or `failure`."""
        outcome = self._attribute('outcome')
        if outcome not in OUTCOMES:
            raise EpisodeError(f"{self.path}: found outcome '{outcome}', expected "
                               f'{" or ".join(OUTCOMES)}; convert its recording again')
        return outcome

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What the recorder marked, each with `event` and `time_ns`, in order."""
        return json.loads(self._attribute('events'))

    @cached_property
    def ticks_ns(self) -> np.ndarray:
        """Time of each control tick, int64 (T + 1,)."""
        return self._read('tick/time_ns')

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of the streams that were recorded, in the contract's order."""
        return tuple(spec.key for spec in self._specs() if f'stream/{spec.key}' in self._file)

    def stream(self, key: str) -> Stream:
        """Return all messages of a stream."""
        spec = self._spec(key)
        data = self._read(f'stream/{key}/data')
        source: list[str] = []
        if isinstance(spec, Action):
            names = self._stream_attribute(key, 'sources')
            source = [str(names[number]) for number in self._read(f'stream/{key}/source')]
        elif spec.image is not None:
            data = Frames(data, self._read(f'stream/{key}/offset'),
                          self._stream_attribute(key, 'image_format'),
                          (spec.image.height, spec.image.width, 3))
        return Stream(
            data=data, stamp_ns=self._read(f'stream/{key}/stamp_ns'),
            received_ns=self.received_ns(key), source=source, statistics=self.statistics(key))

    def received_ns(self, key: str) -> np.ndarray:
        """Return when each message of a stream was received, int64 (n,)."""
        self._group(key)
        return self._read(f'stream/{key}/received_ns')

    def statistics(self, key: str) -> dict[str, int | float]:
        """Return count, rate_hz, gaps, longest_gap_s, duplicates and drops (-1: unknown)."""
        return {name: self._stream_attribute(key, name).item() for name in _STATISTICS}

    def index(self, key: str) -> np.ndarray:
        """Return for each tick the row of a stream, int64 (T + 1,), -1 where there is none."""
        self._group(key)
        return self._read(f'tick/index/{key}')

    def rows(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Return what each tick sees of vector streams, float64 (T + 1, W), NaN for nothing."""
        sampled = {}
        for key in keys:
            width = row_width(self._spec(key))
            index = self.index(key)
            data = self._read(f'stream/{key}/data')
            if data.ndim != 2 or data.shape[1] != width or np.any(index >= len(data)):
                raise EpisodeError(f'{self.path}: stream {key} holds {data.shape}, expected '
                                   f'(n, {width}) with every tick in it; convert its recording '
                                   'again')
            sampled[key] = np.where((index >= 0)[:, None], data[index], np.nan)
        return sampled

    def images(self, key: str, ticks: Iterable[int]) -> np.ndarray:
        """Return the frames of these ticks, uint8 (n, h, w, 3) RGB."""
        frames = self.stream(key).data
        index = self.index(key)
        try:
            return np.stack([frames[int(index[tick])] for tick in ticks])
        except (ValueError, IndexError) as error:
            raise EpisodeError(f'{self.path}: stream {key}: {error}; expected a frame at each of '
                               'these ticks') from error

    def _specs(self) -> tuple[Observation | Action, ...]:
        return (*self.contract.observations, *self.contract.actions)

    def _spec(self, key: str) -> Observation | Action:
        for spec in self._specs():
            if spec.key == key:
                return spec
        raise EpisodeError(f"{self.path}: found no stream '{key}', expected one of "
                           f'{", ".join(self.keys)}')

    def _group(self, key: str) -> h5py.Group:
        if f'stream/{key}' not in self._file:
            raise EpisodeError(f"{self.path}: found no stream '{key}', only "
                               f'{", ".join(self.keys)}; use a contract without it')
        return self._file[f'stream/{key}']

    def _stream_attribute(self, key: str, name: str) -> Any:
        attributes = self._group(key).attrs
        if name not in attributes:
            raise EpisodeError(f'{self.path}: stream {key} lacks its {name}; convert its '
                               'recording again')
        return attributes[name]

    def _attribute(self, name: str) -> str:
        if name not in self.attributes:
            raise EpisodeError(f'{self.path}: found no {name}; convert its recording again')
        return self.attributes[name]

    def _read(self, name: str) -> np.ndarray:
        try:
            return self._file[name][()]
        except (KeyError, OSError, RuntimeError) as error:
            raise EpisodeError(f'{self.path}: {name} is missing or damaged; convert its recording '
                               'again') from error
