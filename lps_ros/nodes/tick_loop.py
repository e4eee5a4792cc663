"""The control clock inside a node."""

from collections.abc import Callable
import time

from lps_ros.contract import ControlClock
from rclpy.node import Node

# The executor returns to its caller when it has handled what came; sleeping is more exact.
_SLEPT_S = 0.001


class TickLoop:
    """
    Calls `on_tick(k, time_ns, skipped)` once for every control tick that the clock has passed.

    Tick k is at `clock.time_ns(k)` on the node's clock. A tick is due once the node's clock is
    past it, so that a command sent for tick k lies in the interval (t_k, t_k+1]. When several
    ticks went by unseen, only the last is served and the others are counted as skipped.

    In lock-step the simulator waits for the tick's command: the tick that has just passed is
    served too after `start()`, and a tick is held back until `ready(time_ns)` says that its
    observations have arrived, for at most `wait_s` of wall time.

    precise: sleep through the last moment before a tick, where the clock is the wall clock.
    """

    def __init__(
            self, node: Node, clock: ControlClock, on_tick: Callable[[int, int, int], None], *,
            ready: Callable[[int], bool] | None = None, lock_step: bool = False,
            wait_s: float = 1.0, precise: bool = False) -> None:
        self._now = node.get_clock().now
        self._slept_s = _SLEPT_S if precise else 0.0
        self._clock = clock
        self._on_tick = on_tick
        self._ready = ready
        self._lock_step = lock_step
        self._wait_s = wait_s
        self._last: int | None = None
        self._running = False
        self._held_since_s: float | None = None

    @property
    def running(self) -> bool:
        """Whether ticks are being served."""
        return self._running

    def start(self) -> None:
        """Serve ticks from now on: the next one, or in lock-step the one just passed."""
        self._last = None
        self._held_since_s = None
        self._running = True

    def stop(self) -> None:
        """Serve no more ticks."""
        self._running = False

    def wait_s(self) -> float:
        """Return how long the executor may wait before `poll` is due again, in seconds."""
        if not self._running or self._lock_step:
            return 0.05
        now_ns = self._now().nanoseconds
        next_tick = self._clock.index_at_or_before(now_ns) + 1
        return max(0.0, (self._clock.time_ns(next_tick) - now_ns) * 1e-9 - self._slept_s)

    def poll(self) -> bool:
        """Serve the tick that is due, if any; return whether there was one."""
        now_ns = self._now().nanoseconds
        # A simulated clock reads zero until its first message; no tick lies before that.
        if not self._running or now_ns == 0:
            return False
        tick = self._clock.index_at_or_before(now_ns - 1)
        if self._slept_s and not self._lock_step:
            ahead_s = (self._clock.time_ns(tick + 1) + 1 - now_ns) * 1e-9
            if ahead_s < self._slept_s:
                time.sleep(ahead_s)
                # A busy machine wakes it late, perhaps when that tick is long over.
                tick = max(tick + 1, self._clock.index_at_or_before(self._now().nanoseconds - 1))
        if self._last is None:
            self._last = tick - 1 if self._lock_step else tick
        if tick < self._last:
            # The clock jumped back: begin again from where it is now. A simulator that has begun
            # anew waits for the command of this very tick.
            self._last = tick - 1 if self._lock_step else tick
        if tick == self._last or self._held_back(tick):
            return False
        skipped = tick - self._last - 1
        self._last = tick
        self._held_since_s = None
        self._on_tick(tick, self._clock.time_ns(tick), skipped)
        return True

    def _held_back(self, tick: int) -> bool:
        if not self._lock_step or self._ready is None or self._ready(self._clock.time_ns(tick)):
            return False
        now_s = time.monotonic()
        if self._held_since_s is None:
            self._held_since_s = now_s
        return now_s - self._held_since_s < self._wait_s
