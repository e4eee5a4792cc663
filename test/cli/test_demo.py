"""`lps demo` refuses what it could not do before it starts anything."""

from lps_ros.cli import demo
from lps_ros.cli.main import main
import pytest


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch):
    for name in ('private_ros_environment', 'record_demonstrations', 'train', 'evaluate'):
        monkeypatch.setattr(demo, name, lambda *_, name=name, **__: pytest.fail(f'{name} began'))


@pytest.mark.parametrize(('options', 'expected'), [
    (('--candidates', '-1'), '--candidates is -1, expected 0 to 1024'),
    (('--candidates', '1025'), '--candidates is 1025, expected 0 to 1024'),
    (('--in-process', '--free'), '--in-process is given with --free, which needs ROS'),
    (('--strength', '1.5'), '--strength is 1.5, expected 0 to 1'),
    (('--strength', 'nan'), '--strength is nan, expected 0 to 1'),
    (('--replan-every', '-2'), '--replan-every is -2, expected 0 to 1000'),
    (('--replan-every', '1001'), '--replan-every is 1001, expected 0 to 1000'),
    (('--episodes', '0'), '--episodes is 0, expected 1 to 1000000'),
    (('--task', '6'), '--task is 6, expected 1 to 5'),
    (('--first-seed', '-1'), '--first-seed is -1, expected 0 to 2147483627'),
    (('--arms', 'prior,best'), "--arms has 'best', expected some of: operator, prior, steered"),
    (('--arms', ''), "--arms has '', expected some of"),
    (('--arms', 'prior,steered,prior'), "--arms has 'prior' twice, expected each arm once"),
    (('--full', '--demonstrations', '0'), '--demonstrations is 0, expected 1 to 1000000'),
    (('--full', '--steps', '-1'), '--steps is -1, expected 1 or more'),
    (('--steps', '7'), '--steps is given without --full'),
    (('--demonstrations', '7'), '--demonstrations is given without --full'),
    (('--full', '--bundle', 'file'), '--bundle file is there already'),
    (('--output', 'file'), '--output is file, a file; give a folder'),
    (('--full', '--output', 'file/below'), 'file/below: cannot write (Not a directory)'),
])
def test_an_option_that_cannot_be_met_is_one_line(
        capsys, tmp_path, monkeypatch, options, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').write_text('')
    assert main(['demo', *options]) == 1
    output = capsys.readouterr()
    assert output.out == ''
    assert output.err.startswith(f'error: {expected}')
    assert output.err.count('\n') == 1
    assert [path.name for path in tmp_path.iterdir()] == ['file']
