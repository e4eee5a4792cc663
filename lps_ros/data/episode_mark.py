"""Where episodes begin and end in a recording, from the recorder's events."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import json
from typing import Any

from lps_ros.data.errors import BagError

OUTCOMES = ('success', 'failure')


@dataclass(frozen=True, kw_only=True)
class Event:
    """What the recorder or its user marked at a time."""

    name: str
    time_ns: int
    details: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str, time_ns: int) -> 'Event':
        """Read the JSON of an event message; raises BagError."""
        try:
            details = json.loads(text)
            return cls(name=details.pop('event'), time_ns=time_ns, details=details)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise BagError(f'found an event {text[:60]!r}, expected JSON such as '
                           '{"event": "start"}; check what publishes it') from error


@dataclass(frozen=True, kw_only=True)
class EpisodeMark:
    """One episode within a recording."""

    start_ns: int
    end_ns: int
    outcome: str
    ended_by: str  # 'operator', or 'end of recording' where nobody marked the end
    events: tuple[Event, ...] = ()
    drops: Mapping[str, int] = field(default_factory=dict)  # messages lost, by topic

    @property
    def details(self) -> Mapping[str, Any]:
        """What the start event carried."""
        return self.events[0].details if self.events else {}


def episode_marks(
        events: Iterable[Event], outcome: str | None, first_ns: int,
        last_ns: int) -> list[EpisodeMark]:
    """
    Return the episodes that were saved, in order of time.

    An episode without an end takes `outcome` and ends with the recording, at last_ns, or is left
    out where outcome is None; so does the whole recording where it holds no start at all.
    """
    marks: list[EpisodeMark] = []
    current: list[Event] = []
    started = False
    for event in sorted(events, key=lambda event: event.time_ns):
        if event.name == 'start':
            started = True
            current = [event]
        elif event.name == 'statistics' and marks and not current:
            marks[-1] = replace(marks[-1], drops=event.details.get('drops', {}))
        elif current:
            current.append(event)
            if event.name in OUTCOMES:
                marks.append(EpisodeMark(
                    start_ns=current[0].time_ns, end_ns=event.time_ns, outcome=event.name,
                    ended_by='operator', events=tuple(current)))
            if event.name in (*OUTCOMES, 'discard'):
                current = []
    if outcome is not None and (current or not started):
        marks.append(EpisodeMark(
            start_ns=current[0].time_ns if current else first_ns, end_ns=last_ns,
            outcome=outcome, ended_by='end of recording', events=tuple(current)))
    return marks
