"""Checks that an episode is whole and means what its contract says."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from lps_ros.contract import Action
from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import differences
from lps_ros.contract import Observation
from lps_ros.data.episode import Episode
from lps_ros.data.errors import EpisodeError
from lps_ros.data.errors import one_line
from lps_ros.data.frames import Frames
from lps_ros.data.provenance import SHADOW
from lps_ros.data.provenance import SOURCES
from lps_ros.data.sampling import action_index
from lps_ros.data.sampling import observation_index
import numpy as np


def verify_episode(path: Path, contract: Contract | None = None) -> list[str]:
    """
    Return one line for each thing that is wrong with an episode file, none for a sound one.

    contract: also require that the episode can be used with it.
    """
    problems: list[str] = []
    try:
        with Episode.open(path) as episode:
            for problem in _problems(episode, contract):
                problems.append(one_line(f'{path}: {problem}'))
    except EpisodeError as error:
        problems.append(str(error))
    return problems


def contract_problems(episode: Episode, contract: Contract) -> list[str]:
    """Return why an episode cannot be used with a contract, which may observe less than it."""
    return list(_differences(episode.contract, contract)) or [
        f"stream '{spec.key}' was not recorded; record it or use a contract without it"
        for spec in (*contract.observations, *contract.actions)
        if spec.key not in episode.keys and not _is_optional_image(spec)]


@lru_cache(maxsize=64)
def _differences(recorded: Contract, contract: Contract) -> tuple[str, ...]:
    """Compare what both observe, once for all episodes of one recorded contract."""
    wanted = {o.key for o in contract.observations}
    shared = [o.key for o in recorded.observations if o.key in wanted]
    needed = [o.key for o in contract.observations if o.key in shared or not _is_optional_image(o)]
    try:
        return tuple(differences(recorded.subset(shared) if shared else recorded,
                                 contract.subset(needed)).data)
    except ContractError as error:
        return (str(error),)


def _is_optional_image(spec: Observation | Action) -> bool:
    return isinstance(spec, Observation) and spec.image is not None and not spec.required


def _problems(episode: Episode, contract: Contract | None) -> Iterator[str]:
    if episode.outcome != episode.path.parent.name:
        yield (f"is a {episode.outcome}, but lies in '{episode.path.parent.name}'; "
               'move it to its folder')
    for name in ('data_hash', 'deployment_hash'):
        actual = getattr(episode.contract, name)
        if episode.attribute(name) != actual:
            yield f'{name} is {episode.attribute(name)}, its contract gives {actual}'
    if contract is not None:
        differing = contract_problems(episode, contract)
        if differing:
            yield f'other data contract: {"; ".join(differing)}'
    yield from _tick_problems(episode)
    yield from _provenance_problems(episode)
    for spec in (*episode.contract.observations, *episode.contract.actions):
        if spec.key in episode.keys:
            for problem in _stream_problems(episode, spec):
                yield f'stream {spec.key}: {problem}'
        elif getattr(spec, 'required', True):
            yield f'stream {spec.key} is missing'


def _tick_problems(episode: Episode) -> Iterator[str]:
    ticks_ns = episode.ticks_ns
    clock = episode.contract.clock
    first = clock.index_at_or_before(int(ticks_ns[0]))
    if not np.array_equal(ticks_ns, clock.time_ns(first + np.arange(len(ticks_ns)))):
        yield f'ticks are not those of a clock of {clock.rate_hz:g} Hz'


def _provenance_problems(episode: Episode) -> Iterator[str]:
    provenance = episode.provenance
    if provenance is None:
        return
    if strange := sorted(set(provenance.source) - set(SOURCES)):
        yield f"provenance: found source '{strange[0]}', expected one of {', '.join(SOURCES)}"
    policy = np.array([source == 'policy' for source in provenance.source])
    without = policy & ((provenance.chunk < 0) | (provenance.index < 0))
    if without.any():
        yield f'provenance: {int(without.sum())} ticks of the policy without a chunk'
    planned = policy | np.array([source == SHADOW for source in provenance.source])
    if (~planned & (provenance.chunk >= 0)).any():
        yield (f'provenance: {int((~planned & (provenance.chunk >= 0)).sum())} ticks with a chunk '
               'that are not of the policy')
    if (provenance.plan_s < 0.0).any():
        yield 'provenance: planning took less than no time'


def _stream_problems(episode: Episode, spec: Observation | Action) -> Iterator[str]:
    stream = episode.stream(spec.key)
    index = episode.index(spec.key)
    ticks_ns = episode.ticks_ns
    counts = {len(stream.data), len(stream.stamp_ns), len(stream.received_ns)}
    if isinstance(spec, Action):
        counts.add(len(stream.source))
    if len(counts) > 1 or len(index) != len(ticks_ns):
        yield (f'lengths differ: data {len(stream.data)}, stamps {len(stream.stamp_ns)}, receipt '
               f'{len(stream.received_ns)}; {len(index)} indices for {len(ticks_ns)} ticks')
        return
    if np.any(np.diff(stream.received_ns) < 0):
        yield 'times of receipt descend'
        return
    if np.any(np.diff(stream.stamp_ns[stream.stamp_ns > 0]) < 0):
        yield 'stamps descend'
    expected = (observation_index(ticks_ns, stream.received_ns) if isinstance(spec, Observation)
                else action_index(ticks_ns, np.append(ticks_ns[1:], ticks_ns[-1:]),
                                  stream.received_ns))
    if not np.array_equal(index, expected):
        yield f'{int((index != expected).sum())} ticks select another message than they should'
    elif isinstance(spec, Observation) and spec.required and np.any(index < 0):
        yield f'{int((index < 0).sum())} ticks see no message'
    yield from _content_problems(stream.data)


def _content_problems(data: np.ndarray | Frames) -> Iterator[str]:
    if isinstance(data, Frames):
        for row in range(len(data)):
            try:
                data[row]
            except ValueError as error:
                yield str(error)
                return
    elif not np.isfinite(data).all():
        rows = np.flatnonzero(~np.isfinite(data).all(axis=1))
        yield f'{len(rows)} message(s) with NaN or infinity, the first in row {rows[0]}'
