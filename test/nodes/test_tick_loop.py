"""The control clock inside a node: every tick once, none before its time."""

from types import SimpleNamespace

from lps_ros.contract import ControlClock
from lps_ros.nodes.tick_loop import TickLoop
import pytest

MS = 1_000_000


class FakeNode:
    """A node whose clock is set by the test."""

    def __init__(self) -> None:
        self.now_ns = 0

    def get_clock(self) -> SimpleNamespace:
        """Return the clock."""
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=self.now_ns))


def make(**options) -> tuple[FakeNode, TickLoop, list]:
    """Return a node, its loop at 20 Hz, and the ticks served so far."""
    node, served = FakeNode(), []
    loop = TickLoop(node, ControlClock(20.0), lambda *tick: served.append(tick), **options)
    return node, loop, served


def test_serves_a_tick_only_after_its_time() -> None:
    node, loop, served = make()
    node.now_ns = 1010 * MS
    loop.start()
    loop.poll()
    node.now_ns = 1050 * MS
    loop.poll()
    assert served == []
    node.now_ns += 1
    loop.poll()
    loop.poll()
    assert served == [(21, 1050 * MS, 0)]


def test_counts_skipped_ticks_and_serves_the_last() -> None:
    node, loop, served = make()
    node.now_ns = 1010 * MS
    loop.start()
    loop.poll()
    node.now_ns = 1210 * MS
    loop.poll()
    assert served == [(24, 1200 * MS, 3)]


@pytest.mark.parametrize(('slept_ms', 'tick', 'skipped'), [
    (0.4, 21, 0), (0.6, 21, 0), (49, 21, 0), (288, 26, 5)])
def test_a_tick_that_was_slept_through_is_skipped(
        monkeypatch: pytest.MonkeyPatch, slept_ms: float, tick: int, skipped: int) -> None:
    node, loop, served = make(precise=True)
    node.now_ns = 1010 * MS
    loop.start()
    loop.poll()
    node.now_ns = round(1049.5 * MS)

    def sleep(_: float) -> None:
        node.now_ns += round(slept_ms * MS)

    monkeypatch.setattr('time.sleep', sleep)
    assert loop.poll()
    assert not loop.poll()
    assert served == [(tick, 50 * tick * MS, skipped)]


def test_lock_step_serves_the_tick_that_waits() -> None:
    node, loop, served = make(lock_step=True, ready=lambda time_ns: True)
    node.now_ns = 1051 * MS
    loop.start()
    loop.poll()
    loop.poll()
    assert served == [(21, 1050 * MS, 0)]


def test_lock_step_waits_for_observations_but_not_for_ever() -> None:
    ready = []
    node, loop, served = make(lock_step=True, ready=lambda time_ns: bool(ready), wait_s=60.0)
    node.now_ns = 1051 * MS
    loop.start()
    loop.poll()
    assert served == []
    ready.append(True)
    loop.poll()
    assert len(served) == 1
    node, loop, served = make(lock_step=True, ready=lambda time_ns: False, wait_s=0.0)
    node.now_ns = 1051 * MS
    loop.start()
    loop.poll()
    assert len(served) == 1


def test_a_clock_that_jumps_back_begins_again() -> None:
    node, loop, served = make()
    node.now_ns = 5_010 * MS
    loop.start()
    loop.poll()
    node.now_ns = 1_010 * MS
    loop.poll()
    node.now_ns = 1_051 * MS
    loop.poll()
    assert served == [(21, 1050 * MS, 0)]


def test_lock_step_serves_the_tick_that_waits_after_a_clock_that_jumped_back() -> None:
    node, loop, served = make(lock_step=True, ready=lambda time_ns: True)
    node.now_ns = 5_001 * MS
    loop.start()
    loop.poll()
    node.now_ns = 1_001 * MS
    loop.poll()
    loop.poll()
    assert served == [(100, 5000 * MS, 0), (20, 1000 * MS, 0)]


def test_nothing_before_the_first_clock_or_after_stop() -> None:
    node, loop, served = make(lock_step=True, ready=lambda time_ns: True)
    loop.start()
    loop.poll()
    assert served == []
    node.now_ns = 1_001 * MS
    loop.stop()
    loop.poll()
    assert served == []


def test_waits_until_the_next_tick() -> None:
    node, loop, _ = make()
    node.now_ns = 1_040 * MS
    loop.start()
    assert abs(loop.wait_s() - 0.01) < 1e-6
