"""What a process uses, seen from outside."""

import mmap
import os
import subprocess
import sys

from lps_ros.evaluation.process_use import busiest_child
from lps_ros.evaluation.process_use import process_use
import pytest


def test_memory_and_files_of_this_process(tmp_path):
    before = process_use(os.getpid())
    # Pages of its own: what was freed before is given again by the allocator.
    kept = mmap.mmap(-1, 30_000_000)
    kept.write(bytes(len(kept)))
    with (tmp_path / 'file').open('w'):
        after = process_use(os.getpid())
    assert 20 < after.rss_mb - before.rss_mb < 100 and len(kept)
    assert after.files == before.files + 1
    assert after.cpu_s >= before.cpu_s > 0


def test_the_busiest_child():
    idle, busy = (
        subprocess.Popen([sys.executable, '-c', work], stdout=subprocess.PIPE,
                         stdin=subprocess.PIPE)
        for work in ('print(1, flush=True); input()',
                     'sum(range(10**7)); print(1, flush=True); input()'))
    try:
        for child in (idle, busy):
            child.stdout.readline()
        assert busiest_child(os.getpid()) == busy.pid
        with pytest.raises(OSError, match='has no child'):
            busiest_child(idle.pid)
    finally:
        for child in (idle, busy):
            child.kill()
            child.communicate()


def test_shared_memory_is_what_is_mapped():
    from multiprocessing.shared_memory import SharedMemory
    before = process_use(os.getpid()).shared_mb
    memory = SharedMemory(create=True, size=4 * 1024**2)
    try:
        assert process_use(os.getpid()).shared_mb - before == pytest.approx(4.194304)
    finally:
        memory.close()
        memory.unlink()
