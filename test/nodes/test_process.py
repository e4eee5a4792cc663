"""Starting a node's process with wrong arguments."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(('arguments', 'complaint'), [
    (['bogus'], "found argument 'bogus', expected ROS arguments after --ros-args"),
    (['--ros-args', '--params-file', 'nowhere.yaml'], 'nowhere.yaml')])
def test_wrong_arguments_end_with_one_line(
        ros_domain: int, arguments: list[str], complaint: str) -> None:
    result = subprocess.run(
        [sys.executable, '-m', 'lps_ros.nodes.recorder_node', *arguments],
        capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    # ROS logs a line of its own about a file that it cannot read.
    line, = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert complaint in line and 'Traceback' not in result.stderr


def test_a_misspelt_parameter_is_named(ros_domain: int) -> None:
    process = subprocess.Popen(
        [sys.executable, '-m', 'lps_ros.nodes.policy_node', '--ros-args', '-p', 'candidate:=4'],
        stderr=subprocess.PIPE, text=True)
    try:
        assert "parameter 'candidate' was set, but there is none" in process.stderr.readline()
    finally:
        process.terminate()
        assert process.wait(60) == 0
