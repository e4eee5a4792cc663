import io
import os
from pathlib import Path
import signal
import struct
import subprocess
import sys
import tracemalloc

from data_samples import contract
from data_samples import joints
from data_samples import marked
from data_samples import MS
from data_samples import write_log
from lps_ros.data import BagError
from lps_ros.data import StorageError
from lps_ros.data.bag import Bag
from lps_ros.data.files import is_locked
from lps_ros.data.raw_log import RawLogWriter
from mcap.reader import make_reader
from mcap.reader import NonSeekingReader
from mcap_ros2.decoder import DecoderFactory
import pytest
from rosbags.highlevel import AnyReader

WRITER = """
import sys
sys.path[:0] = {path!r}
from data_samples import contract, joints
from lps_ros.data.raw_log import RawLogWriter
writer = RawLogWriter({log!r}, contract())
count = 0
while True:
    writer.write(*joints(count * 1000000, float(count)))
    count += 1
    print(count, flush=True)
"""
LIMITED = """
import resource
import sys
sys.path[:0] = {path!r}
from data_samples import contract, joints
from lps_ros.data import StorageError
from lps_ros.data.raw_log import RawLogWriter
writer = RawLogWriter({log!r}, contract())
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
try:
    for count in range(100000):
        writer.write(*joints(count * 1000000, float(count)))
except StorageError as error:
    writer.abandon()
    print(error)
"""


def python(script: str, log: Path) -> list[str]:
    path = [str(Path(__file__).parent), *sys.path]
    return [sys.executable, '-c', script.format(path=path, log=str(log))]


def test_rosbags_reads_the_log(tmp_path):
    messages = [message for message in marked(10) if 'lps_ros' not in message.topic]
    log = write_log(tmp_path / 'a.mcap', messages)
    with AnyReader([log]) as reader:
        found = [(connection.topic, connection.msgtype, time_ns, bytes(cdr))
                 for connection, time_ns, cdr in reader.messages()]
        decoded = reader.deserialize(found[0][3], found[0][1])
    assert sorted(found) == sorted(
        ('/' + topic, kind, time_ns, cdr) for topic, kind, cdr, time_ns in messages)
    assert list(decoded.name) == ['elbow', 'shoulder']


def test_mcap_ros2_support_reads_the_log(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(10, images=True))
    with open(log, 'rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == 'ros2'
        by_topic = {}
        for _, channel, message, decoded in reader.iter_decoded_messages():
            by_topic.setdefault(channel.topic, []).append((message.log_time, decoded))
    assert [decoded.position[1] for _, decoded in by_topic['/joint_states']] == list(range(10))
    assert by_topic['/camera/image_raw'][3][1].data[0] == 30
    assert by_topic['/servo/twist'][2][0] == by_topic['/servo/twist'][1][0] + 50 * MS


def test_contract_and_attributes_are_metadata(tmp_path):
    log = tmp_path / 'deep' / 'a.mcap'
    RawLogWriter(log, contract(), {'image_format': 'png'}).close()
    with open(log, 'rb') as file:
        metadata = {record.name: record.metadata for record in make_reader(file).iter_metadata()}
    assert metadata['lps_ros']['contract'] == contract().text
    assert metadata['lps_ros']['data_hash'] == contract().data_hash
    assert metadata['lps_ros']['image_format'] == 'png'


def test_stamp_and_sequence_are_kept(tmp_path):
    writer = RawLogWriter(tmp_path / 'a.mcap', contract())
    topic, kind, cdr, _ = joints(5, 0.0)
    writer.write(topic, kind, cdr, 5, 3, sequence=7)
    writer.close()
    with open(tmp_path / 'a.mcap', 'rb') as file:
        (_, _, message), = make_reader(file).iter_messages()
    assert (message.log_time, message.publish_time, message.sequence) == (5, 3, 7)


def test_a_log_is_never_overwritten(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(5))
    content = log.read_bytes()
    with pytest.raises(StorageError, match='a.mcap'):
        RawLogWriter(log, contract())
    assert log.read_bytes() == content


def test_a_log_is_locked_while_it_is_written(tmp_path):
    writer = RawLogWriter(tmp_path / 'a.mcap', contract())
    assert is_locked(writer.path)
    writer.finish()
    assert is_locked(writer.path)
    writer.close()
    assert not is_locked(writer.path)


def test_kill_leaves_the_log_readable(tmp_path):
    log = tmp_path / 'a.mcap'
    process = subprocess.Popen(python(WRITER, log), stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 1000:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    written = int(line) + sum(1 for _ in process.stdout)
    process.stdout.close()
    bag = Bag(log)
    found = [message.received_ns // MS for message in bag.messages({'/joint_states'})]
    assert found == list(range(len(found)))
    # What was lost fits into one chunk of 16 KiB.
    assert written - 16 * 1024 // 100 <= len(found)
    assert 'not finished' in bag.damage
    standard = NonSeekingReader(io.BytesIO(log.read_bytes()))
    assert next(standard.iter_messages(log_time_order=False))[1].topic == '/joint_states'


def test_a_log_cut_anywhere_gives_what_lies_before_the_cut(tmp_path):
    whole = write_log(tmp_path / 'a.mcap', marked(60)).read_bytes()
    cut = tmp_path / 'cut.mcap'
    counts = []
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        bag = Bag(cut)
        counts.append(sum(1 for _ in bag.messages({'/joint_states'})))
        assert bag.damage
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 60


def test_a_chunk_with_a_wrong_checksum_is_left_out(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(100))
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xff
    log.write_bytes(content)
    bag = Bag(log)
    count = sum(1 for _ in bag.messages({'/joint_states'}))
    assert 0 < count < 100
    assert bag.damage.endswith('left out 1 chunk(s) with a wrong checksum')


def record_at(content, opcode, number):
    """Return where the record of this opcode and number begins in an MCAP file."""
    place = 8
    while content[place] != opcode or number:
        number -= content[place] == opcode
        place += 9 + struct.unpack_from('<Q', content, place + 1)[0]
    return place


@pytest.mark.parametrize(('opcode', 'number', 'offset', 'form', 'length'), [
    (6, 1, 1, '<Q', 10**6), (6, 1, 1, '<Q', 2**62), (6, 1, 41, '<Q', 10**6),
    (6, 1, 41, '<Q', 2**40), (6, 1, 41, '<Q', 2**63), (3, 0, 11, '<I', 2**32 - 1)],
    ids=['chunk', 'huge chunk', 'data', 'huge data', 'impossible data', 'name in the summary'])
def test_a_length_beyond_the_end_of_the_file_is_damage(
        tmp_path, opcode, number, offset, form, length):
    log = write_log(tmp_path / 'a.mcap', marked(100))
    content = bytearray(log.read_bytes())
    struct.pack_into(form, content, record_at(content, opcode, number) + offset, length)
    log.write_bytes(content)
    tracemalloc.start()
    try:
        bag = Bag(log)
        count = sum(1 for _ in bag.messages({'/joint_states'}))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert 0 < count <= 100
    assert 'not finished' in bag.damage


@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a.txt', 'none.mcap', 'folder'])
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, name):
    (tmp_path / 'folder').mkdir()
    if name.startswith('a.'):
        (tmp_path / name).write_bytes(b'this is no recording at all')
    with pytest.raises(BagError) as caught:
        Bag(tmp_path / name)
    assert name in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_full_disk_is_one_clear_line_and_costs_only_the_last_chunk(tmp_path):
    log = tmp_path / 'a.mcap'
    done = subprocess.run(python(LIMITED, log), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        f'{log}: the disk is full (File too large); free some space and try again')
    assert done.stderr == ''
    assert log.stat().st_size == 100000
    messages = list(Bag(log).messages({'/joint_states'}))
    assert 100000 - 16 * 1024 * 1.5 < sum(len(message.cdr) + 31 for message in messages)
