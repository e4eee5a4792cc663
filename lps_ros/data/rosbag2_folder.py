"""Makes rosbag2 folders of raw logs."""

from pathlib import Path
import shutil

from lps_ros.data.errors import StorageError
from lps_ros.data.files import disk_errors
from lps_ros.data.files import make_folder
from lps_ros.data.files import replace
from lps_ros.data.files import sync_folder
from lps_ros.data.mcap_log import McapLog
from lps_ros.data.raw_log import METADATA_NAME
from mcap.reader import make_reader
from mcap.records import Channel
from mcap.records import Message
from mcap.records import Schema
from mcap.writer import CompressionType
from mcap.writer import Writer
import yaml

# The version that Humble writes; Jazzy reads it too.
_METADATA_VERSION = 5


def keep_as_rosbag2(log: Path, folder: Path) -> Path:
    """Move a finished raw log into a new rosbag2 folder and return it; raises StorageError."""
    with disk_errors(folder):
        make_folder(folder)
        file = folder / f'{folder.name}_0.mcap'
        # The log moves last: until then it is where a repair finds it.
        replace(folder / 'metadata.yaml', _metadata(log, file.name))
        log.rename(file)
        sync_folder(folder)
        sync_folder(log.parent)
    return folder


def recover_as_rosbag2(log: Path, folder: Path) -> Path:
    """
    Copy what is intact of an unfinished raw log into a new rosbag2 folder and return it.

    The log itself stays. Raises StorageError, also where the folder exists already.
    """
    temporary = folder.with_name(f'.{folder.name}.tmp')
    with disk_errors(folder):
        if folder.exists():
            raise StorageError(f'{folder}: exists already; move it away first')
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary)
        file = temporary / f'{folder.name}_0.mcap'
        _copy(McapLog(log), file)
        replace(temporary / 'metadata.yaml', _metadata(file, file.name))
        temporary.rename(folder)
        sync_folder(folder.parent)
    return folder


def _copy(log: McapLog, target: Path) -> None:
    """Write the intact records of a log into a finished file."""
    schemas: dict[int, int] = {}
    channels: dict[int, int] = {}
    with open(target, 'xb') as file:
        writer = Writer(file, compression=CompressionType.NONE)
        writer.start(profile='ros2')
        writer.add_metadata(METADATA_NAME, log.metadata(METADATA_NAME))
        for record in log.records():
            if isinstance(record, Schema) and record.id not in schemas:
                schemas[record.id] = writer.register_schema(
                    record.name, record.encoding, record.data)
            elif (isinstance(record, Channel) and record.id not in channels
                    and record.schema_id in schemas):
                channels[record.id] = writer.register_channel(
                    record.topic, record.message_encoding, schemas[record.schema_id],
                    record.metadata)
            elif isinstance(record, Message) and record.channel_id in channels:
                writer.add_message(
                    channels[record.channel_id], record.log_time, record.data,
                    record.publish_time, record.sequence)
        writer.finish()
        file.flush()


def _metadata(log: Path, name: str) -> bytes:
    """Return the metadata.yaml of a bag that consists of one finished MCAP file."""
    with open(log, 'rb') as file:
        summary = make_reader(file).get_summary()
    statistics = summary.statistics
    start = {'nanoseconds_since_epoch': statistics.message_start_time}
    duration = {'nanoseconds': statistics.message_end_time - statistics.message_start_time}
    topics = [
        {'topic_metadata': {
            'name': channel.topic, 'type': summary.schemas[channel.schema_id].name,
            'serialization_format': 'cdr', 'offered_qos_profiles': ''},
         'message_count': statistics.channel_message_counts.get(channel.id, 0)}
        for channel in summary.channels.values()]
    return yaml.safe_dump({'rosbag2_bagfile_information': {
        'version': _METADATA_VERSION,
        'storage_identifier': 'mcap',
        'duration': duration,
        'starting_time': start,
        'message_count': statistics.message_count,
        'topics_with_message_count': topics,
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [name],
        'files': [{'path': name, 'starting_time': start, 'duration': duration,
                   'message_count': statistics.message_count}],
    }}, sort_keys=False).encode()
