"""Brings recordings to safety that a crash has left behind."""

from dataclasses import dataclass
import os
from pathlib import Path

from lps_ros.data.convert import convert_bag
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
from rosbags.rosbag2 import Reader


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What became of one raw log: an episode or a rosbag2, and why it is no episode."""

    log: Path
    result: Path
    note: str = ''


def repair(dataset: Path, *, outcome: str | None = None) -> list[Repair]:
    """
    Turn every raw log left in `.partial/` into an episode or a rosbag2 in `recovered/`.

    It becomes an episode where its end was marked, or takes `outcome` and ends with its last
    message. A log is removed only after its replacement has been read back; one that is being
    written is left alone. Raises DatasetError and StorageError.
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
        files = convert_bag(log, None, dataset, outcome=outcome, image_format=image_format)
        problems = [problem for file in files for problem in verify_episode(file)]
        if files and not problems:
            return Repair(log=log, result=files[0])
        note = problems[0] if problems else (
            'no end was marked in it; give the outcome, here or when the rosbag2 is converted')
    except StorageError:
        raise
    except DataError as error:
        note = str(error)
    bag = recover_as_rosbag2(log, dataset / 'recovered' / log.stem)
    _read_back(log, bag)
    return Repair(log=log, result=bag, note=note)


def _read_back(log: Path, bag: Path) -> None:
    """Raise StorageError unless a standard reader finds every intact message in the bag."""
    source = McapLog(log)
    expected = sum(1 for _ in source.messages(source.topics()))
    with Reader(bag) as reader:
        found = sum(1 for _ in reader.messages())
    if found != expected:
        raise StorageError(f'{bag}: reads back {found} messages, expected {expected}; '
                           f'{log} stays where it is')
