"""Where the command of each tick came from, as the policy node tells it."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from typing import Any

from lps_ros.data.errors import BagError
from lps_ros.data.errors import DataError
from lps_ros.data.messages import decode
from lps_ros.data.messages import STRING
import numpy as np

# Under this name the records of a policy node lie in a recording.
TICKS_TOPIC = 'policy/tick'
# Columns of whole numbers, -1 for none, and of others, NaN for none.
WHOLE = ('chunk', 'index')
NUMBERS = ('plan_s', 'q', 'disagreement', 'unfamiliarity')
UNKNOWN, SHADOW = 'unknown', 'shadow'
_COMMANDED = ('none', 'teleop', 'policy')
# The number of each source in an episode file; a tick without record is unknown, in shadow the
# policy plans along while somebody else commands.
SOURCES = (*_COMMANDED, UNKNOWN, SHADOW)
_INT64 = 2 ** 63
# A record speaks for the commands up to the next one; after so long without, no policy runs.
_SPEAKS_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Provenance:
    """
    What is known of the T + 1 ticks of an episode.

    source: one of SOURCES each. Of the policy's ticks: chunk and index int64, -1 where there is
    none, the time plan_s that the chunk's plan took, its value q, the critics' disagreement on it
    and the unfamiliarity of its observation. age_s: of each stream's newest message. float64, NaN
    where there is none. lines: the records themselves, JSON, empty where there is none.
    """

    source: Sequence[str]
    chunk: np.ndarray
    index: np.ndarray
    plan_s: np.ndarray
    q: np.ndarray
    disagreement: np.ndarray
    unfamiliarity: np.ndarray
    age_s: Mapping[str, np.ndarray]
    lines: Sequence[bytes]

    def counts(self) -> dict[str, int]:
        """
        Return the number of ticks by source, and of `interventions`.

        With one a person takes over from the policy, even if nobody commands for a moment.
        """
        known = [source for source in self.source if source != UNKNOWN]
        commanding = [source for source in known if source in ('teleop', 'policy')]
        return {**{source: known.count(source) for source in SOURCES if source != UNKNOWN},
                'interventions': sum(each == ('policy', 'teleop')
                                     for each in zip(commanding, commanding[1:]))}


class TickRecords:
    """The records in a recording, by the time of their tick."""

    def __init__(self) -> None:
        self._by_time: dict[int, dict[str, Any]] = {}
        self.misfits = 0
        self.last_misfit = ''

    def add(self, cdr: bytes) -> None:
        """Take a serialised record; one that cannot be read is counted in `misfits`."""
        try:
            time_ns, values = _read(decode(STRING, cdr).data)
        except DataError as error:
            self.misfits += 1
            self.last_misfit = str(error)
            return
        self._by_time[time_ns] = values

    def provenance(self, ticks_ns: np.ndarray, keys: Iterable[str]) -> Provenance | None:
        """Return what is known of these ticks, None where nothing is; keys: of the streams."""
        found = [self._by_time.get(time_ns, {}) for time_ns in ticks_ns.tolist()]
        if not any(found):
            return None
        nothing: dict[str, float] = {}
        return Provenance(
            source=[values.get('source', UNKNOWN) for values in found],
            **{name: np.array([values.get(name, -1) for values in found], np.int64)
               for name in WHOLE},
            **{name: np.array([values.get(name, math.nan) for values in found], np.float64)
               for name in NUMBERS}, lines=[values.get('line', b'') for values in found],
            age_s={key: np.array([values.get('age_s', nothing).get(key, math.nan)
                                  for values in found], np.float64) for key in keys})

    def commanders(self, received_ns: np.ndarray) -> list[str | None]:
        """
        Return whose the commands are that were received at these times, None where unknown.

        Whose the last tick before was: the command of tick k is sent after t_k.
        """
        times_ns = np.array(sorted(self._by_time), np.int64)
        before = np.searchsorted(times_ns, received_ns, side='left') - 1
        known = [(int(times_ns[row]), self._by_time[int(times_ns[row])]['source'])
                 if row >= 0 else (0, UNKNOWN) for row in before]
        return [source if source in _COMMANDED and time_ns - tick_ns <= _SPEAKS_NS else None
                for time_ns, (tick_ns, source) in zip(received_ns.tolist(), known)]


def _read(text: str) -> tuple[int, dict[str, Any]]:
    """Return the time of a record's tick and what is kept of it; raises BagError."""
    try:
        content = json.loads(text)
        values = {'source': SHADOW if content.get('shadow') is True else content['source'],
                  'age_s': {key: _number(age_s) for key, age_s in content['age_s'].items()},
                  'line': text.encode()}
        if content['source'] not in _COMMANDED:
            raise ValueError(content['source'])
        for name, kind in (*((name, _whole) for name in WHOLE),
                           *((name, _number) for name in NUMBERS)):
            if content.get(name) is not None:
                values[name] = kind(content[name])
        return _whole(content['time_ns']), values
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError,
            OverflowError) as error:
        raise BagError(f'found {text[:60]!r}, expected the record of a tick '
                       f'({type(error).__name__}); check what publishes it') from error


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -1 < value < _INT64:
        raise ValueError(value)
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(value)
    return float(value)
