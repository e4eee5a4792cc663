"""Causes a fault while the arm moves, measures what happens, and judges it."""

from dataclasses import dataclass
import time

from fault_cases import Fault
from fault_cases import PERIOD_S
from fault_cases import Then
from fault_ways import SERVO_OVERSHOOT

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
    sent: bool  # whether a stop was sent, else the arm came to the end of its last command
    armed: bool
    text: str  # what the node said
    used: dict[str, float]  # of each limit, the largest share of a command
    overspeed: float  # the largest share of its velocity limit that a joint reached
    bundle: str


def cause(rig, fault):
    """Cause a fault; return its outcome. AssertionError where it does not end as it should."""
    rig.set_off()
    relay, arm, way = rig.relay, rig.relay.arm, rig.way
    rig.begin_to_watch_for_waiting()
    rig.forget_reports()
    caused_ns = time.time_ns()
    mended = False
    try:
        fault.cause(rig)
        if fault.then == Then.GOES_ON:
            fault.until(rig)
            text = _what_it_says(rig, fault)
            assert not way.interrupted(arm, caused_ns)
            assert rig.status['armed']
            return _outcome(rig, fault, text=text)
        stop = _stop(rig, fault, caused_ns)
        caused = relay.time.at(caused_ns)
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
            _stays(rig, stop)
    finally:
        if not mended:
            fault.mend(rig)
    return _outcome(
        rig, fault, detection_s=(stop.at_ns - caused) * 1e-9, sent=stop.sent, armed=armed,
        text=text, rest_s=None if rest is None else (rest - stop.at_ns) * 1e-9)


def judge(outcome, braking_s):
    """Assert that an arm that brakes in `braking_s` was stopped in time and within limits."""
    fault = outcome.fault
    for limit, used in outcome.used.items():
        assert used <= 1 + _ROUNDING or limit in fault.exceeds, outcome.used
    assert outcome.overspeed <= 1 + SERVO_OVERSHOOT or 'speed' in fault.exceeds
    assert outcome.armed == (fault.then in (Then.RESUMES, Then.GOES_ON))
    if fault.then == Then.GOES_ON:
        return
    assert outcome.detection_s <= fault.stops_within_s
    if outcome.rest_s is not None:
        assert outcome.rest_s <= longest_rest_s(fault, braking_s)


def longest_rest_s(fault, braking_s):
    """Return how long after a stop an arm may move that brakes in `braking_s`."""
    return 2 * PERIOD_S + (FROZEN_BRAKING_S if fault.then == Then.UNWATCHED else braking_s)


def _stop(rig, fault, caused_ns):
    """Return how the arm was told to stop, or had not been told anything for too long."""
    if fault.then == Then.UNWATCHED:
        rig.wait(_SURELY_AT_REST_S)
        return rig.way.unwatched(rig.relay.arm, rig.relay.time)
    stops = []

    def stopped():
        stops[:] = filter(None, [rig.way.stop(rig.relay.arm, caused_ns, rig.relay.time)])
        return stops

    rig.until(stopped, within_s=_SAYS_S)
    return stops[0]


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


def _stays(rig, stop):
    """See that nothing moves although the fault is over."""
    begins = rig.relay.time.newest_ns
    rig.wait(_STAYS_S)
    assert rig.relay.path.at_rest_since_ns(begins) == begins
    assert not rig.way.moved(rig.relay.arm, stop)
    assert rig.policy.ended or not rig.status['armed']


def _outcome(rig, fault, *, detection_s=None, rest_s=None, sent=False, armed=True, text=''):
    relay = rig.relay
    uses = [channel.take_use() for channel in relay.channels]
    return Outcome(
        fault=fault, detection_s=detection_s, rest_s=rest_s, sent=sent, armed=armed, text=text,
        used={limit: max(use.get(limit, 0.0) for use in uses) for use in uses for limit in use},
        overspeed=rig.way.overspeed(relay.arm, relay.joints.take_fastest()),
        bundle=str(rig.bundle))
