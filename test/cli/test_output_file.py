"""Files that commands write: checked at the beginning, whole at the end."""

import argparse
import errno
import os

from lps_ros.cli.main import main
from lps_ros.cli.output_file import output_file
from lps_ros.data import StorageError
from lps_ros.data.files import write_text
import pytest


@pytest.mark.parametrize(('name', 'expected'), [
    ('folder', 'folder is a folder; give the name of a file'),
    ('none/a.json', 'none/a.json: its folder does not exist; make it first'),
    ('old/a.json', 'old/a.json: its folder does not exist; make it first'),
    ('/proc/a.json', '/proc: cannot write'),
])
def test_a_file_that_could_not_be_written_is_told_at_once(tmp_path, monkeypatch, name, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'old').write_text('old')
    with pytest.raises(argparse.ArgumentTypeError, match=expected):
        output_file(name)
    assert {path.name for path in tmp_path.iterdir()} == {'folder', 'old'}


def test_a_file_without_permission_is_told_at_once(tmp_path, monkeypatch):
    (tmp_path / 'old').write_text('old')
    # The superuser, who may run this test, may write everything.
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(argparse.ArgumentTypeError, match='is there and cannot be written'):
        output_file(str(tmp_path / 'old'))


def test_checking_leaves_nothing_and_changes_nothing(tmp_path):
    (tmp_path / 'old').write_text('old')
    assert output_file(str(tmp_path / 'new')) == tmp_path / 'new'
    assert output_file(str(tmp_path / 'old')) == tmp_path / 'old'
    assert output_file('/dev/stdout')
    assert [path.name for path in tmp_path.iterdir()] == ['old']
    assert (tmp_path / 'old').read_text() == 'old'


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / 'a.json', 'old')
    assert (tmp_path / 'a.json').read_text() == 'old'

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(StorageError, match='the disk is full'):
        write_text(tmp_path / 'a.json', 'new')
    assert [path.read_text() for path in tmp_path.iterdir()] == ['old']


def test_a_link_is_written_through(tmp_path):
    (tmp_path / 'target').write_text('old')
    (tmp_path / 'link').symlink_to(tmp_path / 'target')
    write_text(tmp_path / 'link', 'new')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'target').read_text() == 'new'


@pytest.mark.parametrize('command', [
    ['demo'], ['sim', '--measure'], ['train', '--contract', 'c', '--dataset', 'd'],
    ['replay', 'bag', '--bundle', 'b'], ['dataset', 'info', 'd'], ['dataset', 'verify', 'd'],
    ['dataset', 'repair', 'd'], ['dataset', 'convert', 'b', '--dataset', 'd']])
def test_every_command_checks_its_json_first(capsys, tmp_path, command):
    with pytest.raises(SystemExit) as caught:
        main([*command, '--json', str(tmp_path)])
    assert caught.value.code == 2
    assert 'is a folder; give the name of a file' in capsys.readouterr().err
