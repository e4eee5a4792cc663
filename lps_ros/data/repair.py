"""Brings recordings to safety that a crash has left behind."""

from dataclasses import dataclass
import os
from pathlib import Path

from lps_ros.data.convert import convert_recording
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode_file import PARTIAL
from lps_ros.data.errors import DataError
from lps_ros.data.errors import StorageError
from lps_ros.data.files import disk_errors
from lps_ros.data.files import is_locked
from lps_ros.data.files import lock
from lps_ros.data.files import sync_folder
from lps_ros.data.mcap_log import McapLog
from lps_ros.data.raw_log import METADATA_NAME
from lps_ros.data.rosbag2_folder import recover_as_rosbag2
from lps_ros.data.verification import verify_episode
from mcap.records import Channel
from rosbags.rosbag2 import Reader


@dataclass(frozen=True, kw_only=True)
class Repair:
    """
    What became of one raw log.

    result: its first episode, or a rosbag2 where it gave none; note: why it gave none, or what
    was lost and where what is intact was kept; empty where nothing is to be said.
    """

    log: Path
    result: Path
    note: str = ''


def repair(dataset: Path, *, outcome: str | None = None) -> list[Repair]:
    """
    Turn every raw log left in `.partial/` into an episode or a rosbag2 in `recovered/`.

    It becomes an episode where its end was marked, or takes `outcome` and ends with its last
    message. Of a damaged log, or one of whose episodes some could not be made, the intact messages
    are kept as a rosbag2 beside. A log is removed only after its replacement has been read back;
    one that is being written is left alone. Raises DatasetError and StorageError.
    """
    folder = Dataset(dataset)
    tried = [_repair(log, folder.path, outcome) for log in folder.leftovers()]
    repairs = [done for done in tried if done is not None]
    with disk_errors(folder.path):
        # Half-written files whose source still exists or has just been converted.
        for temporary in (folder.path / PARTIAL).glob('*.hdf5.tmp'):
            if not is_locked(temporary):
                temporary.unlink()
    return repairs


def _repair(log: Path, dataset: Path, outcome: str | None) -> Repair | None:
    descriptor = os.open(log, os.O_RDONLY)
    try:
        if not lock(descriptor):
            # Another repair has taken it since the folder was listed.
            return None
        done = _convert(log, dataset, outcome)
        with disk_errors(log):
            log.unlink()
            sync_folder(log.parent)
        return done
    finally:
        os.close(descriptor)


def _convert(log: Path, dataset: Path, outcome: str | None) -> Repair:
    image_format = McapLog(log).metadata(METADATA_NAME).get('image_format', 'jpeg')
    try:
        done = convert_recording(
            log, None, dataset, outcome=outcome, image_format=image_format)
    except StorageError:
        raise
    except DataError as error:
        return Repair(log=log, result=_recover(log, dataset), note=str(error))
    problems = [problem for file in done.episodes for problem in verify_episode(file)]
    if not done.episodes or problems:
        note = (*problems, *done.left_out, 'no end was marked in it; give the outcome, here or '
                'when the rosbag2 is converted')[0]
        return Repair(log=log, result=_recover(log, dataset), note=note)
    losses = [*([done.damage] if done.damage else []), *done.left_out]
    note = (f'{"; ".join(losses)}; the intact messages are kept in {_recover(log, dataset)}'
            if losses else '')
    return Repair(log=log, result=done.episodes[0], note=note)


def _recover(log: Path, dataset: Path) -> Path:
    bag = recover_as_rosbag2(log, dataset / 'recovered' / log.stem)
    _read_back(log, bag)
    return bag


def _read_back(log: Path, bag: Path) -> None:
    """Raise StorageError unless a standard reader finds every intact message in the bag."""
    source = McapLog(log)
    # Not those of the summary, which may be damaged while the messages are not.
    topics = {record.topic for record in source.records() if isinstance(record, Channel)}
    expected = sum(1 for _ in source.messages(topics))
    with Reader(bag) as reader:
        found = sum(1 for _ in reader.messages())
    if found != expected:
        raise StorageError(f'{bag}: reads back {found} messages, expected {expected}; '
                           f'{log} stays where it is')
