import struct
import zlib

import cv2
from data_samples import CONTRACT
from data_samples import contract
from data_samples import joints
from data_samples import marked
from data_samples import motion
from data_samples import MS
from data_samples import PERIOD_NS
from data_samples import record
from data_samples import sent
from data_samples import write_log
from lps_ros.data import BagError
from lps_ros.data.convert import convert_bag
from lps_ros.data.episode import Episode
from lps_ros.data.raw_log import EVENTS_TOPIC
from lps_ros.data.recording import Recording
from lps_ros.data.repair import repair
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
import yaml


def files(dataset):
    return sorted(str(path.relative_to(dataset)) for path in dataset.rglob('*') if path.is_file())


def test_saving_leaves_the_episode_alone(tmp_path):
    path = record(tmp_path, marked(10))
    assert files(tmp_path) == ['success/episode_20260304T050607Z_0.hdf5']
    assert path == tmp_path / files(tmp_path)[0]


def test_discarding_leaves_nothing(tmp_path):
    recording = Recording.begin(tmp_path, contract())
    recording.write(*joints(0, 0.0))
    assert recording.path.exists()
    recording.discard()
    assert files(tmp_path) == []


def test_two_episodes_of_one_second_have_different_names(tmp_path):
    first = record(tmp_path, marked(10))
    second = record(tmp_path, marked(11))
    assert [first.name[-7:], second.name[-7:]] == ['_0.hdf5', '_1.hdf5']


def test_names_sort_as_recorded_whatever_the_outcomes_of_one_second(tmp_path):
    paths = [record(tmp_path, marked(10, outcome, first_ns=k))
             for k, outcome in enumerate(('success', 'failure', 'failure', 'success'))]
    names = [path.name for path in paths]
    assert names == sorted(set(names))
    # Saved again, it keeps its name.
    assert record(tmp_path, marked(10, 'failure', first_ns=1)) == paths[1]


def test_a_kept_bag_is_a_rosbag2_and_gives_the_same_episode(tmp_path):
    path = record(tmp_path, marked(10), keep_bag=True)
    bag, = (tmp_path / 'bags').iterdir()
    assert not list((tmp_path / '.partial').iterdir())
    with AnyReader([bag]) as reader:
        counts = {name: topic.msgcount for name, topic in reader.topics.items()}
        assert counts['/joint_states'] == counts['/servo/twist'] == 10
        assert reader.message_count == sum(1 for _ in reader.messages())
    metadata = yaml.safe_load((bag / 'metadata.yaml').read_text(encoding='utf-8'))
    information = metadata['rosbag2_bagfile_information']
    assert information['starting_time']['nanoseconds_since_epoch'] == 0
    assert information['duration']['nanoseconds'] == 9 * PERIOD_NS + 20 * MS
    again, = convert_bag(bag, None, tmp_path / 'again')
    assert again.read_bytes() == path.read_bytes()


def test_lost_messages_are_counted_from_the_sequence_numbers(tmp_path):
    # Two joint states are lost; the twist has two publishers; the gripper's tells no numbers.
    numbers = {'joint_states': iter([1, 2, 3, 4, 7, 8, 9, 10, 11, 12]),
               'tool_pose': iter(range(5, 15)),
               'servo/twist': iter([1, 2, 3, 2, 4, 3, 5, 4, 6, 5]),
               'gripper/command': iter([0] * 10)}
    recording = Recording.begin(tmp_path, contract())
    recording.event('start', MS)
    for topic, kind, cdr, received_ns in motion(10):
        recording.write(topic, kind, cdr, received_ns, sequence=next(numbers[topic]))
    recording.event('success', 10 * PERIOD_NS)
    with Episode.open(recording.save()) as episode:
        drops = {key: episode.statistics(key)['drops'] for key in episode.keys}
    assert drops == {'joints': 2, 'tool': 0, 'twist': -1, 'grip': -1}


def test_saving_without_a_mark_keeps_the_log(tmp_path):
    recording = Recording.begin(tmp_path, contract())
    for message in marked(10)[:-1]:
        if 'lps_ros' in message.topic:
            recording.event('start', message.received_ns)
        else:
            recording.write(*message)
    with pytest.raises(BagError, match='outcome was not marked'):
        recording.save()
    assert recording.path.exists()
    assert files(tmp_path) == [str(recording.path.relative_to(tmp_path))]


def test_a_failed_save_keeps_the_log(tmp_path):
    recording = Recording.begin(tmp_path, contract())
    recording.write(*joints(0, 0.0))
    recording.event('start', 0)
    recording.event('success', PERIOD_NS)
    with pytest.raises(BagError, match="no topic 'tool_pose'"):
        recording.save()
    assert files(tmp_path) == [str(recording.path.relative_to(tmp_path))]


def png_part(kind, data):
    return (struct.pack('>I', len(data)) + kind + data
            + struct.pack('>I', zlib.crc32(kind + data)))


def test_a_frame_that_cannot_be_decoded_is_left_out_and_counted(tmp_path):
    robot = contract(CONTRACT.replace('msgs/msg/Image', 'msgs/msg/CompressedImage'))
    huge = (b'\x89PNG\r\n\x1a\n'
            + png_part(b'IHDR', struct.pack('>IIBBBBB', 200_000, 200_000, 8, 2, 0, 0, 0))
            + png_part(b'IDAT', zlib.compress(bytes(100))) + png_part(b'IEND', b''))
    sound = cv2.imencode('.png', np.zeros((6, 8, 3), np.uint8))[1].tobytes()
    messages = marked(10) + [
        sent('camera/image_raw', 'sensor_msgs/msg/CompressedImage', tick * PERIOD_NS,
             stamp_ns=tick * PERIOD_NS, format='png',
             data=np.frombuffer(huge if tick == 4 else sound, np.uint8)) for tick in range(10)]
    messages.sort(key=lambda message: message.received_ns)
    recording = Recording.begin(tmp_path, robot)
    for message in messages:
        if message.topic == EVENTS_TOPIC:
            recording.event('start' if message.received_ns == MS else 'success',
                            message.received_ns)
        else:
            recording.write(*message)
    write_log(tmp_path / 'killed' / '.partial' / 'a.mcap', messages, robot)
    repaired, = repair(tmp_path / 'killed')
    for path in (recording.save(), repaired.result):
        with Episode.open(path) as episode:
            assert episode.statistics('front')['misfits'] == 1
            assert episode.statistics('front')['count'] == 9


def test_what_a_busy_recorder_takes_late_is_put_in_order(tmp_path):
    recording = Recording.begin(tmp_path, contract())
    recording.event('start', MS)
    messages, end_ns = motion(60), 60 * PERIOD_NS
    # Joint states, all taken after everything else, are up to 3 s older than the newest message.
    for message in sorted(messages, key=lambda message: message.topic == 'joint_states'):
        recording.write(*message, now_ns=end_ns)
    with pytest.raises(BagError, match=r'jumped back by 1\.960 s'):
        recording.write(*joints(end_ns, 0.0), now_ns=end_ns - 2000 * MS)
    recording.event('success', end_ns)
    with Episode.open(recording.save()) as episode:
        received = episode.received_ns('joints')
    assert list(received) == [tick * PERIOD_NS for tick in range(60)]


def test_a_clock_that_jumps_back_ends_the_recording_with_one_line(tmp_path):
    recording = Recording.begin(tmp_path, contract())
    recording.write(*joints(4000 * MS, 0.0))
    recording.write(*joints(3900 * MS, 0.0))  # slightly out of order, as two topics may be
    with pytest.raises(BagError, match='jumped back by 3.500 s'):
        recording.write(*joints(500 * MS, 0.0))
    recording.abandon()
    assert recording.path.exists()
