import errno
import os

from data_samples import contract
from lps_ros.data import DataError
from lps_ros.data import StorageError
from lps_ros.data.files import disk_errors
from lps_ros.data.files import place
from lps_ros.data.files import replace
from lps_ros.data.files import write_new
from lps_ros.data.recording import Recording
import pytest


def no_links(source, target):
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize('links', [True, False])
def test_a_file_takes_the_first_free_name(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, 'link', no_links)
    (tmp_path / 'a_0').write_text('first')
    (tmp_path / 'new').write_text('second')
    assert place(tmp_path / 'new', tmp_path, lambda number: f'a_{number}') == tmp_path / 'a_1'
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'a_0': 'first', 'a_1': 'second'}


def test_replacing_shows_the_old_or_the_new_content(tmp_path):
    replace(tmp_path / 'a', b'old')
    replace(tmp_path / 'a', b'new')
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a', b'new')]


def test_a_file_that_cannot_be_written_whole_goes(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(StorageError, match='the disk is full'), disk_errors(tmp_path):
        write_new(tmp_path / 'a', b'content')
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / 'dataset').write_text('')
    with pytest.raises(StorageError, match='cannot write.*check that the folder exists'):
        Recording.begin(tmp_path / 'dataset', contract())


def test_an_error_has_one_line_whatever_it_quotes():
    assert str(DataError('found\ntwo lines')) == 'found two lines'
