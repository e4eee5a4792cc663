"""Writes an episode as one HDF5 file that is whole or not there."""

from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from itertools import count
import json
import os
from pathlib import Path

import h5py
from lps_ros import __version__
from lps_ros.contract import Action
from lps_ros.contract import row_columns
from lps_ros.data.episode_content import EpisodeContent
from lps_ros.data.episode_mark import OUTCOMES
from lps_ros.data.files import disk_errors
from lps_ros.data.files import make_folder
from lps_ros.data.files import place
from lps_ros.data.files import write_new
from lps_ros.data.provenance import NUMBERS
from lps_ros.data.provenance import Provenance
from lps_ros.data.provenance import SOURCES
from lps_ros.data.provenance import WHOLE
from lps_ros.data.raw_log import absolute
from lps_ros.data.recorded_stream import RecordedStream
import numpy as np

SCHEMA_VERSION = 1
PARTIAL = '.partial'
# Each chunk carries a checksum; this small, reading a part reads little else.
_CHUNK_BYTES = 256 * 1024


def store_episode(content: EpisodeContent, dataset: Path) -> Path:
    """
    Write an episode into `<dataset>/{success,failure}/` and return its path.

    The file is written beside, fsynced and moved into place. Its name, the start in UTC and a
    number, is free in both folders, so that names sort as the episodes were saved. Where the
    dataset already has it, byte for byte, that file's path is returned. Raises StorageError.
    """
    data = encode_episode(content)
    stem = f'episode_{_utc(content)}'
    folder = dataset / content.mark.outcome
    temporary = dataset / PARTIAL / f'{stem}.{os.getpid()}.hdf5.tmp'
    with disk_errors(folder):
        for known in sorted(folder.glob(f'{stem}_*.hdf5')):
            if known.read_bytes() == data:
                return known
        make_folder(folder)
        make_folder(temporary.parent)
        temporary.unlink(missing_ok=True)
        write_new(temporary, data)
        taken = {path.name for outcome in OUTCOMES
                 for path in (dataset / outcome).glob(f'{stem}_*.hdf5')}
        free = (name for number in count() if (name := f'{stem}_{number}.hdf5') not in taken)
        return place(temporary, folder, lambda _: next(free))


def encode_episode(content: EpisodeContent) -> bytes:
    """
    Return the bytes of the episode's HDF5 file; the same content gives the same bytes.

    The file is made in memory, since HDF5 recovers badly from a disk that fills up.
    """
    # The oldest format: readable everywhere, and no time of creation in it.
    with h5py.File('episode', 'w', driver='core', backing_store=False,
                   libver=('earliest', 'v108')) as file:
        _write_attributes(file, content)
        for key, stream in content.streams.items():
            _write_stream(file.create_group(f'stream/{key}'), key, stream, content)
        _write(file, 'tick/time_ns', content.ticks_ns)
        for key, index in content.index.items():
            _write(file, f'tick/index/{key}', index)
        if content.provenance is not None:
            _write_provenance(file.create_group('provenance'), content.provenance)
        file.flush()
        return file.id.get_file_image()


def _write_attributes(file: h5py.File, content: EpisodeContent) -> None:
    mark = content.mark
    file.attrs.update({
        'schema_version': SCHEMA_VERSION,
        'software': f'lps_ros {__version__}',
        'contract': content.contract.text,
        'data_hash': content.contract.data_hash,
        'deployment_hash': content.contract.deployment_hash,
        'outcome': mark.outcome,
        'ended_by': mark.ended_by,
        'start_ns': mark.start_ns,
        'end_ns': mark.end_ns,
        'operator': str(mark.details.get('operator', '')),
        'task': str(mark.details.get('task', content.contract.task.name)),
        'utc': str(mark.details.get('utc', '')),
        'events': json.dumps([
            {'event': event.name, 'time_ns': event.time_ns,
             **{name: value for name, value in event.details.items() if name != 'contract'}}
            for event in mark.events]),
    })


def _write_stream(
        group: h5py.Group, key: str, stream: RecordedStream, content: EpisodeContent) -> None:
    contract = content.contract
    spec = next(spec for spec in (*contract.observations, *contract.actions) if spec.key == key)
    topic = absolute(spec.topic)
    group.attrs.update({
        **stream.statistics(), 'drops': content.mark.drops.get(topic, -1), 'topic': topic,
        'type': spec.type, 'kind': 'action' if isinstance(spec, Action) else 'observation'})
    _write(group, 'stamp_ns', stream.stamp_ns)
    _write(group, 'received_ns', stream.received_ns)
    if isinstance(spec, Action):
        _write_sources(group, stream, content)
    if isinstance(stream.rows, list):
        lengths = [len(frame) for frame in stream.rows]
        _write(group, 'data', np.frombuffer(b''.join(stream.rows), np.uint8))
        _write(group, 'offset', np.cumsum([0, *lengths], dtype=np.int64))
        group.attrs.update({'image_format': stream.image_format, 'width': spec.image.width,
                            'height': spec.image.height})
    else:
        _write(group, 'data', stream.rows)
        group.attrs['columns'] = list(row_columns(spec))


def _write_provenance(group: h5py.Group, provenance: Provenance) -> None:
    """Store what is known of the ticks; a source is a number into the attribute `sources`."""
    group.attrs['sources'] = list(SOURCES)
    _write(group, 'source', np.array(
        [SOURCES.index(source) for source in provenance.source], np.uint8))
    for name in (*WHOLE, *NUMBERS):
        _write(group, name, getattr(provenance, name))
    for key, age_s in provenance.age_s.items():
        _write(group, f'age_s/{key}', age_s)
    _write(group, 'json', np.frombuffer(b''.join(provenance.lines), np.uint8))
    _write(group, 'offset', np.cumsum(
        [0, *(len(line) for line in provenance.lines)], dtype=np.int64))


def _write_sources(group: h5py.Group, stream: RecordedStream, content: EpisodeContent) -> None:
    """Store where each command came from: a number into the attribute `sources`."""
    changes = list(_source_changes(content))
    times_ns = np.array([time_ns for time_ns, _ in changes], dtype=np.int64)
    # A command from before the start has the source that was set at the start.
    last = np.maximum(0, np.searchsorted(times_ns, stream.received_ns, side='right') - 1)
    # The policy node knows better than who started the recorder.
    said = [known or changes[row][1] for known, row in zip(
        content.records.commanders(stream.received_ns), last)]
    sources = sorted({*said, *(source for _, source in changes)})
    _write(group, 'source', np.array([sources.index(source) for source in said], np.uint8))
    group.attrs['sources'] = sources


def _source_changes(content: EpisodeContent) -> Iterator[tuple[int, str]]:
    yield content.mark.start_ns, str(content.mark.details.get('source', ''))
    for event in content.mark.events[1:]:
        if event.name == 'source':
            yield event.time_ns, str(event.details.get('source', ''))


def _write(group: h5py.Group, name: str, data: np.ndarray) -> None:
    rows = max(1, min(len(data), _CHUNK_BYTES // data[:1].nbytes))
    group.create_dataset(name, data=data, chunks=(rows, *data.shape[1:]), fletcher32=True,
                         track_times=False)


def _utc(content: EpisodeContent) -> str:
    """Return the start in UTC for a file name, from the event or else the recording's clock."""
    text = content.mark.details.get('utc')
    try:
        moment = datetime.fromisoformat(str(text).replace('Z', '+00:00'))
    except ValueError:
        moment = datetime.fromtimestamp(content.mark.start_ns * 1e-9, timezone.utc)
    return moment.astimezone(timezone.utc).strftime('%Y%m%dT%H%M%SZ')
