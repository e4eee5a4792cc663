import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

from data_samples import CONTRACT
from data_samples import contract
from data_samples import joints
from data_samples import marked
from data_samples import PERIOD_NS
from data_samples import record
from data_samples import vectors
from lps_ros.contract import ActionCodec
from lps_ros.contract import ObservationEncoder
from lps_ros.data import cache as cache_module
from lps_ros.data import DatasetError
from lps_ros.data import EpisodeError
from lps_ros.data.cache import TrainingCache
from lps_ros.data.episode import Episode
import numpy as np
import pytest

BUILDER = """
import sys
sys.path[:0] = {path!r}
from data_samples import {contract}
from lps_ros.data.cache import TrainingCache

def wait(done, total):
    if done == 2:
        print('building', flush=True)
        sys.stdin.read()

TrainingCache.build({dataset!r}, {contract}(), progress=wait)
"""


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp('recorded')
    record(path, marked(20, images=True))
    record(path, marked(10, 'failure', images=True))
    record(path, marked(30, images=True))
    return path


@pytest.fixture
def dataset(recorded, tmp_path):
    return Path(shutil.copytree(recorded, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def encoded(monkeypatch):
    """Give the names of the episodes that are encoded from now on."""
    names = []
    encode = cache_module.encode_episode_rows

    def counting(path, *others):
        names.append(f'{path.parent.name}/{path.name[-6:-5]}')
        return encode(path, *others)

    monkeypatch.setattr(cache_module, 'encode_episode_rows', counting)
    return names


def content(cache):
    return [cache.observations.tobytes(), cache.actions.tobytes(),
            {key: frames.tobytes() for key, frames in cache.images.items()},
            cache.episode_offsets.tolist(), cache.outcomes.tolist(), cache.paths]


def test_the_columns_are_what_encoder_and_codec_make_of_the_episodes(dataset):
    cache = TrainingCache.build(dataset, vectors())
    encoder = ObservationEncoder(vectors())
    codec = ActionCodec(vectors())
    assert cache.names == encoder.names
    assert cache.action_names == codec.names
    assert cache.outcomes.tolist() == [False, True, True]
    assert cache.episode_offsets.tolist() == [0, 10, 30, 60]
    assert isinstance(cache.observations, np.memmap)
    assert cache.observations.dtype == cache.actions.dtype == np.float32
    for number, path in enumerate(cache.paths):
        rows = slice(*cache.episode_offsets[number:number + 2])
        with Episode.open(path) as episode:
            np.testing.assert_array_equal(
                cache.observations[rows], encoder.encode(episode.rows(encoder.keys)))
            np.testing.assert_array_equal(
                cache.actions[rows],
                codec.normalise(codec.physical(episode.rows(['twist', 'grip']))))


def test_only_new_episodes_are_encoded(dataset, encoded):
    first = TrainingCache.build(dataset, vectors())
    assert encoded == ['failure/1', 'success/0', 'success/2']
    encoded.clear()
    assert content(TrainingCache.build(dataset, vectors())) == content(first)
    assert encoded == []
    record(dataset, marked(15, 'failure'))
    grown = TrainingCache.build(dataset, vectors())
    assert encoded == ['failure/3']
    assert grown.episode_offsets.tolist() == [0, 10, 25, 45, 75]
    # The first one is still mapped and whole.
    assert first.observations[59, 0] == 29.0
    # History leaves no trace.
    shutil.rmtree(dataset / '.cache')
    assert content(TrainingCache.build(dataset, vectors())) == content(grown)


def test_changed_and_deleted_episodes_are_followed(dataset, encoded):
    TrainingCache.build(dataset, vectors())
    encoded.clear()
    changed = dataset / 'success' / 'episode_20260304T050607Z_0.hdf5'
    other = record(dataset, marked(25))
    os.replace(other, changed)
    (dataset / 'failure' / 'episode_20260304T050607Z_1.hdf5').unlink()
    cache = TrainingCache.build(dataset, vectors())
    assert encoded == ['success/0']
    assert cache.episode_offsets.tolist() == [0, 25, 55]
    assert cache.outcomes.all()
    assert len(list((dataset / '.cache').glob('*/columns_*'))) == 1


@pytest.mark.parametrize('damage', ['index', 'columns', 'truncated', 'version'])
def test_a_damaged_cache_is_built_anew(dataset, encoded, damage):
    whole = content(TrainingCache.build(dataset, vectors()))
    folder, = (dataset / '.cache').iterdir()
    if damage == 'index':
        (folder / 'index.json').write_text('{"version"')
    elif damage == 'version':
        text = (folder / 'index.json').read_text()
        (folder / 'index.json').write_text(text.replace('"version": 1', '"version": 0'))
    else:
        column = folder / 'columns_1' / 'actions.f32'
        os.truncate(column, 100) if damage == 'truncated' else column.unlink()
    encoded.clear()
    assert content(TrainingCache.build(dataset, vectors())) == whole
    assert len(encoded) == 3


@pytest.mark.parametrize('robot', [vectors, contract])
def test_a_killed_build_leaves_the_previous_cache(dataset, encoded, robot):
    before = content(TrainingCache.build(dataset, robot()))
    added = record(dataset, marked(15, images=True))
    path = [str(Path(__file__).parent), *sys.path]
    process = subprocess.Popen(
        [sys.executable, '-c', BUILDER.format(
            path=path, dataset=str(dataset), contract=robot.__name__)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'building\n'
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    held = added.rename(added.with_suffix('.away'))
    encoded.clear()
    assert content(TrainingCache.build(dataset, robot())) == before
    held.rename(added)
    assert TrainingCache.build(dataset, robot()).episode_offsets.tolist() == [
        0, 10, 30, 60, 75]
    assert encoded == ['success/3']
    assert len(list((dataset / '.cache').glob('*/columns_*'))) == 1


def test_ticks_before_the_first_command_are_left_out(tmp_path):
    messages = [message for message in marked(10)
                if message.topic != 'gripper/command' or message.received_ns > 3 * PERIOD_NS]
    record(tmp_path, messages)
    cache = TrainingCache.build(tmp_path, vectors())
    assert cache.observations[:, 0].tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert np.isfinite(cache.actions).all()


def test_a_contract_that_observes_less_has_a_cache_of_its_own(dataset):
    fewer = vectors().subset(['tool'])
    cache = TrainingCache.build(dataset, fewer)
    assert cache.names == ObservationEncoder(fewer).names
    full = TrainingCache.build(dataset, vectors())
    np.testing.assert_array_equal(cache.observations, full.observations[:, 2:])
    assert {path.name for path in (dataset / '.cache').iterdir()} == {
        fewer.data_hash, vectors().data_hash}


def test_progress_is_told(dataset):
    told = []
    TrainingCache.build(dataset, vectors(), progress=lambda *count: told.append(count))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_episode_of_another_contract_is_refused_with_the_difference(dataset):
    other = vectors(CONTRACT.replace('high: [1.0, 2.0]', 'high: [1.5, 2.0]'))
    with pytest.raises(DatasetError) as caught:
        TrainingCache.build(dataset, other)
    line = str(caught.value)
    assert line.startswith(f'{dataset}/failure/episode_20260304T050607Z_1.hdf5: was recorded with')
    assert '1.5' in line
    assert '\n' not in line


def test_a_number_that_is_not_finite_is_refused_with_its_place(tmp_path):
    messages = [joints(4 * PERIOD_NS, float('nan'))
                if message.topic == 'joint_states' and message.received_ns == 4 * PERIOD_NS
                else message for message in marked(10)]
    path = record(tmp_path, messages)
    with pytest.raises(DatasetError) as caught:
        TrainingCache.build(tmp_path, vectors())
    assert str(caught.value).startswith(
        f'{path}: joints.position.shoulder is nan at tick 4, expected a finite number')


def test_a_truncated_episode_is_refused(dataset):
    path = dataset / 'success' / 'episode_20260304T050607Z_0.hdf5'
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(EpisodeError, match=f'{path}: is truncated'):
        TrainingCache.build(dataset, vectors())


def test_commands_that_come_too_late_are_refused(tmp_path):
    messages = [message for message in marked(10)
                if message.topic != 'gripper/command' or message.received_ns > 9 * PERIOD_NS]
    late = record(tmp_path, messages)
    with pytest.raises(DatasetError, match=r'0 tick\(s\) with a command of every') as caught:
        TrainingCache.build(tmp_path, vectors())
    assert str(caught.value).startswith(str(late))


def test_an_empty_dataset_is_refused(tmp_path):
    with pytest.raises(DatasetError, match='found no episode, expected some in success'):
        TrainingCache.build(tmp_path, vectors())
    assert not (tmp_path / '.cache').exists()
