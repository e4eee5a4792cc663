import os

from data_samples import contract
from data_samples import event
from data_samples import joints
from data_samples import marked
from data_samples import MS
from data_samples import write_log
from lps_ros.data import DatasetError
from lps_ros.data import StorageError
from lps_ros.data.convert import convert_bag
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode import Episode
from lps_ros.data.raw_log import RawLogWriter
from lps_ros.data.repair import repair
from mcap.reader import make_reader
import pytest
from rosbags.highlevel import AnyReader


@pytest.fixture
def left(tmp_path):
    """Return a dataset with the raw log of a recording that was killed before its end."""
    log = write_log(tmp_path / '.partial' / 'recording_a.mcap', marked(60)[:-1])
    log.write_bytes(log.read_bytes()[:-6000])
    return tmp_path


def files(dataset):
    return sorted(str(path.relative_to(dataset)) for path in dataset.rglob('*') if path.is_file())


def test_a_crashed_recording_becomes_a_rosbag2(left):
    log = left / '.partial' / 'recording_a.mcap'
    assert Dataset(left).leftovers() == [log]
    done, = repair(left)
    assert (done.log, done.result) == (log, left / 'recovered' / 'recording_a')
    assert 'no end was marked' in done.note
    assert files(left) == ['recovered/recording_a/metadata.yaml',
                           'recovered/recording_a/recording_a_0.mcap']
    with AnyReader([done.result]) as reader:
        assert 20 < reader.topics['/joint_states'].msgcount < 60
    with open(done.result / 'recording_a_0.mcap', 'rb') as file:
        metadata, = make_reader(file).iter_metadata()
        assert metadata.metadata['contract'] == contract().text
    # It converts like any other bag.
    path, = convert_bag(done.result, None, left, outcome='failure')
    assert path.parent == left / 'failure'
    assert repair(left) == []


def test_with_an_outcome_it_becomes_an_episode(left):
    done, = repair(left, outcome='failure')
    assert done.result == left / 'failure' / 'episode_20260304T050607Z_0.hdf5'
    # What comes after the cut is lost; nothing of the rest is.
    assert 'was not finished' in done.note
    assert f'intact messages are kept in {left / "recovered" / "recording_a"}' in done.note
    assert not (left / '.partial' / 'recording_a.mcap').exists()
    with Episode.open(done.result) as episode:
        assert episode.attributes['ended_by'] == 'end of recording'
        assert 20 < len(episode.ticks_ns) < 60
    assert Dataset(left).verify() == []


def test_a_marked_end_decides_the_outcome(tmp_path):
    log = write_log(tmp_path / '.partial' / 'a.mcap', marked(10, 'failure'))
    done, = repair(tmp_path, outcome='success')
    assert done.result == tmp_path / 'failure' / 'episode_20260304T050607Z_0.hdf5'
    assert not log.exists()


def test_a_whole_log_leaves_only_its_episode(tmp_path):
    write_log(tmp_path / '.partial' / 'a.mcap', marked(10))
    done, = repair(tmp_path)
    assert done.note == ''
    assert files(tmp_path) == ['success/episode_20260304T050607Z_0.hdf5']


def test_of_a_damaged_log_the_intact_messages_are_kept_beside_the_episode(tmp_path):
    log = write_log(tmp_path / '.partial' / 'a.mcap', marked(200))
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xff
    log.write_bytes(content)
    done, = repair(tmp_path)
    assert done.result == tmp_path / 'success' / 'episode_20260304T050607Z_0.hdf5'
    bag = tmp_path / 'recovered' / 'a'
    assert done.note == (f'{log}: left out 1 chunk(s) with a wrong checksum; the intact messages '
                         f'are kept in {bag}')
    with AnyReader([bag]) as reader:
        assert 100 < reader.topics['/joint_states'].msgcount < 200
    assert not log.exists()


def test_of_several_episodes_one_that_cannot_be_made_is_kept_as_a_bag(tmp_path):
    short = 10**9 + MS
    messages = [*marked(10), event('start', short), event('failure', short + MS)]
    write_log(tmp_path / '.partial' / 'a.mcap', messages)
    done, = repair(tmp_path)
    assert done.result == tmp_path / 'success' / 'episode_20260304T050607Z_0.hdf5'
    assert f'left out the episode at {short} ns: 1 control tick(s)' in done.note
    with AnyReader([tmp_path / 'recovered' / 'a']) as reader:
        assert reader.topics['/joint_states'].msgcount == 10


def test_where_no_episode_can_be_made_the_reason_is_told(tmp_path):
    begins = 10**9 + MS, 10**9 + 101 * MS
    marks = [event(name, start + MS * number) for start in begins
             for number, name in enumerate(('start', 'failure'))]
    write_log(tmp_path / '.partial' / 'a.mcap', [*marked(10)[:-1], *marks])
    done, = repair(tmp_path)
    assert done.result == tmp_path / 'recovered' / 'a'
    assert f'left out the episode at {begins[0]} ns: 1 control tick(s)' in done.note


def test_what_a_damaged_chunk_declared_is_taken_from_the_summary(tmp_path):
    other = [joints(10**9 + tick, 0.0)._replace(topic='other_joints') for tick in range(5)]
    log = write_log(tmp_path / '.partial' / 'a.mcap', [*marked(100)[:-1], *other])
    content = bytearray(log.read_bytes())
    content[content.index(b'/joint_states')] ^= 0xff  # in the first chunk
    log.write_bytes(content)
    done, = repair(tmp_path)
    assert done.result == tmp_path / 'recovered' / 'a'
    with AnyReader([done.result]) as reader:
        assert reader.topics['/other_joints'].msgcount == 5
        assert 0 < reader.topics['/joint_states'].msgcount < 100


def test_a_type_that_went_with_a_damaged_chunk_stops_no_repair(tmp_path):
    other = [joints(10**9 + tick, 0.0)._replace(topic='other_joints') for tick in range(5)]
    log = write_log(tmp_path / '.partial' / 'a.mcap', [*marked(100)[:-1], *other])
    content = bytearray(log.read_bytes())
    content[content.index(b'/joint_states')] ^= 0xff
    end_of_data = content.rindex(b'\x0f\x04' + bytes(7))
    log.write_bytes(content[:end_of_data])  # no summary either
    done, = repair(tmp_path)
    with AnyReader([done.result]) as reader:
        assert '/other_joints' not in reader.topics


def test_a_damaged_summary_costs_no_message(tmp_path):
    log = write_log(tmp_path / '.partial' / 'a.mcap', marked(10))
    content = log.read_bytes()
    place = content.rindex(b'/servo/twist')
    log.write_bytes(content[:place] + b'/servo/twisX' + content[place + 12:])
    done, = repair(tmp_path)
    assert done.result == tmp_path / 'recovered' / 'a'
    with AnyReader([done.result]) as reader:
        assert reader.topics['/servo/twist'].msgcount == 10


def test_frames_keep_the_format_that_the_recorder_was_set_to(tmp_path):
    writer = RawLogWriter(tmp_path / '.partial' / 'a.mcap', contract(), {'image_format': 'png'})
    for message in marked(10, images=True):
        if 'lps_ros' in message.topic:
            name = 'start' if message.received_ns == MS else 'success'
            writer.event(name, message.received_ns)
        else:
            writer.write(*message)
    writer.abandon()
    done, = repair(tmp_path)
    assert b'PNG' in done.result.read_bytes()


def test_a_recording_under_way_is_left_alone(tmp_path):
    writer = RawLogWriter(tmp_path / '.partial' / 'a.mcap', contract())
    assert repair(tmp_path) == []
    assert Dataset(tmp_path).leftovers() == []
    writer.abandon()
    assert [done.log for done in repair(tmp_path)] == [writer.path]


def test_what_cannot_be_an_episode_is_kept_as_a_bag_with_the_reason(tmp_path):
    lacking = [message for message in marked(10) if message.topic != 'tool_pose']
    write_log(tmp_path / '.partial' / 'a.mcap', lacking)
    done, = repair(tmp_path, outcome='success')
    assert done.result == tmp_path / 'recovered' / 'a'
    assert "no topic 'tool_pose'" in done.note


@pytest.mark.parametrize('length', [0, 5, 200])
def test_a_log_with_nothing_in_it_is_recovered_as_an_empty_bag(tmp_path, length):
    log = write_log(tmp_path / '.partial' / 'a.mcap', [])
    log.write_bytes(log.read_bytes()[:length])
    done, = repair(tmp_path)
    with AnyReader([done.result]) as reader:
        assert reader.message_count == 0


def test_nothing_is_removed_without_a_replacement(left):
    log = left / '.partial' / 'recording_a.mcap'
    content = log.read_bytes()
    (left / 'recovered' / 'recording_a').mkdir(parents=True)
    with pytest.raises(StorageError, match='exists already; move it away'):
        repair(left)
    assert log.read_bytes() == content


def test_an_interrupted_repair_can_be_repeated(left):
    half = left / 'recovered' / '.recording_a.tmp'
    half.mkdir(parents=True)
    (half / 'recording_a_0.mcap').write_bytes(b'half')
    repair(left)
    assert files(left) == ['recovered/recording_a/metadata.yaml',
                           'recovered/recording_a/recording_a_0.mcap']


def test_half_written_episodes_go_when_nobody_writes_them(left):
    temporary = left / '.partial' / f'episode_x.{os.getpid()}.hdf5.tmp'
    temporary.write_bytes(b'half')
    repair(left)
    assert not temporary.exists()


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match='found no folder'):
        repair(tmp_path / 'none')
