"""Counts and complaints of the control loop."""

from lps_ros.control.cadence import Cadence
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision

_ACTED = Decision(messages=())
_PLANNED = Decision(messages=(), plan_s=0.01)
_REFUSED = Decision(messages=(), reasons=(Reason(subject='joints', text='missing'),))


def test_ticks_and_times_are_counted():
    cadence = Cadence(period_s=0.05)
    for decision in (_PLANNED, _ACTED, _ACTED, _REFUSED):
        cadence.record(decision, skipped=0, tick_s=0.002)
    assert cadence.figures() == {
        'ticks': '4', 'acted': '3', 'skipped': '0', 'limited': '0', 'chunks': '1',
        'plan_ms_p50': '10.00', 'plan_ms_p99': '10.00',
        'tick_ms_p50': '2.00', 'tick_ms_p99': '2.00'}
    assert cadence.take_complaints() == []


def test_slow_planning_skips_and_limits_are_complained_of_once():
    cadence = Cadence(period_s=0.05)
    cadence.record(Decision(messages=(), plan_s=0.06), skipped=2, tick_s=0.06)
    cadence.record(Decision(messages=(), notes=('x 2 limited to 1 by range',)), skipped=0,
                   tick_s=0.001)
    assert cadence.take_complaints() == [
        'planning took 60.0 ms, the control period is 50.0 ms', '2 control ticks were skipped',
        'x 2 limited to 1 by range']
    assert cadence.take_complaints() == []
    assert cadence.figures()['skipped'] == '2'
    assert cadence.figures()['limited'] == '1'


def test_reset_counts_from_zero():
    cadence = Cadence(period_s=0.05)
    cadence.record(_PLANNED, skipped=3, tick_s=0.002)
    cadence.reset()
    assert cadence.figures() == dict.fromkeys(
        ('ticks', 'acted', 'skipped', 'limited', 'chunks'), '0')
    assert cadence.take_complaints() == []
