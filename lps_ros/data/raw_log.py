"""The raw log of a recording: every serialised message, appended to an MCAP file."""

from collections.abc import Mapping
import json
import os
from pathlib import Path
import threading
import time

from lps_ros import __version__
from lps_ros.contract import Contract
from lps_ros.data.files import disk_errors
from lps_ros.data.files import lock
from lps_ros.data.files import make_folder
from lps_ros.data.files import write_all
from lps_ros.data.messages import definition
from lps_ros.data.messages import encode_string
from lps_ros.data.messages import STRING
from mcap.writer import CompressionType
from mcap.writer import Writer

EVENTS_TOPIC = '/lps_ros/events'
METADATA_NAME = 'lps_ros'
# What a kill in mid-recording can cost at most: one chunk, or what came within the flush interval.
_CHUNK_BYTES = 16 * 1024
_FLUSH_INTERVAL_S = 0.2
_SYNC_INTERVAL_S = 1.0


class RawLogWriter:
    """
    Appends messages to an MCAP file of profile `ros2` that standard tools can read.

    Chunks are small, carry a checksum and go to the operating system as soon as they are full;
    fsync runs on a thread of its own, at most once a second. The contract and `attributes` are
    stored as MCAP metadata named `lps_ros`. While it is open the file is locked, so that a repair
    leaves it alone. Raises StorageError when the disk is full or the file exists already.
    """

    def __init__(
            self, path: Path, contract: Contract,
            attributes: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        self._contract = contract
        self._schemas: dict[str, int] = {}
        self._channels: dict[tuple[str, str], int] = {}
        self._finished = False
        self._flushed_s = time.monotonic()
        with disk_errors(self.path):
            make_folder(self.path.parent)
            self._file = _AppendedFile(self.path)
            self._writer = Writer(
                self._file, chunk_size=_CHUNK_BYTES, compression=CompressionType.NONE)
            try:
                self._begin({**(attributes or {}), 'contract': contract.text,
                             'data_hash': contract.data_hash,
                             'deployment_hash': contract.deployment_hash})
            except OSError:
                self.abandon()
                self.path.unlink()
                raise

    def write(
            self, topic: str, type_name: str, cdr: bytes, received_ns: int,
            stamp_ns: int | None = None, *, sequence: int = 0) -> None:
        """
        Append one serialised message.

        A relative topic is taken from the root, as in a bag. received_ns orders the log; stamp_ns
        is kept as MCAP's publish time and defaults to it. sequence is the publisher's number of
        the message, 0 where unknown. Raises StorageError.
        """
        with disk_errors(self.path):
            self._file.raise_sync_error()
            self._writer.add_message(
                self._channel(topic, type_name), received_ns, cdr,
                received_ns if stamp_ns is None else stamp_ns, sequence)
            if time.monotonic() - self._flushed_s > _FLUSH_INTERVAL_S:
                self._writer.flush()
                self._flushed_s = time.monotonic()
            else:
                self._file.flush()

    def event(self, name: str, received_ns: int, **data: object) -> None:
        """
        Append an event as JSON on `/lps_ros/events` and hand all to the operating system.

        `start` begins an episode and carries the contract; `success`, `failure` or `discard` ends
        it. Raises StorageError.
        """
        if name == 'start':
            data = {**data, 'contract': self._contract.text}
        text = json.dumps({'event': name, **data}, sort_keys=True)
        self.write(EVENTS_TOPIC, STRING, encode_string(text), received_ns)
        with disk_errors(self.path):
            self._writer.flush()

    def finish(self) -> None:
        """
        Write the index and fsync; the file stays open and locked until `close`.

        Raises StorageError; what was written before stays recoverable.
        """
        self._finished = True
        with disk_errors(self.path):
            self._writer.finish()
            self._file.flush()
            self._file.sync()

    def close(self) -> None:
        """Finish the file where that was not done, and close it. Raises StorageError."""
        try:
            if not self._finished:
                self.finish()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without an index, after an error; what was written stays recoverable."""
        self._file.close()

    def _begin(self, metadata: dict[str, str]) -> None:
        self._writer.start(profile='ros2', library=f'lps_ros {__version__}')
        self._writer.add_metadata(METADATA_NAME, metadata)
        self._file.flush()

    def _channel(self, topic: str, type_name: str) -> int:
        if (topic, type_name) not in self._channels:
            if type_name not in self._schemas:
                self._schemas[type_name] = self._writer.register_schema(
                    type_name, 'ros2msg', definition(type_name).encode())
            self._channels[topic, type_name] = self._writer.register_channel(
                absolute(topic), 'cdr', self._schemas[type_name], {'offered_qos_profiles': ''})
        return self._channels[topic, type_name]


def absolute(topic: str) -> str:
    """Return a topic's name from the root, as bags hold it."""
    return topic if topic.startswith('/') else f'/{topic.removeprefix("~/")}'


class _AppendedFile:
    """The stream that MCAP's writer writes to: whole chunks at a time, fsync beside."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        lock(self._descriptor)
        self._pending = bytearray()
        self._written = 0
        self._dirty = False
        self._sync_error: OSError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_synced, name='log sync', daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        self._pending += data

    def tell(self) -> int:
        return self._written + len(self._pending)

    def flush(self) -> None:
        if not self._pending:
            return
        write_all(self._descriptor, self._pending)
        self._written += len(self._pending)
        self._pending = bytearray()
        self._dirty = True

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def raise_sync_error(self) -> None:
        if self._sync_error is not None:
            raise self._sync_error

    def close(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            os.close(self._descriptor)

    def _keep_synced(self) -> None:
        while not self._ended.wait(_SYNC_INTERVAL_S):
            if self._dirty:
                self._dirty = False
                try:
                    self.sync()
                except OSError as error:
                    self._sync_error = error
                    return
