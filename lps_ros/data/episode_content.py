"""One episode, cut out of a recording and sampled on the control clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from lps_ros.contract import Action
from lps_ros.contract import Contract
from lps_ros.contract import Observation
from lps_ros.data.episode_mark import EpisodeMark
from lps_ros.data.errors import EpisodeError
from lps_ros.data.provenance import Provenance
from lps_ros.data.provenance import TickRecords
from lps_ros.data.recorded_stream import RecordedStream
from lps_ros.data.sampling import action_index
from lps_ros.data.sampling import observation_index
import numpy as np


@dataclass(frozen=True, kw_only=True)
class EpisodeContent:
    """What an episode file holds; ticks_ns and every index are int64 (T + 1,)."""

    contract: Contract
    mark: EpisodeMark
    ticks_ns: np.ndarray
    streams: Mapping[str, RecordedStream]
    index: Mapping[str, np.ndarray]
    records: TickRecords  # of the whole recording
    provenance: Provenance | None  # where no policy ran: none


def cut_episode(
        contract: Contract, mark: EpisodeMark,
        streams: Mapping[str, RecordedStream], records: TickRecords) -> EpisodeContent:
    """
    Return the episode between a mark's start and end.

    It begins at the first tick, from one period before the start, at which every required
    observation exists, and ends at the last tick up to the end. The action of that last tick is
    the one in force. Raises EpisodeError, without a path, where less than two ticks are left.
    """
    clock = contract.clock
    start_ns = mark.start_ns - clock.period_ns
    ticks_ns = clock.time_ns(clock.ticks(start_ns, mark.end_ns))
    for spec in (*(o for o in contract.observations if o.required), *contract.actions):
        received_ns = streams[spec.key].received_ns
        if not len(received_ns) or received_ns[0] > mark.end_ns:
            raise EpisodeError(
                f"no message of {spec.label} on topic '{spec.topic}' between start and end; "
                'check that it is published, and a command at least once')
        if isinstance(spec, Observation):
            ticks_ns = ticks_ns[ticks_ns >= received_ns[0]]
    if len(ticks_ns) < 2:
        raise EpisodeError(f'{len(ticks_ns)} control tick(s) with all observations, expected at '
                           'least 2; record for longer')
    ends_ns = np.append(ticks_ns[1:], ticks_ns[-1])
    kept: dict[str, RecordedStream] = {}
    index: dict[str, np.ndarray] = {}
    for spec in (*contract.observations, *contract.actions):
        received_ns = streams[spec.key].received_ns
        # Kept from the message in force at the first tick to the end of the episode.
        first = max(0, int(observation_index(ticks_ns[:1], received_ns)[0]))
        end = int(observation_index(np.array([mark.end_ns]), received_ns)[0]) + 1
        if end <= first:
            continue
        kept[spec.key] = streams[spec.key].part(
            first, end, start_ns=start_ns, end_ns=mark.end_ns)
        received_ns = kept[spec.key].received_ns
        index[spec.key] = (action_index(ticks_ns, ends_ns, received_ns)
                           if isinstance(spec, Action)
                           else observation_index(ticks_ns, received_ns))
    return EpisodeContent(
        contract=contract, mark=mark, ticks_ns=ticks_ns, streams=kept, index=index,
        records=records, provenance=records.provenance(
            ticks_ns, [spec.key for spec in contract.observations]))
