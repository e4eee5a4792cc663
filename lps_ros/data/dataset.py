"""A folder of episodes."""

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lps_ros.contract import Contract
from lps_ros.data.episode import Episode
from lps_ros.data.episode_file import PARTIAL
from lps_ros.data.episode_mark import OUTCOMES
from lps_ros.data.errors import DatasetError
from lps_ros.data.errors import EpisodeError
from lps_ros.data.files import is_locked
from lps_ros.data.provenance import SOURCES
from lps_ros.data.provenance import UNKNOWN
from lps_ros.data.verification import verify_episode
import numpy as np

Progress = Callable[[int, int], None]


class Dataset:
    """
    Episodes in `success/` and `failure/` of a folder; raises DatasetError without the folder.

    `progress` of its methods is called with the number of episodes done and their total.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise DatasetError(f'{self.path}: found no folder, expected a dataset; '
                               'record one with `lps record`')

    def episodes(self, outcome: str | None = None) -> list[Path]:
        """Return the files of all episodes or of those with an outcome, sorted."""
        outcomes = OUTCOMES if outcome is None else (outcome,)
        return sorted(path for name in outcomes
                      for path in (self.path / name).glob('*.hdf5'))

    def leftovers(self) -> list[Path]:
        """Return the raw logs of recordings that were not saved and that nobody works on now."""
        return [path for path in sorted((self.path / PARTIAL).glob('*.mcap'))
                if not is_locked(path)]

    def verify(
            self, contract: Contract | None = None,
            progress: Progress | None = None) -> list[str]:
        """Return one line for each problem with an episode; see `verify_episode`."""
        return [problem for path in self._each(progress)
                for problem in verify_episode(path, contract)]

    def info(self, progress: Progress | None = None) -> dict[str, Any]:
        """
        Return what the dataset holds, ready for JSON; raises DatasetError where it is empty.

        Damaged episodes are listed under `damaged` and counted nowhere else.
        """
        summary = _Summary()
        for path in self._each(progress):
            try:
                with Episode.open(path) as episode:
                    summary.add(episode)
            except EpisodeError:
                summary.damaged.append(str(path))
        return {'path': str(self.path), **summary.content(),
                'leftovers': [str(path) for path in self.leftovers()]}

    def _each(self, progress: Progress | None) -> Iterator[Path]:
        paths = self.episodes()
        if not paths:
            raise DatasetError(f'{self.path}: found no episode, expected some in '
                               f'{" or ".join(OUTCOMES)}; record or convert some')
        for done, path in enumerate(paths):
            if progress is not None:
                progress(done, len(paths))
            yield path
        if progress is not None:
            progress(len(paths), len(paths))


class _Summary:
    def __init__(self) -> None:
        self.damaged: list[str] = []
        self._ticks: dict[str, list[int]] = {outcome: [] for outcome in OUTCOMES}
        self._duration_s = 0.0
        self._contracts: dict[str, dict[str, Any]] = {}
        self._streams: dict[str, dict[str, Any]] = {}
        self._commanded = dict.fromkeys(
            (*(source for source in SOURCES if source != UNKNOWN), 'interventions'), 0)

    def add(self, episode: Episode) -> None:
        # All is read before anything is counted, so that a damaged episode counts nowhere.
        streams = {key: (episode.statistics(key), _stale_ticks(episode, key))
                   for key in episode.keys}
        commanded = {} if episode.provenance is None else episode.provenance.counts()
        contract = episode.contract
        for name, count in commanded.items():
            self._commanded[name] += count
        self._ticks[episode.outcome].append(len(episode.ticks_ns))
        self._duration_s += (int(episode.ticks_ns[-1]) - int(episode.ticks_ns[0])) * 1e-9
        known = self._contracts.setdefault(contract.data_hash, {
            'name': contract.name, 'rate_hz': contract.rate_hz, 'episodes': 0})
        known['episodes'] += 1
        for key, (statistics, stale) in streams.items():
            total = self._streams.setdefault(key, {
                'episodes': 0, 'count': 0, 'rate_hz': 0.0, 'gaps': 0, 'longest_gap_s': 0.0,
                'duplicates': 0, 'drops': 0, 'misfits': 0, 'stale_ticks': 0})
            total['episodes'] += 1
            # Mean over the episodes so far.
            total['rate_hz'] += (statistics['rate_hz'] - total['rate_hz']) / total['episodes']
            total['longest_gap_s'] = max(total['longest_gap_s'], statistics['longest_gap_s'])
            for name in ('count', 'gaps', 'duplicates'):
                total[name] += statistics[name]
            for name in ('drops', 'misfits'):
                both = total[name], statistics[name]
                total[name] = -1 if -1 in both else sum(both)
            total['stale_ticks'] += stale

    def content(self) -> dict[str, Any]:
        ticks = np.array(sum(self._ticks.values(), []), dtype=np.int64)
        return {
            'episodes': {outcome: len(ticks) for outcome, ticks in self._ticks.items()},
            'damaged': self.damaged,
            'transitions': int((ticks - 1).sum()),
            'duration_s': round(self._duration_s, 3),
            'median_transitions': {
                outcome: float(np.median(ticks)) - 1.0 if ticks else None
                for outcome, ticks in self._ticks.items()},
            'contracts': [{'data_hash': data_hash, **known}
                          for data_hash, known in self._contracts.items()],
            'commanded': dict(self._commanded),
            'streams': {key: {**total, 'rate_hz': round(total['rate_hz'], 3)}
                        for key, total in self._streams.items()},
        }


def _stale_ticks(episode: Episode, key: str) -> int:
    """Count the ticks at which an observation was missing or older than the contract allows."""
    limits_s = {spec.key: spec.max_age_s for spec in episode.contract.observations}
    if key not in limits_s:
        return 0
    index = episode.index(key)
    age_ns = episode.ticks_ns - episode.received_ns(key)[index]
    return int(((index < 0) | (age_ns > limits_s[key] * 1e9)).sum())
