"""Puts a node's process into the real-time scheduling class."""

from contextlib import suppress
import os
from pathlib import Path

from lps_ros.nodes.process import StartError


def enter_realtime(priority: int) -> None:
    """
    Schedule every thread of this process, and those that they start, by SCHED_RR at `priority`.

    priority: 1 to 99, above all that is not in a real-time class; 0 changes nothing. Raises
    StartError where the system does not allow it.
    """
    if not priority:
        return
    try:
        for thread in Path('/proc/self/task').iterdir():
            with suppress(ProcessLookupError):  # it may have ended meanwhile
                os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(priority))
    except PermissionError as error:
        raise StartError(
            f'realtime_priority is {priority}, which this user may not have ({error}); put a line '
            "'@realtime - rtprio 98' into /etc/security/limits.d/realtime.conf and the user into "
            'that group, log in anew, or leave it at 0') from error
