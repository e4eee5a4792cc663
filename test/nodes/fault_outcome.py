"""Causes a fault while the arm moves, measures what happens, and judges it."""

from dataclasses import dataclass
import time

from fault_cases import COMMAND_TIMEOUT_S
from fault_cases import Fault
from fault_cases import PERIOD_S
from fault_cases import Then
import numpy as np

_SURELY_AT_REST_S = 0.2
_STAYS_S = 0.3
_SAYS_S = 10.0  # of wall time; diagnostics come once a second
# Limits are compared with what was rounded on its way.
_ROUNDING = 1e-6
# When commands cease the arm freezes its targets and overshoots them; see README.
FROZEN_BRAKING_S = 0.38


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a fault; times in simulated s."""

    fault: Fault
    detection_s: float | None  # from the fault to the stop
    rest_s: float | None  # from the stop until the tool was slower than 5 mm/s, for good
    armed: bool
    text: str  # what the node said
    used: float  # of the limits, the largest share of a command
    bundle: str


def cause(rig, fault):
    """Cause a fault; return its outcome. AssertionError where it does not end as it should."""
    rig.set_off()
    relay, twists = rig.relay, rig.relay.commands['twist']
    for commands in relay.commands.values():
        commands.take_use()
    rig.begin_to_watch_for_waiting()
    rig.forget_reports()
    caused_ns = time.time_ns()
    mended = False
    try:
        fault.cause(rig)
        if fault.then == Then.GOES_ON:
            fault.until(rig)
            text = _what_it_says(rig, fault)
            assert not any(command.stops for command in twists.since(caused_ns))
            assert rig.status['armed']
            return _outcome(rig, fault, text=text)
        stop_ns = _stop_ns(rig, fault, caused_ns)
        caused, stopped = relay.time.at(caused_ns), relay.time.at(stop_ns)
        rest = _rest(rig, caused) if rig.simulator.alive() else None
        text = _what_it_says(rig, fault)
        if fault.then == Then.DISARMED:
            rig.until(lambda: not rig.status['armed'], within_s=_SAYS_S)
        armed = not rig.policy.ended and rig.status['armed']
        fault.mend(rig)
        mended = True
        if fault.then == Then.RESUMES:
            assert all(status['armed'] for status in rig.policy.statuses), text
            rig.until(lambda: rig.status['acting'] or not rig.status['armed'])
            assert rig.status['acting'], rig.status
        else:
            _stays(rig, stop_ns)
    finally:
        if not mended:
            fault.mend(rig)
    return _outcome(
        rig, fault, detection_s=(stopped - caused) * 1e-9, armed=armed, text=text,
        rest_s=None if rest is None else (rest - stopped) * 1e-9)


def judge(outcome, braking_s):
    """Assert that an arm that brakes in `braking_s` was stopped in time and within limits."""
    fault = outcome.fault
    assert outcome.used <= 1 + _ROUNDING
    assert outcome.armed == (fault.then in (Then.RESUMES, Then.GOES_ON))
    if fault.then == Then.GOES_ON:
        return
    assert outcome.detection_s <= fault.shows_s + 2 * PERIOD_S
    if outcome.rest_s is not None:
        assert outcome.rest_s <= longest_rest_s(fault, braking_s)


def longest_rest_s(fault, braking_s):
    """Return how long after a stop an arm may move that brakes in `braking_s`."""
    return 2 * PERIOD_S + (FROZEN_BRAKING_S if fault.then == Then.UNWATCHED else braking_s)


def _stop_ns(rig, fault, caused_ns):
    """Return when the arm was told to stop, or had not been told anything for too long."""
    twists = rig.relay.commands['twist']
    if fault.then == Then.UNWATCHED:
        rig.wait(_SURELY_AT_REST_S)
        last_ns = twists.all[-1].sent_ns
        timeout_ns = COMMAND_TIMEOUT_S * 1e9 / rig.relay.time.factor
        return int(last_ns + timeout_ns)
    stops = []
    rig.until(lambda: stops or stops.extend(
        command for command in twists.since(caused_ns) if command.stops), within_s=_SAYS_S)
    return stops[0].sent_ns


def _rest(rig, caused):
    """Return since when the tool is at rest, once that is sure."""
    path = rig.relay.path
    rig.until(lambda: path.newest_ns - path.at_rest_since_ns(caused) > _SURELY_AT_REST_S * 1e9)
    return path.at_rest_since_ns(caused)


def _what_it_says(rig, fault):
    if not fault.says:
        return ''
    said = []
    rig.until(lambda: said or said.extend(text for text in rig.says() if fault.says in text),
              within_s=_SAYS_S)
    return said[0]


def _stays(rig, stop_ns):
    """See that nothing moves although the fault is over."""
    begins = rig.relay.time.newest_ns
    rig.wait(_STAYS_S)
    assert rig.relay.path.at_rest_since_ns(begins) == begins
    assert all(command.stops for command in rig.relay.commands['twist'].since(stop_ns))
    assert rig.policy.ended or not rig.status['armed']


def _outcome(rig, fault, *, detection_s=None, rest_s=None, armed=True, text=''):
    used = np.max([commands.take_use() for commands in rig.relay.commands.values()])
    return Outcome(
        fault=fault, detection_s=detection_s, rest_s=rest_s, armed=armed, text=text, used=used,
        bundle=str(rig.bundle))
