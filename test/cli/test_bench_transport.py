"""`lps bench transport`: both ends over real ROS, with and without the profile."""

import json
import os

from lps_ros.cli.main import main
import pytest

QUICK = ('--cameras', '2', '--width', '160', '--height', '120', '--rate', '20', '--seconds', '1',
         '--rounds', '1')


def test_images_arrive_and_the_profile_is_taken_by_the_middleware(ros_domain, tmp_path, capsys):
    file = tmp_path / 'figures.json'
    assert main(['bench', 'transport', *QUICK, '--json', str(file)]) == 0
    figures = json.loads(file.read_text(encoding='utf-8'))
    plain, profile = figures['results']
    for result in plain, profile:
        assert result['frames'] == 40
        assert 0 < result['arrived'] <= 40
        assert result['lost'] == pytest.approx(1 - result['arrived'] / 40)
        assert 0 < result['latency_p50_ms'] <= result['latency_p99_ms']
    assert plain['shared_memory_mb'] < 10 < profile['shared_memory_mb']
    assert 'with the profile' in capsys.readouterr().out


def test_without_ros_one_line_says_what_to_install(ros_domain, tmp_path, monkeypatch, capsys):
    (tmp_path / 'rclpy.py').write_text('raise ModuleNotFoundError("No module named \'rclpy\'")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=os.pathsep)
    assert main(['bench', 'transport', *QUICK]) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert "No module named 'rclpy'" in error and "pip install 'lps_ros[ros]'" in error


@pytest.mark.parametrize('option', ['--cameras', '--rate', '--seconds'])
def test_nothing_to_measure_is_refused(option, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['bench', 'transport', option, '0'])
    assert ended.value.code == 2
    assert 'is not a whole number of 1 or more' in capsys.readouterr().err
