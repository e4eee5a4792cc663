"""What a command has started ends with it, however it ends."""

from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

PATIENCE_S = 30.0


def command_lines() -> dict[int, str]:
    """Return the arguments of every process on this machine, by process id."""
    lines = {}
    for file in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            lines[int(file.parent.name)] = file.read_bytes().replace(b'\0', b' ').decode()
        except OSError:  # it ended meanwhile
            continue
    return lines


def nodes_of(dataset: Path) -> list[int]:
    return [pid for pid, line in command_lines().items()
            if 'lps_ros.nodes.recorder_node' in line and str(dataset) in line]


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nodes_end_with_the_command_that_started_them(
        tmp_path: Path, ros_domain: int, how: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, '-m', 'lps_ros.cli.main', 'demo', '--full', '--demonstrations', '3',
         '--output', tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: nodes_of(tmp_path))
    command.send_signal(how)
    command.wait(PATIENCE_S)
    wait_until(lambda: not nodes_of(tmp_path))


def wait_until(condition) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)
