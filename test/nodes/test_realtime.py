"""The policy node in the real-time class, where this machine allows it, and where it does not."""

import os
from pathlib import Path
import subprocess
import sys
import threading
import time

from lps_ros.nodes import realtime
from lps_ros.nodes.process import StartError
from policy_harness import FAULTY
from policy_harness import PolicyProcess
import pytest

PRIORITY = 3
_PATIENCE_S = 90.0


def _allowed() -> bool:
    """Tell whether a process of this user may enter the class."""
    return not subprocess.run(
        [sys.executable, '-c',
         f'import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param({PRIORITY}))'],
        stderr=subprocess.DEVNULL, check=False).returncode


def _policies(pid: int) -> set[tuple[int, int]]:
    """Return scheduling class and priority of every thread of a process."""
    threads = [int(thread.name) for thread in Path(f'/proc/{pid}/task').iterdir()]
    return {(os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority)
            for thread in threads}


def test_every_thread_but_the_networks_enters_or_the_node_says_why_not(
        tmp_path: Path, ros_domain: int) -> None:
    process = PolicyProcess(
        FAULTY, tmp_path / 'policy.log', ros_domain, bundle='good', autostart=True,
        realtime_priority=PRIORITY)
    try:
        if _allowed():
            end_s = time.monotonic() + _PATIENCE_S
            while 'a chunk of' not in process.log():
                assert process.alive() and time.monotonic() < end_s, process.log()
                threading.Event().wait(0.05)
            planner, = process.planners()
            assert _policies(process.pid) == {(os.SCHED_RR, PRIORITY)}
            assert _policies(planner) == {(os.SCHED_BATCH, 0)}
        else:
            assert process.wait() == 1
            assert 'realtime_priority is 3, which this user may not have' in process.log()
    finally:
        process.close()


def test_a_refusal_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, 'Operation not permitted')
    monkeypatch.setattr(os, 'sched_setscheduler', refuse)
    with pytest.raises(StartError, match='may not have.*limits.d.*or leave it at 0'):
        realtime.enter_realtime(PRIORITY)


def test_an_ordinary_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'sched_setscheduler', None)
    realtime.enter_realtime(0)
