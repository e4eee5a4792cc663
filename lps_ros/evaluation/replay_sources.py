"""What `lps replay` can be given: a recording, an episode file or a dataset."""

from collections.abc import Callable
from pathlib import Path

from lps_ros.contract import Contract
from lps_ros.data import EpisodeError
from lps_ros.data.bag import Bag
from lps_ros.data.convert import convert_bag
from lps_ros.data.convert import recorded_contract
from lps_ros.data.raw_log import EVENTS_TOPIC
from lps_ros.errors import UserError

_OUTCOMES = ('success', 'failure')


def episode_files(
        source: Path, contract: Contract | None, seen: Contract, scratch: Path, *,
        namespace: str = '', progress: Callable[[float], None] | None = None) -> list[Path]:
    """
    Return the episode files of a source, in order of name; a recording is converted first.

    :param source: rosbag2 folder (sqlite3 or mcap), .mcap, .db3, episode .hdf5 or dataset folder
    :param contract: the robot's contract, None for the one that a recording carries itself
    :param seen: the policy's contract; also that of a recording without one, such as a rosbag2
    :param scratch: folder for the converted episodes
    :param namespace: of the topics in a recording
    :param progress: called with the fraction of the recording that was read
    :raises UserError: where there is nothing to replay
    :raises DataError: where a recording cannot be read or lacks a topic
    """
    if not source.exists():
        raise UserError(f'{source}: not found; expected a rosbag2 folder, a .mcap, .db3 or '
                        'episode .hdf5 file, or a dataset folder')
    if source.suffix == '.hdf5':
        return [source]
    if source.is_dir() and any((source / outcome).is_dir() for outcome in _OUTCOMES):
        paths = [path for outcome in _OUTCOMES for path in (source / outcome).glob('*.hdf5')]
        if not paths:
            raise UserError(f'{source}: dataset without episodes; record some or give another')
        return sorted(paths, key=lambda path: path.name)
    if contract is None:
        bag = Bag(source)
        contract = recorded_contract(bag) if EVENTS_TOPIC in bag.topics else seen
    # Streams that the policy does not see need not be decoded.
    keys = {spec.key for spec in contract.observations} & {spec.key for spec in seen.observations}
    paths = convert_bag(source, contract.subset(keys), scratch, outcome='failure',
                        namespace=namespace, image_format='raw', progress=progress)
    if not paths:
        raise EpisodeError(f'{source}: every episode in it was discarded; nothing to replay')
    return paths
