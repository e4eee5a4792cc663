import json

from data_samples import contract
from data_samples import event
from data_samples import grip
from data_samples import marked
from data_samples import MS
from data_samples import PERIOD_NS
from data_samples import record
from data_samples import twist
from data_samples import UTC
import h5py
from lps_ros import __version__
from lps_ros.data import EpisodeError
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode import Episode
from lps_ros.data.verification import verify_episode
import numpy as np
import pytest


@pytest.fixture
def path(tmp_path):
    return record(tmp_path, marked(12, images=True))


def test_plain_h5py_reads_the_file(path):
    with h5py.File(path) as file:
        assert set(file) == {'stream', 'tick'}
        assert set(file['tick/index']) == set(file['stream']) == {
            'joints', 'tool', 'front', 'twist', 'grip'}
        assert set(file['stream/tool']) == {'data', 'stamp_ns', 'received_ns'}
        assert set(file['stream/twist']) == {'data', 'stamp_ns', 'received_ns', 'source'}
        assert set(file['stream/front']) == {'data', 'stamp_ns', 'received_ns', 'offset'}
        ticks = file['tick/time_ns'][()]
        assert ticks.tolist() == [k * PERIOD_NS for k in range(12)]
        rows = file['stream/joints/data'][()][file['tick/index/joints'][()]]
        assert rows[:, 0].tolist() == list(range(12))
        assert list(file['stream/joints'].attrs['columns']) == [
            'position.shoulder', 'position.elbow']
        assert dict(file['stream/joints'].attrs)['type'] == 'sensor_msgs/msg/JointState'
        offset = file['stream/front/offset'][()]
        jpeg = file['stream/front/data'][offset[3]:offset[4]].tobytes()
        assert jpeg[:3] == b'\xff\xd8\xff'
        stored = []
        file.visititems(lambda name, item: stored.append(getattr(item, 'fletcher32', True)))
        assert all(stored)
        attributes = dict(file.attrs)
        assert attributes['schema_version'] == 1
        assert attributes['contract'] == contract().text
        assert attributes['data_hash'] == contract().data_hash
        assert attributes['deployment_hash'] == contract().deployment_hash
        assert attributes['software'] == f'lps_ros {__version__}'
        assert [attributes[name] for name in ('outcome', 'operator', 'task', 'utc')] == [
            'success', 'ann', 'reach', UTC]
        assert json.loads(attributes['events']) == [
            {'event': 'start', 'time_ns': MS, 'operator': 'ann', 'source': 'teleop', 'utc': UTC},
            {'event': 'success', 'time_ns': 11 * PERIOD_NS + 20 * MS}]
        assert attributes['end_ns'] == 11 * PERIOD_NS + 20 * MS


def test_reading_gives_what_was_recorded(path):
    with Episode.open(path) as episode:
        assert episode.outcome == 'success'
        assert episode.keys == ('joints', 'tool', 'front', 'twist', 'grip')
        assert episode.contract.data_hash == contract().data_hash
        rows = episode.rows(['tool', 'twist', 'grip'])
        np.testing.assert_allclose(rows['tool'][:, 0], 0.01 * np.arange(12))
        assert rows['tool'].shape == (12, 7)
        # The last tick's action is the one in force there.
        np.testing.assert_allclose(rows['twist'][:, 0], 0.001 * np.r_[0:11, 10])
        assert rows['grip'].shape == (12, 1)
        stream = episode.stream('twist')
        assert stream.data.shape == (12, 2)
        assert stream.source == ['teleop'] * 12
        assert (stream.received_ns - stream.stamp_ns == 0).all()
        assert (episode.stream('grip').stamp_ns == -1).all()
        assert episode.images('front', [2, 7]).mean(axis=(1, 2, 3)).round().tolist() == [20, 70]


def test_statistics_count_gaps_repeats_and_lost_messages(tmp_path):
    messages = marked(20)
    # The pose is lost at ticks 5 and 6, and repeats itself after tick 10.
    poses = [message for message in messages if message.topic == 'tool_pose']
    messages = [message for message in messages if message not in poses[5:7]]
    messages.insert(messages.index(poses[10]) + 1,
                    poses[10]._replace(received_ns=poses[10].received_ns + MS))
    with Episode.open(record(tmp_path, messages)) as episode:
        assert episode.statistics('tool') == {
            'count': 19, 'rate_hz': round(18 / 0.95, 3), 'gaps': 1, 'longest_gap_s': 0.15,
            'duplicates': 1, 'drops': -1, 'misfits': 0}
        assert episode.statistics('joints') == {
            'count': 20, 'rate_hz': 20.0, 'gaps': 0, 'longest_gap_s': 0.05,
            'duplicates': 0, 'drops': -1, 'misfits': 0}


def test_commands_without_a_stamp_are_no_repeats(tmp_path):
    messages = [message._replace(cdr=message.cdr[:4] + bytes(8) + message.cdr[12:])
                if message.topic == 'servo/twist' else message for message in marked(20)]
    with Episode.open(record(tmp_path, messages)) as episode:
        assert not episode.stream('twist').stamp_ns.any()
        assert episode.statistics('twist')['duplicates'] == 0


def test_a_camera_that_serves_its_last_frame_shows_as_repeats(tmp_path):
    messages = marked(20, images=True)
    frames = [message for message in messages if message.topic.startswith('camera')]
    frozen = {frame.received_ns: frames[4].cdr for frame in frames[5:]}
    pixels = 8 * 6 * 3
    messages = [message._replace(cdr=message.cdr[:-pixels] + frozen[message.received_ns][-pixels:])
                if message in frames[5:] else message for message in messages]
    with Episode.open(record(tmp_path, messages)) as episode:
        assert episode.statistics('front')['duplicates'] == 15


def test_the_source_of_each_command_follows_the_events(tmp_path):
    messages = marked(10) + [event('source', 4 * PERIOD_NS, source='policy')]
    messages.sort(key=lambda message: message.received_ns)
    with Episode.open(record(tmp_path, messages)) as episode:
        assert episode.stream('twist').source == ['teleop'] * 4 + ['policy'] * 6


def test_what_no_message_had_reached_yet_is_nan(tmp_path):
    messages = [message for message in marked(10)
                if message.topic != 'gripper/command' or message.received_ns > 3 * PERIOD_NS]
    with Episode.open(record(tmp_path, messages)) as episode:
        rows = episode.rows(['grip', 'twist'])
        assert np.isnan(rows['grip'][:, 0]).tolist() == [True] * 3 + [False] * 7
        assert np.isfinite(rows['twist']).all()


def test_commands_from_before_the_start_are_in_force(tmp_path):
    first_ns = 10 * PERIOD_NS
    early = [twist(3 * MS, 0.7), grip(2 * MS, 0.02)]
    later = [message for message in marked(10, first_ns=first_ns)
             if message.topic not in ('servo/twist', 'gripper/command')]
    with Episode.open(record(tmp_path, early + later)) as episode:
        rows = episode.rows(['grip', 'twist'])
        assert rows['grip'][:, 0].tolist() == [0.02] * 10
        assert rows['twist'][:, 0].tolist() == [0.7] * 10
        assert episode.stream('twist').source == ['teleop']


def test_episodes_from_before_checksums_and_counts_of_misfits_are_read(path, tmp_path):
    old = tmp_path / 'success' / 'old.hdf5'
    with h5py.File(path) as file, h5py.File(old, 'w') as plain:
        plain.attrs.update(file.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                plain.create_dataset(name, data=item[()])
            elif name.startswith('stream/'):
                plain.create_group(name).attrs.update({
                    key: value for key, value in item.attrs.items() if key != 'misfits'})
        file.visititems(copy)
    assert verify_episode(old) == []
    with Episode.open(old) as episode, Episode.open(path) as new:
        assert episode.statistics('tool') == new.statistics('tool') | {'misfits': -1}
        np.testing.assert_array_equal(episode.rows(['tool'])['tool'], new.rows(['tool'])['tool'])
    assert Dataset(tmp_path).info()['streams']['tool']['misfits'] == -1


def test_a_truncated_file_is_one_line(path):
    content = path.read_bytes()
    for length in (0, 50, 3000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(EpisodeError, match='truncated|not a readable') as caught:
            Episode.open(path)
        assert str(caught.value).startswith(str(path))
        assert '\n' not in str(caught.value)


def test_another_schema_version_is_refused(path):
    with h5py.File(path, 'r+') as file:
        file.attrs['schema_version'] = 2
    with pytest.raises(EpisodeError, match='found schema version 2, expected 1'):
        Episode.open(path)


def test_missing_parts_are_named(path):
    with h5py.File(path, 'r+') as file:
        del file['stream/tool']
        del file['tick/index/grip']
    with Episode.open(path) as episode:
        with pytest.raises(EpisodeError, match="no stream 'tool', only joints, front"):
            episode.rows(['tool'])
        with pytest.raises(EpisodeError, match='tick/index/grip is missing or damaged'):
            episode.index('grip')
        with pytest.raises(EpisodeError, match="no stream 'nose', expected one of joints"):
            episode.stream('nose')
        with pytest.raises(EpisodeError, match='expected a frame at each'):
            episode.images('front', [99])
    with pytest.raises(EpisodeError, match='not found'):
        Episode.open(path.with_name('none.hdf5'))
