"""Reads an MCAP file up to its last intact chunk, whether or not it was finished."""

from collections.abc import Collection
from collections.abc import Iterator
from functools import cached_property
import os
from pathlib import Path
import struct
from typing import BinaryIO

from lps_ros.data.bag_message import BagMessage
from lps_ros.data.errors import BagError
from mcap.exceptions import EndOfFile
from mcap.exceptions import InvalidMagic
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel
from mcap.records import Chunk
from mcap.records import Footer
from mcap.records import McapRecord
from mcap.records import Message
from mcap.records import Metadata
from mcap.records import Schema
from mcap.stream_reader import breakup_chunk
from mcap.stream_reader import CRCValidationError
from mcap.stream_reader import StreamReader
from mcap.summary import Summary
import zstandard

# What a record cut off or overwritten makes the MCAP library raise; lz4 raises RuntimeError, and
# a chunk that claims to unpack to more than there is memory the last two.
_DAMAGE = (McapError, CRCValidationError, struct.error, UnicodeDecodeError, RuntimeError,
           zstandard.ZstdError, MemoryError, OverflowError)


class McapLog:
    """
    One MCAP file.

    After `messages` has run to its end, `complete` tells whether the file was finished, and
    `damaged_chunks` how many chunks were left out because their checksum was wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.complete = False
        self.damaged_chunks = 0
        self._size = max(1, path.stat().st_size)
        self._position = 0

    @property
    def fraction(self) -> float:
        """How much of the file `messages` has read, 0 to 1."""
        return self._position / self._size

    def topics(self) -> dict[str, str]:
        """Return the type of each topic; raises BagError where this is no MCAP file."""
        try:
            if self._summary.channels:
                return {channel.topic: self._summary.schemas[channel.schema_id].name
                        for channel in self._summary.channels.values()}
        except KeyError:
            pass  # damaged: the channels are found by reading on
        topics: dict[str, str] = {}
        schemas: dict[int, str] = {}
        for record in self.records():
            if isinstance(record, Schema):
                schemas[record.id] = record.name
            elif isinstance(record, Channel):
                topics[record.topic] = schemas.get(record.schema_id, '')
        return topics

    def metadata(self, name: str) -> dict[str, str]:
        """Return a metadata record that stands before the first chunk, empty if there is none."""
        for record in self._top_level():
            if isinstance(record, Metadata) and record.name == name:
                return record.metadata
            if isinstance(record, Chunk):
                break
        return {}

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the intact messages of these topics in the order of the file."""
        schemas: dict[int, str] = {}
        channels: dict[int, tuple[str, str]] = {}
        for record in self.records():
            if isinstance(record, Message):
                if record.channel_id in channels:
                    topic, type_name = channels[record.channel_id]
                    yield BagMessage(topic, type_name, record.log_time, record.data)
            elif isinstance(record, Schema):
                schemas[record.id] = record.name
            elif (isinstance(record, Channel) and record.topic in topics
                    and record.schema_id in schemas):  # else its type went with a damaged chunk
                channels[record.id] = record.topic, schemas[record.schema_id]

    def records(self) -> Iterator[McapRecord]:
        """
        Yield every intact record, those in chunks one by one.

        Where a damaged chunk held the schema or the channel of a later message, those of the
        summary come first.
        """
        declared: dict[tuple[type, int], McapRecord] = {}
        for record in self._intact_records():
            if isinstance(record, Message):
                yield from self._undeclared(Channel, record.channel_id, declared)
            elif isinstance(record, Channel):
                yield from self._undeclared(Schema, record.schema_id, declared)
            if isinstance(record, Channel | Schema):
                declared[type(record), record.id] = record
            yield record

    def _undeclared(
            self, kind: type, number: int,
            declared: dict[tuple[type, int], McapRecord]) -> Iterator[McapRecord]:
        if (kind, number) not in declared:
            known = self._summary.channels if kind is Channel else self._summary.schemas
            # Not looked for again where there is none.
            record = declared[kind, number] = known.get(number)
            if isinstance(record, Channel):
                yield from self._undeclared(Schema, record.schema_id, declared)
            if record is not None:
                yield record

    @cached_property
    def _summary(self) -> Summary:
        """The summary at the file's end, empty where it was not finished or is damaged."""
        with open(self.path, 'rb') as file:
            try:
                return make_reader(_Exact(file)).get_summary() or Summary()
            except (*_DAMAGE, OSError):
                return Summary()

    def _intact_records(self) -> Iterator[McapRecord]:
        self.damaged_chunks = 0
        for record in self._top_level():
            if not isinstance(record, Chunk):
                yield record
                continue
            try:
                inner = breakup_chunk(record, validate_crc=True)
            except _DAMAGE:
                self.damaged_chunks += 1
                continue
            yield from inner

    def _top_level(self) -> Iterator[McapRecord]:
        """Yield the file's records with chunks whole; ends where the file was cut off."""
        self.complete = False
        with open(self.path, 'rb') as file:
            records = StreamReader(_Exact(file), emit_chunks=True).records
            while True:
                try:
                    record = next(records)
                except InvalidMagic as error:
                    if file.tell() <= 8:
                        raise BagError(f'{self.path}: found no MCAP file; expected a recording '
                                       'that ends in .mcap') from error
                    return
                except StopIteration:
                    return
                except _DAMAGE:
                    return
                self.complete |= isinstance(record, Footer)
                self._position = file.tell()
                yield record


class _Exact:
    """
    A file whose short reads raise, so that no record is taken for whole that is not.

    They raise before any memory is taken: a damaged record may claim any length.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def read(self, length: int) -> bytes:
        if not 0 <= length <= self._size - self._file.tell():
            raise EndOfFile
        return self._file.read(length)

    def seek(self, offset: int, origin: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, origin)

    def seekable(self) -> bool:
        return True
