"""Inference in a process of its own, which can be slow, stand still or die without harm."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
import multiprocessing
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
import os
import signal
import time
from typing import Any

from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning import one_line
from lps_ros.control.planning import Planner
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import PlanServer
import numpy as np

# A process that has nothing to do is given so long to end by itself before it is killed.
_LAST_MOMENT_S = 1.0
# How long a process's exit status may follow its silence; a control loop waits for it.
_STATUS_S = 0.005
# Longer than any network loads, on a busy machine too, and than any plan takes.
_LOADING_S, _PLANNING_S = 300.0, 60.0
# How often something else is looked after while it loads.
_LOOK_S = 0.02


class PlanningProcess:
    """
    An Inference whose planner lives in a child process.

    `load()` runs in the child and returns the planner and what else the caller wants to know,
    `facts`; both functions and facts must be picklable. No call but `wait` blocks, whatever the
    child does: requests and answers are smaller than a socket's buffer, frames go through shared
    memory.
    """

    def __init__(self, load: Callable[[], tuple[Planner, Any]]) -> None:
        """Start the process; it loads."""
        context = multiprocessing.get_context('spawn')
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, load), daemon=True, name='lps_ros planning')
        # Ctrl-C reaches the whole terminal, also before the child can ignore it: it inherits what
        # is blocked. Starting the tracker would end that.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # It computes long: being woken, it must not drive the control loop from its core, let
        # alone in a real-time class that it has inherited.
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(self.pid, os.SCHED_BATCH, os.sched_param(0))
        theirs.close()
        self._frames: SharedMemory | None = None
        self.facts: Any = None
        self._loading_ends_s = time.monotonic() + _LOADING_S
        self.ready = False
        self.busy = False

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def death(self) -> str:
        """Return how it has died, in one line, or nothing."""
        return '' if self._process.is_alive() else str(self._death())

    def poll_ready(self) -> bool:
        """Tell whether it has loaded; raises InferenceDied where it could not, or not in time."""
        if not self.ready and (answer := self._receive()) is not None:
            self.facts, error = answer
            if error:
                raise InferenceDied(error)
            self.ready = True
        if not self.ready and time.monotonic() > self._loading_ends_s:
            raise InferenceDied(f'the policy was not loaded within {_LOADING_S:g} s')
        return self.ready

    def wait_ready(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """
        Wait until it has loaded, calling `meanwhile` again and again.

        Raises InferenceDied where it could not, and what `meanwhile` raises.
        """
        while not self.poll_ready():
            self._connection.poll(_LOOK_S)
            meanwhile()

    def submit(self, request: PlanRequest) -> None:
        """See Inference."""
        images = self._share(request.images)
        try:
            self._connection.send((replace(request, images=()), images))
        except OSError as error:
            raise self._death() from error
        self.busy = True

    def poll(self) -> PlanResult | None:
        """See Inference."""
        result = self._receive()
        if result is not None:
            self.busy = False
        return result

    def wait(self) -> PlanResult:
        """See Inference."""
        if not self._connection.poll(_PLANNING_S):
            raise InferenceDied(f'the inference process {self.pid} has made no plan within '
                                f'{_PLANNING_S:g} s; load the bundle again')
        return self.poll()

    def close(self) -> None:
        """End the process and wait for that."""
        self._connection.close()
        # While it loads or plans it does not see that it is to end.
        if self._process.is_alive() and self.ready and not self.busy:
            self._process.join(_LAST_MOMENT_S)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        if self._frames is not None:
            self._frames.close()
            self._frames.unlink()
            self._frames = None

    def _receive(self) -> Any:
        try:
            return self._connection.recv() if self._connection.poll() else None
        except (EOFError, OSError) as error:
            raise self._death() from error

    def _death(self) -> InferenceDied:
        self._process.join(_STATUS_S)
        status = self._process.exitcode
        how = 'is ending' if status is None else (
            f'was killed by signal {-status}' if status < 0 else f'ended with status {status}')
        return InferenceDied(f'the inference process {self.pid} {how}; load the bundle again')

    def _share(self, images: tuple[np.ndarray, ...]) -> tuple[str, list[tuple[int, ...]]]:
        """Lay the frames where the child sees them; return where, and their shapes."""
        if not images:
            return '', []
        size = sum(image.nbytes for image in images)
        if self._frames is None:
            self._frames = _shared(size)
        for image, view in zip(
                images, _views(self._frames, [image.shape for image in images]), strict=True):
            view[:] = image
        return self._frames.name, [image.shape for image in images]


def _serve(connection: Connection, load: Callable[[], tuple[Planner, Any]]) -> None:
    """Run in the child: load, then answer until the other end is closed."""
    # Ctrl-C reaches the whole terminal; the parent stops the robot first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    frames = None
    try:
        try:
            planner, facts = load()
        except Exception as error:  # the parent says why
            connection.send((None, one_line(error)))
            return
        server = PlanServer(planner)
        connection.send((facts, ''))
        while True:
            request, (name, shapes) = connection.recv()
            if name and frames is None:
                frames = SharedMemory(name)
            images = tuple(view.copy() for view in _views(frames, shapes))
            connection.send(server.answer(replace(request, images=images)))
    except (EOFError, OSError):
        return
    finally:
        if frames is not None:
            frames.close()


def _shared(size: int) -> SharedMemory:
    """Return memory that is really there; raises InferenceDied where there is no room."""
    frames = SharedMemory(create=True, size=size)
    try:
        # Without this a full /dev/shm shows at the first write, which kills the process.
        file = os.open(f'/dev/shm/{frames.name}', os.O_RDWR)
        try:
            os.posix_fallocate(file, 0, size)
        finally:
            os.close(file)
    except OSError as error:
        frames.close()
        frames.unlink()
        raise InferenceDied(
            f'/dev/shm has no room for pictures of {size / 1e6:.1f} MB ({error.strerror}); free '
            'some, or give a container more (docker run --shm-size)') from error
    return frames


def _views(frames: SharedMemory | None, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    views, offset = [], 0
    for shape in shapes:
        view = np.ndarray(shape, np.uint8, frames.buf, offset)
        views.append(view)
        offset += view.nbytes
    return views
