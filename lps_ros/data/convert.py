"""Turns any recording into episodes: the recorder's own log as well as a rosbag2."""

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
import logging
from pathlib import Path

from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import parse_contract
from lps_ros.data.bag import Bag
from lps_ros.data.bag_topics import match_topics
from lps_ros.data.bag_topics import ticks_topic
from lps_ros.data.episode_content import cut_episode
from lps_ros.data.episode_file import store_episode
from lps_ros.data.episode_mark import episode_marks
from lps_ros.data.episode_mark import Event
from lps_ros.data.episode_mark import OUTCOMES
from lps_ros.data.errors import BagError
from lps_ros.data.errors import DataError
from lps_ros.data.errors import EpisodeError
from lps_ros.data.frames import IMAGE_FORMATS
from lps_ros.data.messages import decode
from lps_ros.data.provenance import TickRecords
from lps_ros.data.raw_log import EVENTS_TOPIC
from lps_ros.data.recorded_stream import RecordedStream
from lps_ros.data.recorded_stream import StreamBuilder
import numpy as np

# Messages between two reports of progress.
_REPORT_EVERY = 256
# No network or driver delays a message as long as this.
_OTHER_CLOCK_NS = 60_000_000_000
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Recording:
    """A recording in memory: streams by key, what the recorder marked, what the policy told."""

    streams: dict[str, RecordedStream]
    events: list[Event]
    records: TickRecords


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Episodes made of a recording, what of it was damaged, a line on each left-out episode."""

    episodes: list[Path]
    damage: str | None
    left_out: list[str]


def convert_bag(
        path: Path, contract: Contract | None, dataset: Path, *, outcome: str | None = None,
        namespace: str = '', image_format: str = 'jpeg',
        progress: Callable[[float], None] | None = None) -> list[Path]:
    """
    Write the episodes of a recording into a dataset and return their paths.

    path: a rosbag2 folder (sqlite3 or mcap), a .mcap or a .db3 file. contract: None takes the one
    that the recorder stored. Episodes are what the events on `/lps_ros/events` mark as success or
    failure; `outcome` is that of an episode whose end is not marked, or of the whole recording
    where no start is. progress is called with the fraction read. The same recording gives
    identical files, whatever its storage. Raises BagError, EpisodeError, StorageError.
    """
    return convert_recording(
        path, contract, dataset, outcome=outcome, namespace=namespace, image_format=image_format,
        progress=progress).episodes


def convert_recording(
        path: Path, contract: Contract | None, dataset: Path, *, outcome: str | None = None,
        namespace: str = '', image_format: str = 'jpeg',
        progress: Callable[[float], None] | None = None) -> Conversion:
    """Convert as `convert_bag` does, and tell what of the recording is in no episode."""
    if outcome not in (None, *OUTCOMES):
        raise BagError(f"found outcome '{outcome}', expected {' or '.join(OUTCOMES)}")
    if image_format not in IMAGE_FORMATS:
        raise BagError(f"found image format '{image_format}', expected one of "
                       f'{", ".join(IMAGE_FORMATS)}')
    path = Path(path)
    bag = Bag(path)
    contract = contract or recorded_contract(bag)
    recording = _read(bag, contract, namespace, image_format, progress)
    marks = episode_marks(recording.events, outcome, *_span(recording))
    if not marks and not any(event.name == 'start' for event in recording.events):
        raise BagError(f'{path}: found no episode marked in it on {EVENTS_TOPIC}; '
                       'say whether all of it is a success or a failure')
    _warn_of_damage(bag, recording)
    files: list[Path] = []
    left_out: list[str] = []
    for mark in marks:
        try:
            content = cut_episode(contract, mark, recording.streams, recording.records)
        except EpisodeError as error:
            if len(marks) == 1:
                raise EpisodeError(f'{path}: {error}') from error
            left_out.append(f'{path}: left out the episode at {mark.start_ns} ns: {error}')
            _LOGGER.warning(left_out[-1])
            continue
        files.append(store_episode(content, Path(dataset)))
    return Conversion(episodes=files, damage=bag.damage, left_out=left_out)


def recorded_contract(bag: Bag) -> Contract:
    """Return the contract that the recorder stored with a recording; raises BagError."""
    for message in bag.messages({EVENTS_TOPIC}):
        event = Event.parse(decode(message.type, message.cdr).data, message.received_ns)
        if 'contract' in event.details:
            try:
                return parse_contract(event.details['contract'], source=str(bag.path))
            except ContractError as error:
                raise BagError(f'{error}') from error
    raise BagError(f'{bag.path}: holds no contract, as it was not made by the recorder; '
                   'give the contract file')


def _read(
        bag: Bag, contract: Contract, namespace: str, image_format: str,
        progress: Callable[[float], None] | None) -> _Recording:
    topics = match_topics(contract, bag.topics, namespace, bag.path)
    builders = {spec.key: StreamBuilder(spec, image_format)
                for spec in (*contract.observations, *contract.actions)}
    by_topic: dict[str, list[StreamBuilder]] = {}
    for builder in builders.values():
        if builder.spec.topic in topics:
            by_topic.setdefault(topics[builder.spec.topic], []).append(builder)
    events: list[Event] = []
    records, ticks = TickRecords(), ticks_topic(bag.topics, namespace, bag.path)
    for count, message in enumerate(bag.messages(
            {*by_topic, EVENTS_TOPIC, *([ticks] if ticks else [])})):
        if progress is not None and count % _REPORT_EVERY == 0:
            progress(bag.fraction)
        if message.topic == ticks:
            records.add(message.cdr)
            continue
        try:
            content = decode(message.type, message.cdr)
            if message.topic == EVENTS_TOPIC:
                events.append(Event.parse(content.data, message.received_ns))
                continue
            for builder in by_topic[message.topic]:
                builder.add(message.received_ns, content)
        except DataError as error:
            raise BagError(f"{bag.path}: topic '{message.topic}' at {message.received_ns} ns: "
                           f'{error}') from error
    _judge_misfits(bag, builders.values())
    if records.misfits:
        _LOGGER.warning("%s: left out %d messages on '%s': %s", bag.path, records.misfits, ticks,
                        records.last_misfit)
    return _Recording(streams={key: builder.build() for key, builder in builders.items()},
                      events=events, records=records)


def _judge_misfits(bag: Bag, builders: Iterable[StreamBuilder]) -> None:
    """
    Warn of messages that do not fit their stream, as of a second publisher on its topic.

    Raises BagError where no message of a stream fits.
    """
    for builder in builders:
        if builder.misfits and not builder.count:
            raise BagError(f"{bag.path}: topic '{builder.spec.topic}': no message fits "
                           f"'{builder.spec.key}': {builder.last_misfit}")
        if builder.misfits:
            _LOGGER.warning(
                "%s: left out %d of %d messages on '%s' that do not fit '%s': %s", bag.path,
                builder.misfits, builder.misfits + builder.count, builder.spec.topic,
                builder.spec.key, builder.last_misfit)


def _warn_of_damage(bag: Bag, recording: _Recording) -> None:
    if bag.damage:
        _LOGGER.warning(bag.damage)
    for key, stream in recording.streams.items():
        stamped = stream.stamp_ns > 0
        apart_ns = np.abs(stream.received_ns - stream.stamp_ns)[stamped]
        if len(apart_ns) and np.median(apart_ns) > _OTHER_CLOCK_NS:
            _LOGGER.warning(
                "%s: stamps of '%s' lie %.0f s from their times of receipt; with simulated time "
                'record with `ros2 bag record --use-sim-time`', bag.path, key,
                np.median(apart_ns) * 1e-9)
            return


def _span(recording: _Recording) -> tuple[int, int]:
    times_ns = [int(time_ns) for stream in recording.streams.values() if len(stream.received_ns)
                for time_ns in (stream.received_ns[0], stream.received_ns[-1])]
    return min(times_ns, default=0), max(times_ns, default=0)
