"""Whether recorded input was fit to act on, as the policy node judges it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lps_ros.contract import Contract
from lps_ros.control.gates import ObservationGate
from lps_ros.data.episode import Stream
from lps_ros.data.frames import Frames
from lps_ros.data.sampling import observation_index
import numpy as np

# A tick is served once the clock has passed it; in lock-step the simulator's passes by this much.
SERVED_AFTER_NS = 1_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class InputHealth:
    """
    What the policy node's gate made of one stream.

    :param messages: number recorded
    :param ages_s: (T,) age of the newest message when the tick is served, NaN without one
    :param missing: ticks before the first message
    :param stale: ticks at which the newest message was older than the contract allows
    :param unfit: ticks refused for another reason, such as a non-finite value
    """

    messages: int
    ages_s: np.ndarray
    missing: int
    stale: int
    unfit: int


class InputJudge:
    """Feeds a gate with the messages of an episode in order of receipt and counts its reasons."""

    def __init__(
            self, contract: Contract, streams: Mapping[str, Stream],
            gate: ObservationGate) -> None:
        """Take the recorded streams of the contract's observations."""
        self._gate = gate
        self._streams = streams
        self._given = dict.fromkeys(streams, 0)
        self._counts = {spec.key: Counter() for spec in contract.observations}

    def advance(self, tick_ns: int) -> bool:
        """Feed what was received up to a tick; return whether the gate lets the policy act."""
        for key, stream in self._streams.items():
            end = int(np.searchsorted(stream.received_ns, tick_ns, side='right'))
            for row in range(self._given[key], end):
                stamp_ns = int(stream.stamp_ns[row])
                self._gate.accept(key, stream.data[row], received_ns=int(stream.received_ns[row]),
                                  stamp_ns=None if stamp_ns < 0 else stamp_ns,
                                  content=_picture(stream, row))
            self._given[key] = end
        reasons = self._gate.reasons(tick_ns, tick_ns + SERVED_AFTER_NS)
        for reason in reasons:
            missing = self._given[reason.subject] == 0
            kind = 'missing' if missing else 'stale' if reason.stale else 'unfit'
            self._counts[reason.subject][kind] += 1
        return not reasons

    def health(self, ticks_ns: np.ndarray) -> dict[str, InputHealth]:
        """Return what was found at all these ticks, by stream."""
        health = {}
        for key, stream in self._streams.items():
            index = observation_index(ticks_ns, stream.received_ns)
            time_ns = np.where(stream.stamp_ns >= 0, stream.stamp_ns, stream.received_ns)
            ages_ns = ticks_ns + SERVED_AFTER_NS - time_ns[index]
            ages_s = np.where(index >= 0, ages_ns * 1e-9, np.nan)
            counts = self._counts[key]
            health[key] = InputHealth(
                messages=len(stream.received_ns), ages_s=ages_s, missing=counts['missing'],
                stale=counts['stale'], unfit=counts['unfit'])
        return health


def _picture(stream: Stream, row: int) -> np.ndarray | None:
    """Return what tells a frame from others, as equal pictures are stored alike."""
    return stream.data.stored(row) if isinstance(stream.data, Frames) else None
