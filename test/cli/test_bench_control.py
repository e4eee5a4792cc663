"""`lps bench control`, with nodes and a network of their own, for a few seconds."""

import json

from lps_ros.cli import bench_control
from lps_ros.cli.main import main
from lps_ros.errors import UserError
import pytest


def figures(tmp_path, *arguments):
    file = tmp_path / 'figures.json'
    assert main(['bench', 'control', '--json', str(file), '--keep', str(tmp_path / 'run'),
                 '--horizon', '40', '--candidates', '1', *arguments]) == 0
    return json.loads(file.read_text(encoding='utf-8'))['results']


@pytest.mark.timing
def test_the_policy_beside_bare_loops(tmp_path, capsys, ros_domain):
    (result,) = figures(tmp_path, '--rates', '20', '--seconds', '2', '--cameras', '1')
    # The edges of what is measured may cut one off; a busy machine may skip some.
    assert 39 <= result['ticks'] <= 42 and result['served'] > 20
    for name in ('begun_ms', 'sent_ms', 'bare_thread_ms', 'bare_timer_ms',
                 'joints_to_command_ms', 'picture_to_command_ms'):
        assert 0 <= result[name]['p50'] <= result[name]['p99'] <= result[name]['max']
    assert result['begun_ms']['p50'] < result['sent_ms']['p50'] < 50
    assert result['picture_to_command_ms']['p50'] < 1000
    assert result['inference_cpu'] > 0
    assert 'bare thread' in capsys.readouterr().out


@pytest.mark.timing
def test_ticks_at_ten_times_real_time(tmp_path, capsys, ros_domain):
    result = figures(tmp_path, '--soak', '40', '--factor', '10', '--cameras', '1')
    assert result['ticks'] > 300
    # What every action is for is the tick at which it is sent.
    assert result['shift_ticks']['min'] == result['shift_ticks']['max'] == 0
    assert result['lag_last_tenth']['min'] >= 0
    assert result['node_rss_mb']['last'] > 50 and result['node_files']['last'] > 10
    assert 'shift_ticks: 0 to 0 ticks' in capsys.readouterr().out


@pytest.mark.parametrize(('options', 'expected'), [
    (('--realtime-priority', '200'), '--realtime-priority is 200, expected 0 to 99'),
    (('--candidates', '1025'), '--candidates is 1025, expected 1 to 1024'),
    (('--replan-every', '1001'), '--replan-every is 1001, expected 1 to 1000'),
    (('--rates', '20,50,20'), '--rates has 20 twice, expected each rate once'),
    (('--keep', 'full'), '--keep is full, which is there already; give the name of a new folder'),
    (('--keep', 'full/file'), '--keep is full/file, which is there already'),
    (('--keep', 'full/file/below'), 'full/file/below: cannot write (Not a directory)')])
def test_an_option_that_cannot_be_met_is_one_line_before_anything_starts(
        tmp_path, monkeypatch, capsys, options, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'file').write_text('')
    monkeypatch.setattr(bench_control, '_measure', lambda *_: pytest.fail('began'))
    assert main(['bench', 'control', *options]) == 1
    output, error = capsys.readouterr()
    assert output == '' and error.startswith(f'error: {expected}') and error.count('\n') == 1


@pytest.mark.parametrize('fails', [True, False])
def test_what_was_written_is_kept_where_an_error_points_to_it(
        tmp_path, monkeypatch, capsys, ros_domain, fails):
    written = []

    def measure(arguments, folder, run):
        folder.mkdir(parents=True)
        written.append(folder / 'bench_policy.log')
        written[0].write_text('why')
        if fails:
            raise UserError(f'the node ended (log: {written[0]})')
        return folder

    monkeypatch.setattr(bench_control, '_measure', measure)
    monkeypatch.setattr(bench_control, 'timing_figures', lambda *_: {})
    monkeypatch.setattr(bench_control, '_show', lambda _: None)
    monkeypatch.setattr(bench_control.tempfile, 'tempdir', str(tmp_path))
    assert main(['bench', 'control', '--rates', '20']) == fails
    assert written[0].exists() == fails == bool(list(tmp_path.iterdir()))
    assert not fails or str(written[0]) in capsys.readouterr().err
