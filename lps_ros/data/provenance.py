"""Where the command of each tick came from, as the policy node tells it."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from typing import Any

from lps_ros.data.errors import BagError
import numpy as np

# Under this name the records of a policy node lie in a recording.
TICKS_TOPIC = 'policy/tick'
UNKNOWN = 'unknown'
# The number of each source in an episode file; a tick without record is unknown.
SOURCES = ('none', 'teleop', 'policy', UNKNOWN)
_INT64 = 2 ** 63


@dataclass(frozen=True, kw_only=True, eq=False)
class Provenance:
    """
    What is known of the T + 1 ticks of an episode.

    source: one of SOURCES each. Of the policy's ticks: chunk and index int64, -1 where there is
    none, the time plan_s that the chunk's plan took and the unfamiliarity of its observation.
    age_s: of each stream's newest message. float64, NaN where there is none.
    """

    source: Sequence[str]
    chunk: np.ndarray
    index: np.ndarray
    plan_s: np.ndarray
    unfamiliarity: np.ndarray
    age_s: Mapping[str, np.ndarray]

    def counts(self) -> dict[str, int]:
        """Return the number of ticks by source, and `interventions`, of a person."""
        known = [source for source in self.source if source != UNKNOWN]
        begun = sum(now == 'teleop' and before != 'teleop'
                    for before, now in zip(['', *known], known))
        return {**{source: known.count(source) for source in SOURCES if source != UNKNOWN},
                'interventions': begun}


class TickRecords:
    """The records in a recording, by the time of their tick."""

    def __init__(self) -> None:
        self._by_time: dict[int, dict[str, Any]] = {}
        self.misfits = 0
        self.last_misfit = ''

    def add(self, text: str) -> None:
        """Take a record; one that cannot be read is counted in `misfits`."""
        try:
            time_ns, values = _read(text)
        except BagError as error:
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
               for name in ('chunk', 'index')},
            **{name: np.array([values.get(name, math.nan) for values in found], np.float64)
               for name in ('plan_s', 'unfamiliarity')},
            age_s={key: np.array([values.get('age_s', nothing).get(key, math.nan)
                                  for values in found], np.float64) for key in keys})


def _read(text: str) -> tuple[int, dict[str, Any]]:
    """Return the time of a record's tick and what is kept of it; raises BagError."""
    try:
        content = json.loads(text)
        values = {'source': content['source'],
                  'age_s': {key: _number(age_s) for key, age_s in content['age_s'].items()}}
        if content['source'] not in SOURCES[:-1]:
            raise ValueError(content['source'])
        for name, kind in (('chunk', _whole), ('index', _whole), ('plan_s', _number),
                           ('unfamiliarity', _number)):
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
