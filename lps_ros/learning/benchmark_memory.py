"""The most memory that a piece of work takes."""

import ctypes
import gc
from pathlib import Path
import resource
import sys

import torch

_STATUS = Path('/proc/self/status')
_CLEAR = Path('/proc/self/clear_refs')
_RESET_PEAK = '5'  # proc(5): set the peak of the resident set to its present size


class PeakMemory:
    """
    Watches memory from its making on: a GPU's tensors, else the process's resident set.

    Where the system cannot reset that peak (not Linux), it is the peak since the start.
    """

    def __init__(self, device: str) -> None:
        self._cuda = device if device.startswith('cuda') else ''
        gc.collect()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats(self._cuda)
            return
        try:
            # What earlier work has freed must not count.
            ctypes.CDLL(None).malloc_trim(0)
            _CLEAR.write_text(_RESET_PEAK, encoding='ascii')
        except (AttributeError, OSError):
            pass

    def peak_mib(self) -> float:
        """Return the peak in MiB."""
        if self._cuda:
            return torch.cuda.max_memory_allocated(self._cuda) / 2**20
        if _STATUS.exists():
            for line in _STATUS.read_text(encoding='ascii').splitlines():
                if line.startswith('VmHWM:'):
                    return int(line.split()[1]) / 2**10
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == 'darwin' else 2**10)
