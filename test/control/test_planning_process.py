"""Inference in a process that may be slow, stand still or die: nobody else waits for it."""

import errno
import os
from pathlib import Path
import signal
import threading
import time

import control_planners
from lps_ros.control import planning_process
from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning_process import PlanningProcess
import numpy as np
import pytest
from test_planning import request

pytestmark = pytest.mark.timing

# On a busy machine too no call takes longer; a blocking one would wait for ever.
_AT_ONCE_S = 0.5
# `close` may wait for a child to end by itself, a second, before it kills it.
_CLOSED_S = 5.0


@pytest.fixture
def start():
    """Start processes, and see that nothing of them is left."""
    started = []

    def start(load=control_planners.load, *, ready=True):
        process = PlanningProcess(load)
        started.append(process)
        if ready:
            process.wait_ready()
        return process

    yield start
    for process in started:
        frames = process._frames and Path('/dev/shm', process._frames.name)
        assert frames is None or frames.exists()
        timed(process.close, _CLOSED_S)
        assert frames is None or not frames.exists()
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def timed(call, limit_s=_AT_ONCE_S):
    began_s = time.monotonic()
    result = call()
    assert time.monotonic() - began_s < limit_s
    return result


def wait_until(condition):
    while not (result := condition()):
        threading.Event().wait(0.002)
    return result


def death_of(process):
    """Return what is said once the death is seen; no poll waits for it."""
    def poll():
        try:
            timed(process.poll)
        except InferenceDied as error:
            return str(error)
        return ''

    line = wait_until(poll)
    assert '\n' not in line and str(process.pid) in line
    return line


def test_it_loads_beside_and_tells_its_facts(start):
    process = start(ready=False)
    wait_until(lambda: timed(process.poll_ready))
    assert process.facts == {'horizon': 2}
    assert process.poll() is None and not process.busy


def test_plans_come_back_with_their_number_and_time(start):
    process = start()
    for number in range(3):
        timed(lambda number=number: process.submit(request(told=number + 0.5, number=number)))
        assert process.busy
        result = process.wait()
        assert (result.number, result.tick, result.error) == (number, 7, '')
        assert result.actions.tolist() == [[number + 0.5]] * 2
        assert result.plan_s >= 0.0 and result.unfamiliarity == 0.5
        assert not process.busy and process.poll() is None


def test_what_is_to_be_joined_and_the_seed_arrive(start):
    process = start()
    process.submit(request('join', join='latent', join_steps=3, join_at=1,
                           committed=np.ones((2, 1), np.float32)))
    assert process.wait().actions[0, 0] == 6.0
    drawn = []
    for seed in (4, None, 4):
        process.submit(request('random', seed=seed))
        drawn.append(process.wait().actions[0, 0])
    assert drawn[0] == drawn[2] != drawn[1]


def test_frames_of_two_cameras_arrive_whole_each_time(start):
    process = start()
    for first, second in ((1, 2), (3, 4), (5, 6)):
        frames = (np.zeros((480, 640, 3), np.uint8), np.zeros((3, 5, 3), np.uint8))
        frames[0][0, -1, 2], frames[1][0, -1, 2] = first, second
        timed(lambda frames=frames: process.submit(request('images', images=frames)))
        assert process.wait().actions[0, 0] == first + 10 * second


def test_frames_may_lie_otherwise_in_memory(start):
    process = start()
    frame = np.zeros((5, 3, 3), np.uint8)
    frame[-1, 0, 2] = 9
    process.submit(request('images', images=(frame.transpose(1, 0, 2),)))
    assert process.wait().actions[0, 0] == 9.0


def test_pictures_without_room_are_refused_in_one_line(start, monkeypatch):
    process = start()

    made = []

    def full(file, *_):
        made.append(os.readlink(f'/proc/self/fd/{file}'))
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'posix_fallocate', full)
    with pytest.raises(InferenceDied, match=r'no room for pictures of 0\.9 MB \(No space left'):
        process.submit(request('images', images=(np.zeros((480, 640, 3), np.uint8),)))
    assert not os.path.exists(made[0])
    monkeypatch.undo()
    process.submit(request('images', images=(np.zeros((480, 640, 3), np.uint8),)))
    assert process.wait().actions[0, 0] == 0.0


def test_an_error_or_nan_of_the_network_is_an_answer(start):
    process = start()
    process.submit(request('raise'))
    assert process.wait().error == 'RuntimeError: first second'
    process.submit(request(told=np.nan))
    assert np.isnan(process.wait().actions).all()


def test_a_slow_plan_keeps_nobody_waiting(start):
    process = start()
    process.submit(request('slow', told=1.0))
    assert timed(process.poll) is None and process.busy
    result = wait_until(lambda: timed(process.poll))
    assert result.plan_s >= 1.0


def test_a_process_that_was_killed_is_told_by_the_next_call(start):
    process = start()
    os.kill(process.pid, signal.SIGKILL)
    assert 'was killed by signal 9; load the bundle again' in death_of(process)
    with pytest.raises(InferenceDied, match='killed by signal 9'):
        timed(lambda: process.submit(request()))
    with pytest.raises(InferenceDied, match='killed by signal 9'):
        timed(process.wait)


def test_a_death_is_told_to_who_asks_nothing_else(start):
    process = start()
    assert timed(lambda: process.death) == ''
    os.kill(process.pid, signal.SIGKILL)
    told = wait_until(lambda: timed(lambda: process.death))
    assert told == (f'the inference process {process.pid} was killed by signal 9; load the '
                    'bundle again')


def test_a_process_that_is_killed_while_it_plans(start):
    process = start()
    process.submit(request('slow', told=3600))
    os.kill(process.pid, signal.SIGKILL)
    assert 'killed by signal 9' in death_of(process)


def test_a_process_that_ends_while_it_plans(start):
    process = start()
    process.submit(request('exit'))
    assert 'ended with status 3' in death_of(process)


def test_a_process_that_stands_still_keeps_nobody_waiting(start):
    process = start()
    os.kill(process.pid, signal.SIGSTOP)
    frames = (np.zeros((480, 640, 3), np.uint8),)
    timed(lambda: process.submit(request('images', images=frames)))
    for _ in range(100):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait().actions[0, 0] == 0.0


def test_a_plan_that_never_comes_is_not_waited_for_for_ever(start, monkeypatch):
    process = start()
    monkeypatch.setattr(planning_process, '_PLANNING_S', 0.2)
    process.submit(request('slow', told=3600))
    with pytest.raises(InferenceDied, match=r'has made no plan within 0\.2 s; load the bundle'):
        process.wait()


@pytest.mark.parametrize('busy', [False, True])
def test_a_process_that_stands_still_is_closed(start, busy):
    process = start()
    os.kill(process.pid, signal.SIGSTOP)
    if busy:
        process.submit(request())
    timed(process.close, _CLOSED_S)


def test_a_process_that_plans_for_ever_is_closed_at_once(start):
    process = start()
    process.submit(request('slow', told=3600, images=(np.zeros((2, 2, 3), np.uint8),)))
    timed(process.close, 0.9)  # not even the moment that an idle one is given


def test_closing_twice_or_after_its_death_is_no_error(start):
    process = start()
    process.close()
    process.close()
    with pytest.raises(InferenceDied, match='ended with status 0'):
        process.poll()
    with pytest.raises(InferenceDied):
        process.submit(request())


def test_a_bundle_that_does_not_load_is_told_in_one_line(start):
    for wait in (PlanningProcess.wait_ready, lambda process: wait_until(process.poll_ready)):
        process = start(control_planners.load_that_raises, ready=False)
        with pytest.raises(InferenceDied, match=r'^ValueError: no weights in the bundle$'):
            wait(process)
        assert not process.ready


def test_waiting_for_one_that_loads_can_be_given_up(start):
    process = start(control_planners.load_that_hangs, ready=False)
    with pytest.raises(KeyError, match='enough'):
        timed(lambda: process.wait_ready(lambda: {}['enough']))


def test_a_process_that_ends_while_it_loads(start):
    process = start(control_planners.load_that_ends, ready=False)
    with pytest.raises(InferenceDied, match='ended with status 7'):
        process.wait_ready()


def test_a_process_that_loads_for_ever_can_be_closed(start):
    process = start(control_planners.load_that_hangs, ready=False)
    assert not timed(process.poll_ready)
    # It would not see within a second that it is to end.
    timed(process.close)


@pytest.mark.parametrize('wait', [
    PlanningProcess.wait_ready, lambda process: wait_until(process.poll_ready)])
def test_a_process_that_loads_for_ever_is_given_up(start, monkeypatch, wait):
    monkeypatch.setattr(planning_process, '_LOADING_S', 0.2)
    process = start(control_planners.load_that_hangs, ready=False)
    with pytest.raises(InferenceDied, match=r'the policy was not loaded within 0\.2 s'):
        wait(process)


def test_ctrl_c_does_not_end_it(start):
    process = start(ready=False)
    # From its first moment.
    os.kill(process.pid, signal.SIGINT)
    process.wait_ready()
    os.kill(process.pid, signal.SIGINT)
    process.submit(request(told=4.0))
    assert process.wait().actions[0, 0] == 4.0


def test_it_ends_with_the_one_who_started_it(start):
    """Its end of the pipe is all that holds it."""
    process = start()
    process._connection.close()
    process._process.join(_CLOSED_S)
    assert process._process.exitcode == 0
