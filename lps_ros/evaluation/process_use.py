"""What a process uses, read from /proc: processor time, memory, open files."""

from dataclasses import dataclass
import os
from pathlib import Path

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


@dataclass(frozen=True, kw_only=True)
class ProcessUse:
    """
    Processor time in s since its start, memory in MB, open file descriptors.

    shared_mb: of /dev/shm, mapped whether used or not.
    """

    cpu_s: float
    rss_mb: float
    shared_mb: float
    files: int


def process_use(pid: int) -> ProcessUse:
    """Return what a process uses now; raises OSError where it is gone."""
    folder = Path('/proc') / str(pid)
    # The name, in brackets, may hold spaces.
    fields = (folder / 'stat').read_text().rpartition(')')[2].split()
    pages = int((folder / 'statm').read_text().split()[1])
    return ProcessUse(
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        rss_mb=pages * _PAGE_BYTES * 1e-6, shared_mb=_shared_mb(folder),
        files=len(list((folder / 'fd').iterdir())))


def busiest_child(pid: int) -> int:
    """Return the child process that has used the most processor time; raises OSError without."""
    children = [int(child) for task in Path(f'/proc/{pid}/task').iterdir()
                for child in (task / 'children').read_text().split()]
    if not children:
        raise OSError(f'process {pid} has no child')
    return max(children, key=lambda child: process_use(child).cpu_s)


def _shared_mb(folder: Path) -> float:
    total = 0
    for line in (folder / 'maps').read_text().splitlines():
        if '/dev/shm/' in line:
            first, last = line.split(maxsplit=1)[0].split('-')
            total += int(last, 16) - int(first, 16)
    return total * 1e-6
