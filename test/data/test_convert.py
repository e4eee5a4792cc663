import logging
from pathlib import Path
import subprocess
import sys

from data_samples import CONTRACT
from data_samples import contract
from data_samples import event
from data_samples import grip
from data_samples import image
from data_samples import joints
from data_samples import marked
from data_samples import motion
from data_samples import MS
from data_samples import PERIOD_NS
from data_samples import pose
from data_samples import record
from data_samples import Sent
from data_samples import twist
from data_samples import write_log
from data_samples import write_rosbag2
from lps_ros.data import BagError
from lps_ros.data import EpisodeError
from lps_ros.data.convert import convert_bag
from lps_ros.data.episode import Episode
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

LIMITED = """
import resource
import sys
sys.path[:0] = {path!r}
from data_samples import contract
from lps_ros.data import StorageError
from lps_ros.data.convert import convert_bag
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
try:
    convert_bag({log!r}, contract(), {dataset!r})
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize('images', [False, True])
def test_every_way_of_recording_gives_the_same_file(tmp_path, images):
    messages = marked(25, images=images)
    live = record(tmp_path / 'live', messages)
    log = write_log(tmp_path / 'log.mcap', messages)
    sqlite = write_rosbag2(tmp_path / 'sqlite', messages, StoragePlugin.SQLITE3)
    mcap = write_rosbag2(tmp_path / 'mcap', messages, StoragePlugin.MCAP)
    lone_sqlite = next(sqlite.glob('*.db3')).rename(tmp_path / 'lone.db3')
    write_rosbag2(tmp_path / 'unfinished', messages, StoragePlugin.MCAP)
    (tmp_path / 'unfinished' / 'metadata.yaml').unlink()
    sources = (log, mcap, lone_sqlite, tmp_path / 'unfinished')
    files = [path for number, source in enumerate(sources)
             for path in convert_bag(source, contract(), tmp_path / f'dataset_{number}')]
    (tmp_path / 'lone.db3').rename(sqlite / 'sqlite.db3')
    files += convert_bag(sqlite, contract(), tmp_path / 'dataset_sqlite')
    assert len(files) == 5
    for path in files:
        assert path.read_bytes() == live.read_bytes()
        assert path.name == live.name == 'episode_20260304T050607Z_0.hdf5'


def test_the_contract_comes_from_the_recording_unless_given(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(10))
    faster = contract(CONTRACT.replace('rate_hz: 20', 'rate_hz: 40'))
    first, = convert_bag(log, None, tmp_path / 'first')
    second, = convert_bag(log, faster, tmp_path / 'second')
    with Episode.open(first) as episode:
        assert episode.contract.data_hash == contract().data_hash
        assert len(episode.ticks_ns) == 10
    with Episode.open(second) as episode:
        assert episode.contract.data_hash == faster.data_hash
        assert len(episode.ticks_ns) == 19


def test_one_bag_may_hold_many_episodes(tmp_path):
    messages = (marked(10) + marked(12, 'failure', first_ns=10**9) + marked(14, 'discard',
                first_ns=2 * 10**9) + marked(16, 'success', first_ns=3 * 10**9))
    bag = write_rosbag2(tmp_path / 'bag', messages, StoragePlugin.MCAP)
    files = convert_bag(bag, None, tmp_path / 'dataset')
    assert [path.parent.name for path in files] == ['success', 'failure', 'success']
    assert [path.name[-7:] for path in files] == ['_0.hdf5', '_1.hdf5', '_2.hdf5']
    lengths = []
    for path in files:
        with Episode.open(path) as episode:
            lengths.append(len(episode.ticks_ns))
            # The rows begin with what is in force at the first tick, not with the bag.
            assert episode.index('joints')[0] == 0
            assert episode.received_ns('joints')[0] == episode.ticks_ns[0]
    assert lengths == [10, 12, 16]


def test_converting_twice_adds_nothing(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(10))
    first = convert_bag(log, None, tmp_path / 'dataset')
    assert convert_bag(log, None, tmp_path / 'dataset') == first
    assert len(list((tmp_path / 'dataset').rglob('*.hdf5*'))) == 1


def test_a_bag_without_marks_needs_an_outcome(tmp_path):
    bag = write_rosbag2(tmp_path / 'bag', motion(10), StoragePlugin.SQLITE3)
    with pytest.raises(BagError, match='no episode marked.*success or a failure'):
        convert_bag(bag, contract(), tmp_path / 'dataset')
    path, = convert_bag(bag, contract(), tmp_path / 'dataset', outcome='failure')
    assert path.parent.name == 'failure'
    with Episode.open(path) as episode:
        assert len(episode.ticks_ns) == 10
        assert episode.attributes['ended_by'] == 'end of recording'
        assert episode.events == []


def test_an_unfinished_log_takes_the_outcome_that_is_given(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(40)[:-1])
    log.write_bytes(log.read_bytes()[:-3000])
    assert convert_bag(log, None, tmp_path / 'dataset') == []
    path, = convert_bag(log, None, tmp_path / 'dataset', outcome='success')
    with Episode.open(path) as episode:
        assert 2 <= len(episode.ticks_ns) <= 40
        assert episode.rows(['joints'])['joints'][-1, 0] == len(episode.ticks_ns) - 1


def test_discarded_recordings_stay_out_whatever_the_outcome(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(10, 'discard'))
    assert convert_bag(log, None, tmp_path / 'dataset', outcome='success') == []
    assert not list(tmp_path.rglob('*.hdf5'))


def test_a_namespace_is_found_where_it_is_the_only_one(tmp_path):
    def below(space: str, messages: list[Sent]) -> list[Sent]:
        return [message if 'lps_ros' in message.topic
                else message._replace(topic=f'/{space}/{message.topic}') for message in messages]
    one = write_rosbag2(tmp_path / 'one', below('left', marked(10)), StoragePlugin.MCAP)
    both = write_rosbag2(
        tmp_path / 'both', below('left', marked(10)) + below('right', motion(12)),
        StoragePlugin.MCAP)
    path, = convert_bag(one, contract(), tmp_path / 'a')
    with pytest.raises(BagError, match='/left/joint_states, /right/joint_states'):
        convert_bag(both, contract(), tmp_path / 'b')
    chosen, = convert_bag(both, contract(), tmp_path / 'c', namespace='/left')
    assert chosen.read_bytes() == path.read_bytes()


def test_rclpy_messages_give_the_same_rows(tmp_path):
    from geometry_msgs.msg import PoseStamped
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import JointState

    ours = marked(10)
    theirs = []
    for topic, kind, cdr, received_ns in ours:
        tick = received_ns // PERIOD_NS
        if topic == 'joint_states':
            message = JointState(name=['elbow', 'shoulder'], position=[0.5, float(tick)],
                                 velocity=[0.0, 0.0], effort=[0.0, 0.0])
        elif topic == 'tool_pose':
            message = PoseStamped()
            message.pose.position.x = 0.01 * tick
            message.pose.position.z = 0.2
        else:
            theirs.append(Sent(topic, kind, cdr, received_ns))
            continue
        message.header.frame_id = 'base_link'
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(received_ns, 10**9)
        theirs.append(Sent(topic, kind, serialize_message(message), received_ns))
    assert record(tmp_path / 'a', theirs).read_bytes() == record(
        tmp_path / 'b', ours).read_bytes()


def test_an_optional_stream_may_be_missing_and_a_required_one_may_not(tmp_path):
    with Episode.open(record(tmp_path, marked(10))) as episode:
        assert episode.keys == ('joints', 'tool', 'twist', 'grip')
    lacking = [message for message in marked(10) if message.topic != 'tool_pose']
    with pytest.raises(BagError, match=r"no topic 'tool_pose' \(observation 'tool'\), only /"):
        record(tmp_path / 'lacking', lacking)


def faulty(fault: str) -> list[Sent]:
    messages = [message for message in marked(10)
                if message.topic != 'joint_states' or fault == 'short']
    types = {'type': twist(5, 0.0)._replace(topic='joint_states'),
             'joint': joints(5, 0.0)._replace(cdr=joints(5, 0.0).cdr.replace(b'elbow', b'albow')),
             'damaged': joints(5, 0.0)._replace(cdr=joints(5, 0.0).cdr[:30]),
             'event': event('start', 2)._replace(cdr=event('x', 2).cdr.replace(b'{', b'[')),
             'late': joints(10**10, 0.0)}
    if fault == 'short':
        return [joints(0, 0.0), pose(0, 0.0), twist(MS, 0.0), grip(MS, 0.0), event('start', 0),
                event('success', 2 * MS)]
    return messages + [types[fault]] + ([joints(0, 0.0)] if fault == 'event' else [])


def test_a_message_that_does_not_fit_is_left_out_and_told(tmp_path, caplog):
    stranger = joints(5, 0.0)._replace(cdr=joints(5, 0.0).cdr.replace(b'elbow', b'albow'))
    whole, = convert_bag(
        write_rosbag2(tmp_path / 'whole', marked(10), StoragePlugin.MCAP), contract(),
        tmp_path / 'dataset')
    mixed, = convert_bag(
        write_rosbag2(tmp_path / 'mixed', [*marked(10), stranger], StoragePlugin.MCAP),
        contract(), tmp_path / 'other')
    with Episode.open(mixed) as episode, Episode.open(whole) as clean:
        assert episode.statistics('joints') == clean.statistics('joints') | {'misfits': 1}
        assert episode.statistics('tool')['misfits'] == 0
        for key in episode.keys:
            np.testing.assert_array_equal(episode.stream(key).data, clean.stream(key).data)
    assert 'left out 1 of' in caplog.text and "no joint 'elbow'" in caplog.text


def test_a_misfit_counts_for_the_episode_in_which_it_came(tmp_path):
    stranger = joints(5, 0.0)._replace(cdr=joints(5, 0.0).cdr.replace(b'elbow', b'albow'))
    second_ns = 10**9
    messages = [*marked(10), *marked(10, first_ns=second_ns),
                *(stranger._replace(received_ns=time_ns) for time_ns in (
                    5, second_ns - 200 * MS, second_ns + 60 * MS, second_ns + 70 * MS))]
    messages.sort(key=lambda message: message.received_ns)
    counts = []
    for path in convert_bag(write_log(tmp_path / 'a.mcap', messages), None, tmp_path / 'dataset'):
        with Episode.open(path) as episode:
            counts.append(episode.statistics('joints')['misfits'])
    assert counts == [1, 2]


@pytest.mark.parametrize(('fault', 'expected'), [
    ('type', "'/joint_states' carries geometry_msgs/msg/TwistStamped, expected sensor_msgs"),
    ('joint', "topic 'joint_states': no message fits 'joints': .*no joint 'elbow'"),
    ('damaged', "topic '/joint_states' at 5 ns: cannot decode"),
    ('event', 'found an event .*expected JSON'),
    ('late', r"no message of observation 'joints' on topic 'joint_states' between"),
    ('short', r'1 control tick\(s\) with all observations, expected at least 2'),
])
def test_a_fault_is_one_line_that_names_file_and_topic(tmp_path, fault, expected):
    bag = write_rosbag2(tmp_path / 'bag', faulty(fault), StoragePlugin.MCAP)
    with pytest.raises((BagError, EpisodeError), match=expected) as caught:
        convert_bag(bag, contract(), tmp_path / 'dataset')
    assert str(bag) in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not list(tmp_path.rglob('*.hdf5*'))


@pytest.mark.parametrize('options', [{'outcome': 'won'}, {'image_format': 'gif'}])
def test_unknown_options_are_refused(tmp_path, options):
    log = write_log(tmp_path / 'a.mcap', marked(10))
    with pytest.raises(BagError, match='expected'):
        convert_bag(log, None, tmp_path / 'dataset', **options)


def test_a_recording_without_contract_asks_for_one(tmp_path):
    bag = write_rosbag2(tmp_path / 'bag', motion(10), StoragePlugin.MCAP)
    with pytest.raises(BagError, match='holds no contract.*give the contract file'):
        convert_bag(bag, None, tmp_path / 'dataset', outcome='success')


def test_stamps_of_another_clock_are_told(tmp_path, caplog):
    wall_ns = 1_700_000_000 * 10**9
    messages = [message._replace(received_ns=message.received_ns + wall_ns)
                for message in marked(10)]
    with caplog.at_level(logging.WARNING):
        record(tmp_path, messages)
    assert 'record with `ros2 bag record --use-sim-time`' in caplog.text


def test_progress_is_told(tmp_path):
    bag = write_rosbag2(tmp_path / 'bag', marked(200), StoragePlugin.SQLITE3)
    told: list[float] = []
    convert_bag(bag, contract(), tmp_path / 'dataset', progress=told.append)
    assert len(told) > 2
    assert told == sorted(told)
    assert 0.0 <= told[0] < told[-1] <= 1.0


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(100, images=True))
    dataset = tmp_path / 'dataset'
    path = [str(Path(__file__).parent), *sys.path]
    script = LIMITED.format(path=path, log=str(log), dataset=str(dataset))
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                          check=True)
    assert done.stdout.strip() == (f'{dataset}/success: the disk is full (File too large); '
                                   'free some space and try again')
    assert done.stderr == ''
    assert [path for path in dataset.rglob('*') if path.is_file()] == []
    # With space again, the same recording converts.
    assert len(convert_bag(log, None, dataset)) == 1


def test_frames_are_stored_as_asked(tmp_path):
    messages = marked(10, images=True)
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    frame = image(0, 0)
    messages = [frame._replace(cdr=frame.cdr[:-144] + noise.tobytes())
                if message == frame else message for message in messages]
    for image_format in ('jpeg', 'png', 'raw'):
        path = record(tmp_path / image_format, messages, image_format=image_format)
        with Episode.open(path) as episode:
            first, last = episode.images('front', [0, 9])
        assert last.shape == (6, 8, 3)
        assert np.abs(last.astype(int) - 90).max() <= 2
        if image_format != 'jpeg':
            assert np.array_equal(first, noise)
