import argparse
import json

from data_samples import CONTRACT
from data_samples import joints
from data_samples import marked
from data_samples import motion
from data_samples import record
from data_samples import write_log
from data_samples import write_rosbag2
import h5py
from lps_ros.cli.dataset import add_parser
from lps_ros.data import BagError
from lps_ros.data import DatasetError
from lps_ros.errors import UserError
import pytest
from rosbags.rosbag2 import StoragePlugin


def lps(*arguments):
    parser = argparse.ArgumentParser(prog='lps')
    add_parser(parser.add_subparsers(required=True))
    parsed = parser.parse_args(['dataset', *map(str, arguments)])
    return parsed.func(parsed)


@pytest.mark.parametrize('action', ['info', 'verify', 'repair', 'convert'])
def test_help_has_an_example(action, capsys):
    with pytest.raises(SystemExit) as caught:
        lps(action, '--help')
    assert caught.value.code == 0
    assert f'lps dataset {action} ' in capsys.readouterr().out.split('example')[1]


def test_info(tmp_path, capsys):
    record(tmp_path, marked(20))
    record(tmp_path, marked(10, 'failure'))
    assert lps('info', tmp_path, '--json', tmp_path / 'info.json') == 0
    output = capsys.readouterr()
    assert f'{tmp_path}: 1 success, 1 failure; 28 transitions, 1.4 s' in output.out
    assert 'contract tabletop, 20 Hz, data hash' in output.out
    assert output.err == ''
    info = json.loads((tmp_path / 'info.json').read_text(encoding='utf-8'))
    assert info['streams']['tool']['count'] == 30


def test_info_shows_messages_that_did_not_fit(tmp_path, capsys):
    stranger = joints(5, 0.0)._replace(cdr=joints(5, 0.0).cdr.replace(b'elbow', b'albow'))
    path = record(tmp_path, [*marked(10), stranger])
    assert lps('info', tmp_path, '--json', tmp_path / 'info.json') == 0
    lines = capsys.readouterr().out.splitlines()
    head, row = (next(line for line in lines if line.startswith(name))
                 for name in ('stream ', 'joints '))
    assert head.split()[-3:] == ['misfits', 'stale', 'ticks']
    assert row.split()[-2] == '1'
    info = json.loads((tmp_path / 'info.json').read_text(encoding='utf-8'))
    assert info['streams']['joints']['misfits'] == 1
    with h5py.File(path, 'r+') as file:
        del file['stream/joints'].attrs['misfits']
    assert lps('info', tmp_path) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('joints '))
    assert row.split()[-2] == '?'


def test_verify(tmp_path, capsys):
    path = record(tmp_path, marked(20))
    figures = tmp_path / 'verify.json'
    assert lps('verify', tmp_path) == 0
    assert capsys.readouterr().out == '1 episodes, no problem(s)\n'
    (tmp_path / 'other.yaml').write_text(CONTRACT.replace('rate_hz: 20', 'rate_hz: 10'))
    assert lps('verify', tmp_path, '--contract', tmp_path / 'other.yaml', '--json', figures) == 1
    assert 'other data contract: rate_hz: recorded 20.0, current 10.0' in capsys.readouterr().out
    assert len(json.loads(figures.read_text(encoding='utf-8'))['problems']) == 1
    log = write_log(tmp_path / '.partial' / 'a.mcap', marked(10)[:-1])
    assert lps('verify', tmp_path) == 0
    assert f'not saved: {log}; run `lps dataset repair`' in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1])
    assert lps('verify', tmp_path) == 1
    assert f'{path}: is truncated' in capsys.readouterr().out


def test_repair(tmp_path, capsys):
    write_log(tmp_path / '.partial' / 'a.mcap', marked(10)[:-1])
    assert lps('repair', tmp_path, '--outcome', 'failure', '--json', tmp_path / 'r.json') == 0
    episode = tmp_path / 'failure' / 'episode_20260304T050607Z_0.hdf5'
    assert capsys.readouterr().out == (
        f'a.mcap -> {episode}\n1 recording(s) had been left unsaved\n')
    assert json.loads((tmp_path / 'r.json').read_text(encoding='utf-8'))['repaired'] == [
        {'log': str(tmp_path / '.partial' / 'a.mcap'), 'result': str(episode), 'note': ''}]


def test_convert(tmp_path, capsys):
    (tmp_path / 'robot.yaml').write_text(CONTRACT)
    write_rosbag2(tmp_path / 'one', marked(10), StoragePlugin.SQLITE3)
    write_rosbag2(tmp_path / 'two', motion(12), StoragePlugin.MCAP)
    dataset = tmp_path / 'dataset'
    assert lps('convert', tmp_path / 'one', '--dataset', dataset) == 0
    assert lps('convert', tmp_path / 'two', '--dataset', dataset, '--outcome', 'failure',
               '--contract', tmp_path / 'robot.yaml', '--json', tmp_path / 'c.json') == 0
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads((tmp_path / 'c.json').read_text(encoding='utf-8'))['episodes'] == [second]
    assert first.startswith(f'{dataset}/success/')
    assert lps('verify', dataset) == 0


def test_bad_input_is_an_error_of_one_line(tmp_path):
    log = write_log(tmp_path / 'a.mcap', marked(10)[:-1])
    with pytest.raises(UserError, match='found no episode that was saved'):
        lps('convert', log, '--dataset', tmp_path)
    for action in ('info', 'verify', 'repair'):
        with pytest.raises(DatasetError, match='found no folder'):
            lps(action, tmp_path / 'none')
    with pytest.raises(BagError, match='not found'):
        lps('convert', tmp_path / 'none', '--dataset', tmp_path)
    with pytest.raises(SystemExit) as caught:
        lps('convert', log, '--dataset', tmp_path, '--outcome', 'won')
    assert caught.value.code == 2
