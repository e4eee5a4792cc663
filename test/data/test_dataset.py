import json
import random
import re
import shutil

from data_samples import CONTRACT
from data_samples import contract
from data_samples import event
from data_samples import joints
from data_samples import marked
from data_samples import record
from data_samples import write_log
import h5py
from lps_ros.data import DatasetError
from lps_ros.data.dataset import Dataset
import numpy as np
import pytest


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp('recorded')
    record(path, marked(20, images=True))
    record(path, marked(10, 'failure', images=True))
    record(path, marked(30, images=True))
    return path


@pytest.fixture
def dataset(recorded, tmp_path):
    return Dataset(shutil.copytree(recorded, tmp_path, dirs_exist_ok=True))


def test_episodes_are_sorted_and_chosen_by_outcome(dataset):
    assert [path.parent.name for path in dataset.episodes()] == ['failure', 'success', 'success']
    assert len(dataset.episodes('success')) == 2
    assert dataset.episodes() == sorted(dataset.episodes())


def test_sound_episodes_have_no_problems(dataset):
    told = []
    assert dataset.verify(contract(), progress=lambda *count: told.append(count)) == []
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_info_sums_up(dataset):
    info = dataset.info()
    assert info['episodes'] == {'success': 2, 'failure': 1}
    assert info['transitions'] == 19 + 29 + 9
    assert info['duration_s'] == pytest.approx(0.05 * (19 + 29 + 9))
    assert info['median_transitions'] == {'success': 24.0, 'failure': 9.0}
    assert info['contracts'] == [{'data_hash': contract().data_hash, 'name': 'tabletop',
                                  'rate_hz': 20.0, 'episodes': 3}]
    assert info['streams']['front'] == {
        'episodes': 3, 'count': 60, 'rate_hz': 20.0, 'gaps': 0, 'longest_gap_s': 0.05,
        'duplicates': 0, 'drops': -1, 'misfits': 0, 'stale_ticks': 0}
    assert info['damaged'] == info['leftovers'] == []


def test_info_counts_ticks_with_an_observation_that_was_too_old(tmp_path):
    messages = marked(20)
    poses = [message for message in messages if message.topic == 'tool_pose']
    record(tmp_path, [message for message in messages if message not in poses[5:10]])
    # 0.1 s are allowed: of the ages 0.05 to 0.25 s the last three are too old.
    assert Dataset(tmp_path).info()['streams']['tool']['stale_ticks'] == 3


def test_info_tells_what_a_crash_left_and_verify_judges_episodes_alone(dataset):
    log = write_log(dataset.path / '.partial' / 'a.mcap', marked(10)[:-1])
    assert dataset.info()['leftovers'] == [str(log)]
    assert dataset.verify() == []


def change(path, name, edit):
    with h5py.File(path, 'r+') as file:
        if name in file:
            file[name][...] = edit(file[name][()])
        else:
            file.attrs[name] = edit(file.attrs[name])


def set_nan(rows):
    rows[3] = np.nan
    return rows


def shift_one(index):
    index[5] += 1
    return index


def swap(times):
    return times[[0, 2, 1, *range(3, len(times))]]


FAULTS = [
    ('stream/tool/data', set_nan, r'stream tool: 1 message\(s\) with NaN or infinity, .* row 3'),
    ('tick/index/joints', shift_one, 'stream joints: 1 ticks select another message'),
    ('tick/index/twist', shift_one, 'stream twist: 1 ticks select another message'),
    ('stream/tool/stamp_ns', swap, 'stream tool: stamps descend'),
    ('stream/tool/received_ns', swap, 'stream tool: times of receipt descend'),
    ('tick/time_ns', lambda times: times + 1, 'ticks are not those of a clock of 20 Hz'),
    ('stream/front/data', np.zeros_like, 'stream front: frame 0 does not decode as jpeg'),
    ('data_hash', lambda text: 'f' * 16, 'data_hash is ffffffffffffffff, its contract gives'),
    ('deployment_hash', lambda text: 'f' * 16, 'deployment_hash is ffffffffffffffff'),
    ('outcome', lambda text: 'failure', "is a failure, but lies in 'success'"),
    ('outcome', lambda text: 'won', "found outcome 'won', expected success or failure"),
    ('contract', lambda text: 'name: 1', 'contract: name: found 1, expected text'),
]


@pytest.mark.parametrize(('name', 'edit', 'expected'), FAULTS)
def test_verify_finds_each_fault_and_names_the_file(dataset, name, edit, expected):
    path = dataset.episodes('success')[1]
    change(path, name, edit)
    problems = dataset.verify()
    assert problems
    for problem in problems:
        assert problem.startswith(str(path))
        assert '\n' not in problem
    assert any(re.search(expected, problem) for problem in problems), problems


def test_a_command_without_a_stamp_is_no_fault(dataset):
    def take_stamps(times):
        times[4:6] = 0
        return times

    change(dataset.episodes('success')[1], 'stream/twist/stamp_ns', take_stamps)
    assert dataset.verify() == []


def test_verify_finds_missing_rows(dataset):
    path = dataset.episodes('success')[0]
    with h5py.File(path, 'r+') as file:
        short = file['stream/tool/data'][:-1]
        del file['stream/tool/data'], file['stream/joints'], file['tick/index/joints']
        file['stream/tool/data'] = short
    problems = dataset.verify()
    assert any('stream joints is missing' in problem for problem in problems)
    assert any('stream tool: lengths differ: data 19, stamps 20' in problem
               for problem in problems)


def test_verify_finds_truncated_files_and_info_lists_them(dataset):
    path = dataset.episodes('failure')[0]
    path.write_bytes(path.read_bytes()[:-100])
    problem, = dataset.verify()
    assert problem.startswith(f'{path}: is truncated')
    assert dataset.info()['damaged'] == [str(path)]
    assert dataset.info()['episodes'] == {'success': 2, 'failure': 0}


@pytest.fixture
def pair(tmp_path):
    """Return a dataset of two small episodes, and the first of them."""
    first = record(tmp_path, marked(8, images=True))
    record(tmp_path, marked(9, images=True))
    return Dataset(tmp_path), first


def assert_judged(dataset, damaged):
    """Check that verify and info judge every episode, in lines that name the damaged file."""
    problems = dataset.verify()
    for problem in problems:
        assert problem.startswith(str(damaged))
        assert problem.isprintable()
    info = dataset.info()
    assert info['damaged'] in ([], [str(damaged)])
    assert sum(info['episodes'].values()) + len(info['damaged']) == len(dataset.episodes())
    json.dumps(info, allow_nan=False)
    return problems


def test_no_damage_of_a_file_is_more_than_a_line(tmp_path):
    dataset, path = Dataset(tmp_path), record(tmp_path, marked(8, images=True))
    whole = path.read_bytes()
    rng = random.Random(0)
    found = 0
    for number in range(150):
        content = bytearray(whole)
        place = rng.randrange(len(content) - 16)
        if number % 2:
            content[place] ^= 1 << rng.randrange(8)
        else:
            content[place:place + 16] = rng.randbytes(16)
        path.write_bytes(content)
        found += bool(assert_judged(dataset, path))
    assert found > 30  # the rest fell into space that HDF5 leaves free


@pytest.mark.parametrize('name', [
    'stream/joints/data', 'stream/tool/data', 'stream/twist/data', 'stream/front/data'])
def test_every_wrong_bit_in_the_data_is_found(pair, name):
    dataset, path = pair
    whole = path.read_bytes()
    with h5py.File(path) as file:
        data = file[name][()].tobytes()
    begin = whole.index(data)
    rng = random.Random(1)
    for _ in range(10):
        content = bytearray(whole)
        content[begin + rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        problems = assert_judged(dataset, path)
        assert problems == [f'{path}: {name} is missing or damaged; convert its recording again']


@pytest.mark.parametrize(('name', 'value'), [
    ('outcome', 3), ('outcome', np.zeros(2)), ('contract', 3), ('data_hash', np.zeros(3)),
    ('data_hash', 'a\nb'), ('schema_version', np.ones(2)), ('stream/tool/drops', 'none'),
    ('stream/tool/rate_hz', float('nan')), ('stream/twist/sources', ['teleop'][:0]),
    ('stream/front/image_format', 'gif')])
def test_an_attribute_of_another_kind_is_one_line(pair, name, value):
    dataset, path = pair
    with h5py.File(path, 'r+') as file:
        *group, name = name.rsplit('/', 1)
        file['/'.join(group) or '/'].attrs[name] = value
    assert assert_judged(dataset, path)


@pytest.mark.parametrize(('name', 'data'), [
    ('tick/index/joints', np.full(8, 99)), ('tick/index/joints', np.full(8, -5)),
    ('tick/index/joints', np.zeros(7, np.int64)), ('tick/time_ns', np.zeros(0, np.int64)),
    ('tick/time_ns', np.arange(8)[::-1]), ('tick/time_ns', np.zeros((8, 1), np.int64)),
    ('tick/time_ns', np.zeros(8)),
    ('stream/joints/data', np.zeros((8, 5))), ('stream/joints/data', np.zeros(16)),
    ('stream/front/offset', np.arange(9)[::-1]), ('stream/twist/source', np.full(8, 9, np.uint8))])
def test_data_of_another_shape_is_one_line(pair, name, data):
    dataset, path = pair
    with h5py.File(path, 'r+') as file:
        del file[name]
        file[name] = data
    assert assert_judged(dataset, path)


def test_verify_against_a_contract_gives_the_difference(dataset):
    other = contract(CONTRACT.replace('names: [shoulder, elbow]', 'names: [elbow, shoulder]'))
    problems = dataset.verify(other)
    assert len(problems) == 3
    assert 'other data contract: ' in problems[0]
    assert '[shoulder, elbow]' in problems[0]
    fewer = contract().subset(['joints'])
    assert dataset.verify(fewer) == []


def test_an_episode_that_was_moved_by_hand_is_told(dataset):
    path = dataset.episodes('failure')[0]
    shutil.move(path, dataset.path / 'success' / 'episode_moved.hdf5')
    problem, = dataset.verify()
    assert "is a failure, but lies in 'success'" in problem


def test_an_empty_or_missing_dataset_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match='found no folder.*record one with `lps record`'):
        Dataset(tmp_path / 'none')
    for call in (Dataset(tmp_path).info, Dataset(tmp_path).verify):
        with pytest.raises(DatasetError, match='found no episode, expected some in success'):
            call()


def test_non_finite_numbers_are_recorded_and_then_found(tmp_path):
    messages = marked(10) + [joints(120_000_000, float('inf')), event('source', 3)]
    path = record(tmp_path, sorted(messages, key=lambda message: message.received_ns))
    problem, = Dataset(tmp_path).verify()
    assert problem.startswith(f'{path}: stream joints: 1 message(s) with NaN or infinity')
