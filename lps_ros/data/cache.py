"""The training cache: all encoded episodes as memory-mapped columns."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import fcntl
import json
from pathlib import Path
import shutil
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.cache_columns import Columns
from lps_ros.data.dataset import Dataset
from lps_ros.data.encoding import encode_episode_rows
from lps_ros.data.errors import DatasetError
from lps_ros.data.files import disk_errors
from lps_ros.data.files import make_folder
from lps_ros.data.files import replace
import numpy as np

# Changes with the meaning of what is stored, so that older caches are built anew.
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TrainingCache:
    """
    Episodes as columns, in the order of `paths`.

    observations: memory map float32 (N, S), encoded but not normalised; actions: memory map
    float32 (N, A) in [-1, 1]; images: by camera, in the contract's order, memory map uint8
    (N, h, w, 3); episode_offsets: int64 (E + 1,), episode e has the rows offsets[e] ..
    offsets[e + 1] - 1, one more than it has transitions; outcomes: bool (E,), True for a success;
    names and action_names: one per column.
    """

    observations: np.ndarray
    actions: np.ndarray
    episode_offsets: np.ndarray
    outcomes: np.ndarray
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    action_names: tuple[str, ...]
    images: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def build(
            cls, dataset_path: Path, contract: Contract, *,
            progress: Callable[[int, int], None] | None = None) -> 'TrainingCache':
        """
        Bring the cache in `<dataset>/.cache/<data hash>/` up to date and open it.

        It holds what the contract observes: a subset without cameras decodes no frame. Only new
        and changed episodes are encoded; those that are gone leave the cache. A build that is
        killed leaves the previous cache as it was. progress is called with the number of episodes
        done and their total. Raises DatasetError, EpisodeError or StorageError.
        """
        dataset = Dataset(dataset_path)
        entries = [_Entry.of(path, dataset.path) for path in dataset.episodes()]
        if not entries:
            raise DatasetError(f'{dataset.path}: found no episode, expected some in success or '
                               'failure; record or convert some')
        folder = dataset.path / '.cache' / contract.data_hash
        with disk_errors(folder), _exclusive(make_folder(folder)):
            builder = _Builder(dataset.path, folder, contract)
            return builder.opened(builder.update(entries, progress))


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """An episode in the index; size and mtime_ns tell whether its file has changed."""

    path: str
    size: int
    mtime_ns: int
    rows: int = 0
    success: bool = False

    @classmethod
    def of(cls, path: Path, dataset: Path) -> '_Entry':
        status = path.stat()
        return cls(path=str(path.relative_to(dataset)), size=status.st_size,
                   mtime_ns=status.st_mtime_ns)

    @property
    def identity(self) -> tuple[str, int, int]:
        return self.path, self.size, self.mtime_ns


@dataclass(frozen=True, kw_only=True)
class _Index:
    """What the cache holds; `generation` is the folder of its columns."""

    generation: int
    entries: tuple[_Entry, ...]

    def offsets(self) -> np.ndarray:
        return np.cumsum([0, *(entry.rows for entry in self.entries)], dtype=np.int64)


class _Builder:
    def __init__(self, dataset: Path, folder: Path, contract: Contract) -> None:
        self._dataset = dataset
        self._folder = folder
        self._contract = contract
        self._encoder = ObservationEncoder(contract)
        self._codec = ActionCodec(contract)
        self._columns = Columns(contract, self._encoder, self._codec)

    def update(
            self, wanted: list[_Entry], progress: Callable[[int, int], None] | None) -> _Index:
        known = self._load()
        if [entry.identity for entry in known.entries] == [entry.identity for entry in wanted]:
            return known
        generation = known.generation + 1
        for stale in self._folder.glob('columns_*'):
            if stale != self._place(known.generation):
                shutil.rmtree(stale)
        entries = self._write(self._place(generation), known, wanted, progress)
        index = _Index(generation=generation, entries=tuple(entries))
        # From here on the new columns are the cache.
        replace(self._folder / 'index.json', json.dumps(self._content(index)).encode())
        shutil.rmtree(self._place(known.generation), ignore_errors=True)
        return index

    def opened(self, index: _Index) -> TrainingCache:
        columns, mapped = self._columns, self._mapped(index)
        return TrainingCache(
            observations=mapped[columns.observations.name],
            actions=mapped[columns.actions.name],
            images={key: mapped[column.name] for key, column in columns.images.items()},
            episode_offsets=index.offsets(),
            outcomes=np.array([entry.success for entry in index.entries], dtype=bool),
            paths=tuple(self._dataset / entry.path for entry in index.entries),
            names=self._encoder.names, action_names=self._codec.names)

    def _write(
            self, folder: Path, known: _Index, wanted: list[_Entry],
            progress: Callable[[int, int], None] | None) -> list[_Entry]:
        offsets = known.offsets()
        places = {entry.identity: place for place, entry in enumerate(known.entries)}
        old = self._mapped(known)
        entries = []
        with self._columns.writer(folder) as writer:
            for done, entry in enumerate(wanted):
                place = places.get(entry.identity)
                if place is not None:
                    writer.copy(old, slice(offsets[place], offsets[place + 1]))
                    entries.append(known.entries[place])
                else:
                    encoded = encode_episode_rows(
                        self._dataset / entry.path, self._contract, self._encoder, self._codec)
                    writer.encode(encoded)
                    entries.append(_Entry(
                        path=entry.path, size=entry.size, mtime_ns=entry.mtime_ns,
                        rows=len(encoded.actions), success=encoded.success))
                if progress is not None:
                    progress(done + 1, len(wanted))
        return entries

    def _load(self) -> _Index:
        """Return the index, an empty one where there is none that fits."""
        empty = _Index(generation=0, entries=())
        try:
            content = json.loads((self._folder / 'index.json').read_text(encoding='utf-8'))
            index = _Index(generation=content['generation'],
                           entries=tuple(_Entry(**entry) for entry in content['entries']))
            if content != self._content(index):
                return empty
            self._mapped(index)
        except (OSError, ValueError, KeyError, TypeError):
            return empty
        return index

    def _content(self, index: _Index) -> dict[str, Any]:
        return {'version': _VERSION, 'generation': index.generation,
                'names': list(self._encoder.names), 'action_names': list(self._codec.names),
                'entries': [asdict(entry) for entry in index.entries]}

    def _mapped(self, index: _Index) -> dict[str, np.ndarray]:
        """Map the columns, by name; raises ValueError where one is shorter than the index says."""
        folder, rows = self._place(index.generation), int(index.offsets()[-1])
        return {column.name: column.mapped(folder, rows) for column in self._columns.all()}

    def _place(self, generation: int) -> Path:
        return self._folder / f'columns_{generation}'


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Let one process at a time build a cache; the next one waits and then finds it done."""
    with open(folder / 'lock', 'ab') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
