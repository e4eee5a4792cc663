"""Whether what was published has arrived."""

from collections.abc import Iterable
import time

from rclpy.duration import Duration
from rclpy.publisher import Publisher

# Acknowledgements come within 15 ms; the executor may be kept for that long.
ACKNOWLEDGE_S = 0.02

# The longest that a subscriber may hold up a tick in lock-step: what was lost is sent again within
# 3 s, and the simulator repeats its observations every second.
HELD_UP_S = 10.0

# The longest that what comes last, and is not to be lost, holds up an end.
LAST_WORD_S = 5.0


def acknowledged(publishers: Iterable[Publisher], wait_s: float = ACKNOWLEDGE_S) -> bool:
    """
    Tell whether every reliable subscriber has all messages of these publishers.

    Waits for that, together at most so long. A publisher may overwrite what is not acknowledged,
    and then nobody can send it again when it was lost on the way.
    """
    deadline_s = time.monotonic() + wait_s
    return all(publisher.wait_for_all_acked(
        Duration(seconds=max(0.0, deadline_s - time.monotonic()))) for publisher in publishers)
