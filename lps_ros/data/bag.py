"""Reads any recording: a rosbag2 in sqlite3 or mcap, or one .mcap or .db3 file."""

from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lps_ros.data.bag_message import BagMessage
from lps_ros.data.errors import BagError
from lps_ros.data.mcap_log import McapLog
from rosbags.rosbag2 import Reader
import yaml

_EXPECTED = 'expected a rosbag2 folder, a .mcap or a .db3 file'


class Bag:
    """
    A recording, opened by path; `topics` gives the type of each topic.

    An unfinished .mcap is read up to its last intact chunk. Raises BagError.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.logs: list[McapLog] = []
        self._databases: list[Path] = []
        self._done = 0.0
        self._find_files()
        self.topics: dict[str, str] = {}
        for log in self.logs:
            self.topics |= log.topics()
        for database in self._databases:
            with _opened(database) as reader:
                self.topics |= {connection.topic: connection.msgtype
                                for connection in reader.connections}

    @property
    def fraction(self) -> float:
        """How much `messages` has read, 0 to 1."""
        count = len(self.logs) + len(self._databases)
        return (sum(log.fraction for log in self.logs) + self._done) / count

    @property
    def damage(self) -> str | None:
        """What `messages` found missing, or None."""
        chunks = sum(log.damaged_chunks for log in self.logs)
        if chunks:
            return f'{self.path}: left out {chunks} chunk(s) with a wrong checksum'
        if not all(log.complete for log in self.logs):
            return f'{self.path}: was not finished; read up to its last intact chunk'
        return None

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the messages of these topics, each topic's in order; raises BagError."""
        for log in self.logs:
            yield from log.messages(topics)
        for done, database in enumerate(self._databases):
            with _opened(database) as reader:
                wanted = [connection for connection in reader.connections
                          if connection.topic in topics]
                if not wanted:
                    continue
                total = max(1, sum(connection.msgcount for connection in wanted))
                for count, (connection, time_ns, cdr) in enumerate(reader.messages(wanted), 1):
                    self._done = done + count / total
                    yield BagMessage(connection.topic, connection.msgtype, time_ns, cdr)

    def _find_files(self) -> None:
        path = self.path
        if path.is_dir():
            if _is_compressed(path):
                self._databases = [path]
                return
            self.logs = [McapLog(file) for file in sorted(path.glob('*.mcap'))]
            self._databases = sorted(path.glob('*.db3'))
            if not self.logs and not self._databases:
                raise BagError(f'{path}: found no recording in it, {_EXPECTED}')
        elif not path.exists():
            raise BagError(f'{path}: not found; {_EXPECTED}')
        elif path.suffix == '.mcap':
            self.logs = [McapLog(path)]
        elif path.suffix == '.db3':
            self._databases = [path]
        else:
            raise BagError(f'{path}: found a file of another kind, {_EXPECTED}')


def _is_compressed(folder: Path) -> bool:
    """Whether rosbag2 compressed files or messages, beyond what the storage itself does."""
    metadata = folder / 'metadata.yaml'
    if not metadata.exists():
        return False
    try:
        content = yaml.safe_load(metadata.read_text(encoding='utf-8'))
        mode = content['rosbag2_bagfile_information'].get('compression_mode') or 'none'
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError,
            RecursionError) as error:
        raise BagError(f'{metadata}: found no rosbag2 metadata; '
                       'run `ros2 bag reindex` on the folder') from error
    return mode.lower() != 'none'


@contextmanager
def _opened(path: Path) -> Iterator[Reader]:
    """Open a bag with rosbags; raises BagError on what it or its SQLite driver trips over."""
    try:
        with Reader(path) as reader:
            yield reader
    except Exception as error:
        raise BagError(f'{path}: cannot be read ({error}); {_EXPECTED}, intact') from error
