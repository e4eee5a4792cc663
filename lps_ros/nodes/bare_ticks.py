"""A loop that does nothing at its ticks: how exact a thread's sleep and an rclpy timer are."""

import array
from pathlib import Path
import sys
import time


def thread_ticks(rate_hz: float, seconds: float) -> list[int]:
    """Return how late in ns a thread woke up that slept until each absolute tick."""
    period_ns, late_ns = round(1e9 / rate_hz), []
    due_ns = time.monotonic_ns() + period_ns
    for _ in range(round(seconds * rate_hz)):
        time.sleep(max(0, due_ns - time.monotonic_ns()) * 1e-9)
        late_ns.append(time.monotonic_ns() - due_ns)
        due_ns += period_ns
    return late_ns


def timer_ticks(rate_hz: float, seconds: float) -> list[int]:
    """Return how late in ns an rclpy timer was called; it skips the ticks that it misses."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    rclpy.init()
    node = rclpy.create_node('bare_timer')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    period_ns, late_ns = round(1e9 / rate_hz), []
    first_ns = time.monotonic_ns() + period_ns

    def called() -> None:
        after_ns = time.monotonic_ns() - first_ns
        # The timer was made a moment after its time was read.
        late_ns.append((after_ns + period_ns // 10) % period_ns - period_ns // 10)

    node.create_timer(1 / rate_hz, called)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return late_ns


def main() -> int:
    """Take kind, rate in Hz, seconds and the file that gets the int64 ns."""
    kind, rate_hz, seconds, path = sys.argv[1:]
    ticks = {'thread': thread_ticks, 'timer': timer_ticks}[kind]
    late_ns = ticks(float(rate_hz), float(seconds))
    Path(path).write_bytes(array.array('q', late_ns).tobytes())
    return 0


if __name__ == '__main__':
    sys.exit(main())
