"""A recording under way, as the recorder node drives it."""

from datetime import datetime
from datetime import timezone
import os
from pathlib import Path

from lps_ros.contract import Contract
from lps_ros.data.convert import convert_bag
from lps_ros.data.episode_file import PARTIAL
from lps_ros.data.errors import BagError
from lps_ros.data.files import disk_errors
from lps_ros.data.files import sync_folder
from lps_ros.data.raw_log import absolute
from lps_ros.data.raw_log import RawLogWriter
from lps_ros.data.rosbag2_folder import keep_as_rosbag2

# Messages of several topics may reach the recorder out of order by less than this.
_DISORDER_NS = 1_000_000_000


def jumped_back(newest_ns: int, now_ns: int) -> bool:
    """Tell whether a reading is of another run of the clock than the newest receipt so far."""
    return now_ns < newest_ns - _DISORDER_NS


class Recording:
    """
    Raw messages on their way into `<dataset>/.partial/`, and into an episode on `save`.

    Made by `begin`. `path` is the raw log, which stays until the episode is in place. Methods
    raise StorageError when the disk is full.
    """

    def __init__(
            self, log: RawLogWriter, dataset: Path, contract: Contract, keep_bag: bool,
            image_format: str) -> None:
        self.path = log.path
        self._log = log
        self._dataset = dataset
        self._contract = contract
        self._keep_bag = keep_bag
        self._image_format = image_format
        self._sequence: dict[str, int] = {}
        self._drops: dict[str, int] = {}
        self._event_ns = 0
        self._newest_ns = 0

    @classmethod
    def begin(
            cls, dataset: Path, contract: Contract, *, keep_bag: bool = False,
            image_format: str = 'jpeg') -> 'Recording':
        """
        Open a new raw log.

        keep_bag: keep the raw messages on save, in `<dataset>/bags/`. image_format: `jpeg`, `png`
        or `raw`, how frames are stored in the episode. Raises StorageError.
        """
        now = datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%S%fZ')
        path = Path(dataset) / PARTIAL / f'recording_{now}_{os.getpid()}.mcap'
        log = RawLogWriter(path, contract, {'image_format': image_format})
        return cls(log, Path(dataset), contract, keep_bag, image_format)

    def write(
            self, topic: str, type_name: str, cdr: bytes, received_ns: int,
            stamp_ns: int | None = None, *, sequence: int = 0, now_ns: int | None = None) -> None:
        """
        Append one serialised message; see `RawLogWriter.write`.

        now_ns: the clock's reading, `received_ns` unless given: on a busy machine a message may
        be taken long after it was received. From the publisher's sequence numbers the messages
        lost on the way are counted. Raises BagError where the clock has jumped back: what comes
        after cannot be put in order.
        """
        now_ns = received_ns if now_ns is None else now_ns
        if jumped_back(self._newest_ns, now_ns):
            raise BagError(f'{self.path}: the clock jumped back by '
                           f'{(self._newest_ns - now_ns) * 1e-9:.3f} s while recording; '
                           'record the episode again')
        self._newest_ns = max(self._newest_ns, received_ns)
        self._log.write(topic, type_name, cdr, received_ns, stamp_ns, sequence=sequence)
        self._count_drops(absolute(topic), sequence)

    def event(self, name: str, received_ns: int, **data: object) -> None:
        """Mark `start`, `success`, `failure`, or a new `source` of the commands (source=...)."""
        self._event_ns = received_ns
        self._log.event(name, received_ns, **data)

    def save(self) -> Path:
        """
        Turn the recording, whose outcome was marked, into an episode and return its path.

        Raises DataError where that fails; the raw log then stays for `lps dataset repair`.
        """
        try:
            known = {topic: drops for topic, drops in self._drops.items() if drops >= 0}
            self._log.event('statistics', self._event_ns, drops=known)
            self._log.finish()
            episodes = convert_bag(
                self.path, self._contract, self._dataset, image_format=self._image_format)
            if not episodes:
                raise BagError(f'{self.path}: its outcome was not marked; mark success or failure '
                               'before saving')
            episode = episodes[0]
            if self._keep_bag:
                name = f'{episode.parent.name}_{episode.stem}'
                keep_as_rosbag2(self.path, self._dataset / 'bags' / name)
            else:
                self._remove()
        finally:
            self._log.abandon()
        return episode

    def discard(self) -> None:
        """Delete the recording, as its user asked for."""
        self._log.abandon()
        self._remove()

    def close(self) -> None:
        """Leave the recording unsaved but finished, for `lps dataset repair`."""
        self._log.close()

    def abandon(self) -> None:
        """Leave the recording as it is, after an error, for `lps dataset repair`."""
        self._log.abandon()

    def _remove(self) -> None:
        with disk_errors(self.path):
            self.path.unlink()
            sync_folder(self.path.parent)

    def _count_drops(self, topic: str, sequence: int) -> None:
        last = self._sequence.get(topic)
        self._sequence[topic] = sequence
        if sequence <= 0 or (last is not None and sequence <= last):
            # No numbers, or those of several publishers: what was lost cannot be told.
            self._drops[topic] = -1
        elif self._drops.setdefault(topic, 0) >= 0 and last is not None:
            self._drops[topic] += sequence - last - 1
