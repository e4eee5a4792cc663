"""Whether frames of a camera are lost on their way, from the stamps of those that arrive."""

from collections import deque

from lps_ros.fast_dds import image_profile
from lps_ros.fast_dds import PROFILE_VARIABLES
import numpy as np

_MOST_FRAMES = 300
_WINDOW_NS = 10_000_000_000
_FEWEST_GAPS = 12
# A camera that stands still for this long has paused; what was before says nothing of now.
_ANEW_NS = 2_000_000_000
_PAUSE_NS = 500_000_000
_PAUSE_GAPS = 10
# So many equal gaps in a row come from a slower rate: chance would hardly lose so evenly.
_EVEN_RUN = 8
# Gaps further than this from whole intervals, on average, are not those of a steady camera.
_UNEVEN = 0.2
# Stamps and receipt advance at one pace, unless a recording is played slower or faster.
_PACES = (0.8, 1.25)
_LOSS_WORTH_SAYING = 0.05
_LOSING_GAPS = 5
_PERIODS = (1, 2, 3, 4)
# Shares of the gaps that are no longer than the usual one, by how much is lost.
_STARTS = (0.5, 0.2, 0.05)
# Smaller messages fit into one datagram, and many of them into any buffer.
_LARGE_BYTES = 65_000


class StreamLoss:
    """
    Estimates the share of a camera's frames that do not arrive, over the last 10 s at most.

    A camera stamps at even intervals; where frames are lost, gaps are whole multiples of the
    interval, in no order. A camera that slows down or pauses, a throttled topic and a recording
    at another speed show other patterns and count as no loss, and so do frames that are lost
    evenly, every second one say: those cannot be told from a slower camera.

    :param name: of the stream, for the complaint
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._frames: deque[tuple[int, int]] = deque(maxlen=_MOST_FRAMES)
        self._size_bytes = 0

    def see(self, stamp_ns: int, received_ns: int, size_bytes: int) -> None:
        """
        Take a message: when it was stamped, when it arrived and its size.

        Any clocks will do, as long as each is the same for all messages. A clock that goes back,
        or jumps ahead by more than 2 s, begins a new estimate; a stamp seen twice is left out.
        """
        if self._frames:
            gap_ns = stamp_ns - self._frames[-1][0]
            if gap_ns == 0:
                return
            if not 0 < gap_ns <= _ANEW_NS or received_ns < self._frames[-1][1]:
                self._frames.clear()
        self._size_bytes = size_bytes
        self._frames.append((stamp_ns, received_ns))
        while self._frames[-1][1] - self._frames[0][1] > _WINDOW_NS:
            self._frames.popleft()

    def loss(self) -> float | None:
        """Return the share of frames lost, 0 to 1; None where it cannot be told."""
        intervals = self._intervals()
        return None if intervals is None else _share(intervals)

    def complaint(self) -> str | None:
        """Return a line for the user where frames seem to be lost in transport, else None."""
        intervals = self._intervals()
        if intervals is None or self._size_bytes < _LARGE_BYTES:
            return None
        loss = _share(intervals)
        if (loss < _LOSS_WORTH_SAYING or (intervals > 1).sum() < _LOSING_GAPS
                or _periodic(intervals)):
            return None
        arriving_hz = (len(self._frames) - 1) * 1e9 / (self._frames[-1][0] - self._frames[0][0])
        variables = ' '.join(f'{name}={image_profile()}' for name in PROFILE_VARIABLES)
        sent_hz = arriving_hz / (1 - loss)
        return (f'{self._name} loses {100 * loss:.0f} % of its frames ({arriving_hz:.0f} of '
                f'{sent_hz:.0f} Hz arrive), expected none; where Fast DDS carries them, start the '
                f"camera's node with {variables}; if it runs on another computer, raise "
                'net.core.rmem_max to 4194304 on this one')

    def _intervals(self) -> np.ndarray | None:
        """Return (G,) how many intervals of the camera each gap spans, None if not known."""
        if len(self._frames) <= _FEWEST_GAPS:
            return None
        times_ns = np.array(self._frames, np.int64)
        gaps_ns, received_ns = np.diff(times_ns, axis=0).T.astype(float)
        if not _PACES[0] * received_ns.sum() < gaps_ns.sum() < _PACES[1] * received_ns.sum():
            return None
        pauses = gaps_ns > max(_PAUSE_NS, _PAUSE_GAPS * np.median(gaps_ns))
        interval_ns = _interval(gaps_ns[~pauses])
        if not interval_ns:
            return None
        parts = gaps_ns / interval_ns
        even = _even(gaps_ns)
        intervals = np.rint(parts)
        intervals[pauses | even & (intervals > 1)] = 1
        judged = ~(pauses | even)
        if judged.any() and np.abs(parts - intervals)[judged].mean() > _UNEVEN:
            return None
        return intervals


def _interval(gaps: np.ndarray) -> float:
    """Return the length of which gaps are multiples: the usual one without loss; 0: not known."""
    best, least = 0.0, np.inf
    for start in np.quantile(gaps, _STARTS):
        length = start
        for _ in range(4):
            near = gaps[np.abs(gaps / length - 1) <= 0.5]
            # Half-way between two kinds of gaps there may be none.
            length = np.median(near) if len(near) else np.nan
        parts = gaps / length
        off = np.abs(parts - np.rint(parts)).mean()
        # Any gap is nearly a multiple of something short enough.
        if off < 0.75 * least:
            best, least = length, off
    return best


def _share(intervals: np.ndarray) -> float:
    return float(max(1 - len(intervals) / intervals.sum(), 0.0))


def _even(gaps: np.ndarray) -> np.ndarray:
    """Return (G,) whether a gap is one of many of equal length in a row."""
    change = np.abs(np.diff(gaps)) > 0.25 * np.minimum(gaps[1:], gaps[:-1])
    run = np.concatenate([[0], np.cumsum(change)])
    return np.bincount(run)[run] >= _EVEN_RUN


def _periodic(intervals: np.ndarray) -> bool:
    """Return whether frames are missing in a fixed pattern, as where something leaves them out."""
    for period in _PERIODS:
        first, then = intervals[:-period], intervals[period:]
        if (first == then)[first > 1].mean() > 0.9:
            return True
    return False
