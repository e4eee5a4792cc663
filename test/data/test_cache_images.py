"""The columns of camera frames in the training cache."""

import os

import cv2
from data_samples import CONTRACT
from data_samples import contract
from data_samples import joints
from data_samples import marked
from data_samples import PERIOD_NS
from data_samples import record
from data_samples import vectors
import h5py
from lps_ros.data import DatasetError
from lps_ros.data import EpisodeError
from lps_ros.data.cache import TrainingCache
from lps_ros.data.episode import Episode
import numpy as np
import pytest


@pytest.fixture
def dataset(tmp_path):
    record(tmp_path, marked(12, images=True))
    record(tmp_path, marked(8, 'failure', images=True))
    return tmp_path


@pytest.fixture
def decoded(monkeypatch):
    """Count the frames that are decoded from now on."""
    count = []
    decode = cv2.imdecode

    def counting(*arguments):
        count.append(1)
        return decode(*arguments)

    monkeypatch.setattr(cv2, 'imdecode', counting)
    return count


def column_files(dataset):
    return sorted(path.name for path in dataset.glob('.cache/*/columns_*/*'))


def edit(path, name, change):
    with h5py.File(path, 'r+') as file:
        file[name][...] = change(file[name][()])


def test_frames_are_those_of_the_episodes_tick_by_tick(dataset):
    cache = TrainingCache.build(dataset, contract())
    frames, = cache.images.values()
    assert list(cache.images) == ['front']
    assert isinstance(frames, np.memmap)
    assert frames.dtype == np.uint8
    assert frames.shape == (20, 6, 8, 3)
    for number, path in enumerate(cache.paths):
        rows = slice(*cache.episode_offsets[number:number + 2])
        with Episode.open(path) as episode:
            np.testing.assert_array_equal(
                frames[rows], episode.images('front', range(len(episode.ticks_ns))))


@pytest.mark.parametrize('image_format', ['png', 'raw'])
def test_lossless_frames_arrive_with_every_pixel(tmp_path, image_format):
    record(tmp_path, marked(12, images=True), image_format=image_format)
    frames = TrainingCache.build(tmp_path, contract()).images['front']
    assert (frames == 10 * np.arange(12)[:, None, None, None]).all()


def test_a_frame_is_decoded_once_however_long_it_lasts(tmp_path, decoded):
    messages = [message for message in marked(12, images=True)
                if message.topic != 'camera/image_raw' or message.received_ns % (3 * PERIOD_NS)
                == 0]
    record(tmp_path, messages, image_format='png')
    decoded.clear()
    frames = TrainingCache.build(tmp_path, contract()).images['front']
    assert len(decoded) == 4
    assert frames[:, 0, 0, 0].tolist() == [0, 0, 0, 30, 30, 30, 60, 60, 60, 90, 90, 90]


def test_only_the_frames_of_new_episodes_are_decoded(dataset, decoded):
    first = TrainingCache.build(dataset, contract())
    before = np.array(first.images['front'])
    decoded.clear()
    TrainingCache.build(dataset, contract())
    assert not decoded
    record(dataset, marked(9, images=True))
    decoded.clear()
    grown = TrainingCache.build(dataset, contract())
    assert len(decoded) == 9
    np.testing.assert_array_equal(grown.images['front'][:20], before)
    np.testing.assert_array_equal(grown.images['front'][20:], before[8:17])
    # The first one is still mapped and whole.
    np.testing.assert_array_equal(first.images['front'], before)


def test_a_contract_without_cameras_pays_nothing_for_them(dataset, decoded):
    decoded.clear()
    assert TrainingCache.build(dataset, vectors()).images == {}
    assert not decoded
    assert column_files(dataset) == ['actions.f32', 'observations.f32']


def test_a_contract_of_cameras_alone_has_vectors_of_no_width(dataset):
    cache = TrainingCache.build(dataset, contract().subset(['front']))
    assert cache.observations.shape == (20, 0)
    assert cache.images['front'].shape == (20, 6, 8, 3)
    again = TrainingCache.build(dataset, contract().subset(['front']))
    np.testing.assert_array_equal(again.images['front'], cache.images['front'])


@pytest.mark.parametrize('damage', ['missing', 'truncated'])
def test_a_damaged_column_of_frames_is_built_anew(dataset, damage):
    whole = np.array(TrainingCache.build(dataset, contract()).images['front'])
    column, = dataset.glob('.cache/*/columns_*/image_front.u8')
    os.truncate(column, 1000) if damage == 'truncated' else column.unlink()
    np.testing.assert_array_equal(
        TrainingCache.build(dataset, contract()).images['front'], whole)


def test_a_tick_without_a_frame_is_refused_with_file_and_tick(tmp_path):
    required = contract(CONTRACT.replace('required: false', 'required: true'))
    path = record(tmp_path, marked(12, images=True))

    def drop(index):
        index[4] = -1
        return index
    edit(path, 'tick/index/front', drop)
    with pytest.raises(DatasetError) as caught:
        TrainingCache.build(tmp_path, required)
    assert str(caught.value) == (
        f"{path}: observation 'front' has no frame at tick 4, expected one at every tick; remove "
        'the episode or train without this camera')


def test_ticks_before_the_first_frame_of_an_optional_camera_are_left_out(tmp_path):
    record(tmp_path, [message for message in marked(12, images=True)
                      if message.topic != 'camera/image_raw'
                      or message.received_ns > 3 * PERIOD_NS], image_format='png')
    cache = TrainingCache.build(tmp_path, contract())
    assert cache.observations[:, 0].tolist() == list(range(4, 12))
    assert cache.images['front'][:, 0, 0, 0].tolist() == [10 * tick for tick in range(4, 12)]
    assert len(TrainingCache.build(tmp_path, vectors()).observations) == 12


def test_a_camera_that_was_not_recorded_is_named(tmp_path):
    path = record(tmp_path, marked(12))
    with pytest.raises(DatasetError, match=f"{path}: observation 'front' was not recorded"):
        TrainingCache.build(tmp_path, contract())


def test_a_damaged_frame_is_named_and_the_previous_cache_stays(dataset):
    whole = np.array(TrainingCache.build(dataset, contract()).images['front'])
    path = record(dataset, marked(9, images=True))
    edit(path, 'stream/front/data', np.zeros_like)
    with pytest.raises(EpisodeError, match=f'{path}: stream front: frame 0 does not decode'):
        TrainingCache.build(dataset, contract())
    path.unlink()
    np.testing.assert_array_equal(
        TrainingCache.build(dataset, contract()).images['front'], whole)


def test_a_number_that_is_not_finite_beside_frames_leaves_the_previous_cache(dataset):
    whole = np.array(TrainingCache.build(dataset, contract()).images['front'])
    path = record(dataset, [
        joints(4 * PERIOD_NS, float('nan'))
        if message.topic == 'joint_states' and message.received_ns == 4 * PERIOD_NS else message
        for message in marked(9, images=True)])
    with pytest.raises(DatasetError, match=f'{path}: joints.position.shoulder is nan at tick 4'):
        TrainingCache.build(dataset, contract())
    path.unlink()
    np.testing.assert_array_equal(
        TrainingCache.build(dataset, contract()).images['front'], whole)


def test_frames_of_another_size_are_refused(dataset):
    other = contract(CONTRACT.replace('width: 8', 'width: 4'))
    with pytest.raises(DatasetError, match='was recorded with another data contract: .*width'):
        TrainingCache.build(dataset, other)
