"""One stream of a recording: its messages as rows, with their times."""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from lps_ros.contract import Action
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.contract import row_width
from lps_ros.data.frames import encode_frame
from lps_ros.data.messages import stamp_ns
import numpy as np

# An interval this many times the usual one is a gap.
_GAP_RATIO = 2.0


@dataclass(frozen=True, kw_only=True)
class RecordedStream:
    """
    Messages of one stream in order of receipt.

    rows: float64 (n, W), or the bytes of each frame, encoded as image_format; stamp_ns is -1 for
    messages without a header; misfit_ns: when the messages came that did not fit the contract.
    """

    received_ns: np.ndarray
    stamp_ns: np.ndarray
    rows: np.ndarray | list[bytes]
    image_format: str | None = None
    misfit_ns: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def part(self, first: int, end: int, *, start_ns: int, end_ns: int) -> 'RecordedStream':
        """Return the messages first .. end - 1, and the misfits from start_ns to end_ns."""
        misfit_ns = self.misfit_ns[(self.misfit_ns >= start_ns) & (self.misfit_ns <= end_ns)]
        return replace(self, received_ns=self.received_ns[first:end], misfit_ns=misfit_ns,
                       stamp_ns=self.stamp_ns[first:end], rows=self.rows[first:end])

    def statistics(self) -> dict[str, int | float]:
        """
        Return count, rate_hz, gaps, longest_gap_s, duplicates and misfits.

        A gap is an interval over twice the median one. A duplicate repeats the stamp of the
        message before it, or the frame. A misfit is a message that does not fit the contract.
        """
        interval_ns = np.diff(self.received_ns)
        span_s = float(interval_ns.sum()) * 1e-9
        usual_ns = float(np.median(interval_ns)) if len(interval_ns) else 0.0
        return {
            'count': len(self.received_ns),
            'rate_hz': round(len(interval_ns) / span_s, 3) if span_s > 0.0 else 0.0,
            'gaps': int((interval_ns > _GAP_RATIO * usual_ns).sum()) if usual_ns > 0.0 else 0,
            'longest_gap_s': round(float(interval_ns.max(initial=0)) * 1e-9, 6),
            'duplicates': self._duplicates(),
            'misfits': len(self.misfit_ns),
        }

    def _duplicates(self) -> int:
        repeated = (np.diff(self.stamp_ns) == 0) & (self.stamp_ns[1:] > 0)
        if isinstance(self.rows, list):
            repeated |= np.array([a == b for a, b in zip(self.rows, self.rows[1:])], dtype=bool)
        return int(repeated.sum())


class StreamBuilder:
    """Collects the messages of one stream."""

    def __init__(self, spec: Observation | Action, image_format: str) -> None:
        self.spec = spec
        self._image_format = None if getattr(spec, 'image', None) is None else image_format
        self._received_ns: list[int] = []
        self._stamp_ns: list[int] = []
        self._rows: list[np.ndarray | bytes] = []
        self._misfit_ns: list[int] = []
        self.last_misfit = ''

    @property
    def count(self) -> int:
        """Return the number of messages that fit."""
        return len(self._rows)

    @property
    def misfits(self) -> int:
        """Return the number of messages that do not fit."""
        return len(self._misfit_ns)

    def add(self, received_ns: int, message: Any) -> None:
        """Add a decoded message; one that does not fit the contract is counted in `misfits`."""
        try:
            row = extract(self.spec, message)
        except MessageError as error:
            self._misfit_ns.append(received_ns)
            self.last_misfit = str(error)
            return
        self._rows.append(encode_frame(row, self._image_format) if self._image_format else row)
        self._received_ns.append(received_ns)
        self._stamp_ns.append(stamp_ns(message))

    def build(self) -> RecordedStream:
        """Return the messages sorted by time of receipt."""
        received_ns = np.array(self._received_ns, dtype=np.int64)
        order = np.argsort(received_ns, kind='stable')
        if self._image_format:
            rows = [self._rows[row] for row in order]
        else:
            rows = np.array(self._rows, dtype=np.float64).reshape(
                len(order), row_width(self.spec))[order]
        return RecordedStream(
            received_ns=received_ns[order], rows=rows, image_format=self._image_format,
            misfit_ns=np.array(self._misfit_ns, dtype=np.int64),
            stamp_ns=np.array(self._stamp_ns, dtype=np.int64)[order])
