"""`lps bench control`, with nodes and a network of their own, for a few seconds."""

import json

from lps_ros.cli.main import main
import pytest

pytestmark = pytest.mark.timing


def figures(tmp_path, *arguments):
    file = tmp_path / 'figures.json'
    assert main(['bench', 'control', '--json', str(file), '--keep', str(tmp_path / 'run'),
                 '--horizon', '40', '--candidates', '1', *arguments]) == 0
    return json.loads(file.read_text(encoding='utf-8'))['results']


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


def test_ticks_at_ten_times_real_time(tmp_path, capsys, ros_domain):
    result = figures(tmp_path, '--soak', '40', '--factor', '10', '--cameras', '1')
    assert result['ticks'] > 300
    # What every action is for is the tick at which it is sent.
    assert result['shift_ticks']['min'] == result['shift_ticks']['max'] == 0
    assert result['lag_last_tenth']['min'] >= 0
    assert result['node_rss_mb']['last'] > 50 and result['node_files']['last'] > 10
    assert 'shift_ticks: 0 to 0 ticks' in capsys.readouterr().out
