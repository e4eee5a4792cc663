"""What the policy node told of its ticks, from the recording into the episode."""

import json
import logging

from data_samples import CONTRACT
from data_samples import contract
from data_samples import event
from data_samples import marked
from data_samples import MS
from data_samples import PERIOD_NS
from data_samples import record
from data_samples import sent
from data_samples import write_log
from data_samples import write_rosbag2
import h5py
from lps_ros.cli.main import main as lps
from lps_ros.control.authority import Source
from lps_ros.control.tick_record import TickRecord
from lps_ros.data import EpisodeError
from lps_ros.data.convert import convert_bag
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode import Episode
from lps_ros.data.repair import repair
from lps_ros.data.verification import verify_episode
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

STRING = 'std_msgs/msg/String'
# Of the twelve ticks: four of the policy, two of a person, one without command, no record of one.
SOURCES = ['policy'] * 4 + ['teleop'] * 2 + ['none', 'unknown'] + ['policy'] * 4


def told(tick, text, topic='policy/tick'):
    return sent(topic, STRING, tick * PERIOD_NS + 2 * MS, data=text)


def tick_text(tick, source):
    """Return what the policy node says of a tick, made by the node's own means."""
    chunk = {'chunk': tick // 4, 'index': tick % 4, 'plan_s': 0.02, 'q': -3.0,
             'unfamiliarity': 0.1 * tick} if source in ('policy', 'shadow') else {}
    shadow = source == 'shadow'
    return TickRecord(
        tick=tick, time_ns=tick * PERIOD_NS, shadow=shadow,
        source=Source.POLICY if shadow else Source(source),
        age_s={'joints': 0.001 * tick, 'elsewhere': 1.0}, **chunk).to_json()


def session(sources=SOURCES, topic='policy/tick', others=()):
    messages = [*marked(len(sources)), *others, *(
        told(tick, tick_text(tick, source), topic) for tick, source in enumerate(sources)
        if source != 'unknown')]
    return sorted(messages, key=lambda message: message.received_ns)


@pytest.fixture
def path(tmp_path):
    return record(tmp_path, session())


def test_plain_h5py_reads_where_the_commands_came_from(path):
    with h5py.File(path) as file:
        group = file['provenance']
        assert set(group) == {'source', 'chunk', 'index', 'plan_s', 'q', 'disagreement',
                              'unfamiliarity', 'age_s', 'json', 'offset'}
        assert group['source'].dtype == np.uint8
        names = list(group.attrs['sources'])
        assert [names[number] for number in group['source'][()]] == SOURCES
        assert group['chunk'][()].tolist() == [0] * 4 + [-1] * 4 + [2] * 4
        assert group['index'][()].tolist() == [0, 1, 2, 3] + [-1] * 4 + [0, 1, 2, 3]
        policy = np.array([source == 'policy' for source in SOURCES])
        np.testing.assert_array_equal(group['plan_s'][()], np.where(policy, 0.02, np.nan))
        np.testing.assert_allclose(
            group['unfamiliarity'][()], np.where(policy, 0.1 * np.arange(12), np.nan))
        assert set(group['age_s']) == {'joints', 'tool', 'front'}
        ages = 0.001 * np.arange(12)
        ages[7] = np.nan
        np.testing.assert_allclose(group['age_s/joints'][()], ages)
        assert np.isnan(group['age_s/tool'][()]).all()
        np.testing.assert_array_equal(group['q'][()], np.where(policy, -3.0, np.nan))
        assert np.isnan(group['disagreement'][()]).all()
        begin, end = group['offset'][5:7]
        assert group['json'][begin:end].tobytes().decode() == tick_text(5, 'teleop')
        assert group['offset'][7] == group['offset'][8], 'no record of the tick'
        assert file.attrs['schema_version'] == 1


def test_an_episode_gives_it_by_tick(path):
    assert verify_episode(path) == []
    with Episode.open(path) as episode:
        provenance = episode.provenance
        assert provenance.source == SOURCES and len(provenance.chunk) == len(episode.ticks_ns)
        assert provenance.counts() == {
            'none': 1, 'teleop': 2, 'policy': 8, 'shadow': 0, 'interventions': 1}
        assert json.loads(provenance.lines[4])['source'] == 'teleop'


def test_every_command_has_the_source_of_its_tick(path):
    # Of the tick without record that of the one before.
    expected = [*SOURCES[:7], 'none', *SOURCES[8:]]
    with Episode.open(path) as episode:
        assert episode.stream('twist').source == episode.stream('grip').source == expected


def test_when_the_policy_node_has_ended_the_recorder_is_believed_again(tmp_path):
    sources = ['policy'] * 5 + ['unknown'] * 35
    messages = [*session(sources), event('source', 30 * PERIOD_NS, source='another')]
    path = record(tmp_path, sorted(messages, key=lambda each: each.received_ns))
    with Episode.open(path) as episode:
        # A second after the last record; before, its successors may have been lost.
        assert episode.stream('twist').source == (
            ['policy'] * 24 + ['teleop'] * 6 + ['another'] * 10)


def test_in_shadow_somebody_else_commands(tmp_path):
    path = record(tmp_path, session(['shadow'] * 12))
    assert verify_episode(path) == []
    with Episode.open(path) as episode:
        assert episode.provenance.source == ['shadow'] * 12
        assert episode.provenance.chunk[4:8].tolist() == [1] * 4
        assert episode.stream('twist').source == ['teleop'] * 12
        assert episode.provenance.counts()['interventions'] == 0


@pytest.mark.parametrize('sources, count', [
    (['teleop'] * 4, 0), (['teleop', 'policy', 'teleop', 'teleop', 'policy', 'teleop'], 2),
    (['policy', 'none', 'unknown', 'teleop'], 1), (['none', 'teleop', 'policy'], 0)])
def test_an_intervention_takes_over_from_the_policy(tmp_path, sources, count):
    with Episode.open(record(tmp_path, session(sources))) as episode:
        assert episode.provenance.counts()['interventions'] == count


def test_without_a_policy_an_episode_is_as_it_was(tmp_path):
    path = record(tmp_path, marked(12))
    with h5py.File(path) as file:
        assert set(file) == {'stream', 'tick'}
    with Episode.open(path) as episode:
        assert episode.provenance is None
    assert verify_episode(path) == []


def test_records_of_other_ticks_make_no_provenance(tmp_path):
    path = record(tmp_path, sorted(
        [*marked(12), told(3, tick_text(99, 'policy'))], key=lambda each: each.received_ns))
    with Episode.open(path) as episode:
        assert episode.provenance is None


@pytest.mark.parametrize('storage', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_rosbag2_gives_the_same_episode(tmp_path, path, storage):
    bag = write_rosbag2(tmp_path / 'bag', session(), storage)
    again, = convert_bag(bag, None, tmp_path / 'again')
    assert again.read_bytes() == path.read_bytes()


def test_a_policy_in_a_namespace_is_found(tmp_path):
    bag = write_rosbag2(
        tmp_path / 'bag', session(topic='left/policy/tick'), StoragePlugin.MCAP)
    path, = convert_bag(bag, contract(), tmp_path / 'dataset')
    with Episode.open(path) as episode:
        assert episode.provenance.source == SOURCES


def test_of_two_policies_only_a_named_one_counts(tmp_path, caplog):
    others = [told(1, tick_text(1, 'none'), 'right/policy/tick')]
    robot = contract(CONTRACT.replace('topic: ', 'topic: /'))
    bag = write_rosbag2(
        tmp_path / 'bag', session(topic='left/policy/tick', others=others), StoragePlugin.MCAP)
    with caplog.at_level(logging.WARNING):
        path, = convert_bag(bag, robot, tmp_path / 'one')
    assert 'no provenance is kept' in caplog.text
    with Episode.open(path) as episode:
        assert episode.provenance is None
    path, = convert_bag(bag, robot, tmp_path / 'two', namespace='left')
    with Episode.open(path) as episode:
        assert episode.provenance.source == SOURCES


@pytest.mark.parametrize('text', [
    '', 'ready', '7', '[]', '{}', 'null', '[' * 100_000, '{"source": "policy"}',
    *(json.dumps({'time_ns': 2 * PERIOD_NS, 'source': 'policy', 'age_s': {}, **wrong})
      for wrong in (
          {'source': 'ghost'}, {'source': None}, {'source': 'unknown'}, {'time_ns': 0.5},
          {'time_ns': True}, {'time_ns': 2 ** 70}, {'chunk': 2 ** 70}, {'chunk': -4},
          {'index': 'a'}, {'plan_s': []},
          {'plan_s': 10 ** 400}, {'unfamiliarity': True}, {'age_s': []},
          {'age_s': {'joints': 'old'}}, {'age_s': None}))])
def test_a_message_that_is_no_record_is_left_out_and_told(tmp_path, caplog, text):
    with caplog.at_level(logging.WARNING):
        path = record(tmp_path, session(SOURCES, others=[told(2, text)]))
    assert "left out 1 messages on '/policy/tick'" in caplog.text
    with Episode.open(path) as episode:
        assert episode.provenance.source == SOURCES


def test_a_text_that_cannot_be_decoded_costs_no_episode(tmp_path, caplog):
    damaged = told(3, 'abcd')
    damaged = damaged._replace(cdr=damaged.cdr.replace(b'abcd', b'\xff\xfe\xfd\xfc'))
    path = record(tmp_path, session(SOURCES, others=[damaged]))
    assert 'left out 1 messages' in caplog.text
    with Episode.open(path) as episode:
        assert episode.provenance.source == SOURCES


def test_a_crash_loses_no_provenance(tmp_path):
    write_log(tmp_path / '.partial' / 'a.mcap', session()[:-1])
    done, = repair(tmp_path, outcome='failure')
    with Episode.open(done.result) as episode:
        assert episode.provenance.source[:11] == SOURCES[:11]


def replaced(values):
    def edit(group, name):
        attributes = dict(group.attrs)
        del group[name]
        group[name] = values
        group.attrs.update(attributes)
    return edit


@pytest.mark.parametrize('name, edit, problem', [
    ('chunk', replaced(np.full(12, -1)), '8 ticks of the policy without a chunk'),
    ('chunk', replaced(np.arange(12)), '4 ticks with a chunk that are not of the policy'),
    ('plan_s', replaced(np.full(12, -0.5)), 'planning took less than no time'),
    ('index', replaced(np.arange(11)), 'provenance of [11, 12] ticks, expected 12'),
    ('age_s/joints', replaced(np.zeros(3)), 'provenance of [3, 12] ticks, expected 12'),
    ('source', replaced(np.full(12, 9, np.uint8)), 'provenance is missing or damaged'),
    ('source', replaced(np.zeros(12)), 'provenance/source is missing or damaged'),
    ('source', lambda group, name: group.attrs.pop('sources'), 'is missing or damaged'),
    ('offset', replaced(np.arange(13)[::-1]), 'the records of its ticks are damaged'),
    ('json', replaced(np.zeros(3, np.uint8)), 'the records of its ticks are damaged'),
    ('source', lambda group, name: group.attrs.update({'sources': list('abcde')}),
     "found source 'a', expected one of none, teleop, policy, unknown, shadow"),
    ('unfamiliarity', lambda group, name: group.pop(name), 'is missing or damaged')])
def test_verify_names_what_is_wrong(path, name, edit, problem):
    with h5py.File(path, 'r+') as file:
        edit(file['provenance'], name)
    assert any(problem in line for line in verify_episode(path))


def test_a_group_that_is_none_is_an_error_of_the_file(path):
    with h5py.File(path, 'r+') as file:
        del file['provenance']
        file['provenance'] = np.zeros(3)
    with Episode.open(path) as episode, pytest.raises(EpisodeError, match='provenance'):
        assert episode.provenance


def test_info_shows_the_interventions(tmp_path, capsys):
    record(tmp_path, session())
    record(tmp_path, session(['teleop', 'policy', 'teleop', 'teleop']))
    record(tmp_path, marked(20))
    assert Dataset(tmp_path).info()['commanded'] == {
        'none': 1, 'teleop': 5, 'policy': 9, 'shadow': 0, 'interventions': 2}
    assert lps(['dataset', 'info', str(tmp_path)]) == 0
    assert ('commanded by: policy 60.0 %, teleop 33.3 %, none 6.7 % of 15 ticks that a policy '
            'node told of; 2 interventions') in capsys.readouterr().out


def test_info_without_a_policy_says_nothing_of_it(tmp_path, capsys):
    record(tmp_path, marked(20))
    assert lps(['dataset', 'info', str(tmp_path)]) == 0
    assert 'commanded by' not in capsys.readouterr().out
