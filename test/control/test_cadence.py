"""Counts and complaints of the control loop."""

from dataclasses import replace

from lps_ros.control.authority import Source
from lps_ros.control.cadence import Cadence
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision
from lps_ros.control.planning import PlanResult
import numpy as np

_PLAN = PlanResult(number=0, tick=0, actions=np.zeros((5, 2)), plan_s=0.01)
_ACTED = Decision(source=Source.POLICY, plan=_PLAN, command=np.zeros(2))
_REFUSED = Decision(source=Source.NONE, reasons=(Reason(subject='joints', text='missing'),))
_STARVED = Decision(source=Source.NONE, reasons=(
    Reason(subject='inference', text='no action is left', disarms=True),))


def test_ticks_and_times_are_counted_and_a_plan_once():
    cadence = Cadence(period_s=0.05)
    for decision in (_ACTED, _ACTED, _ACTED, _REFUSED, _STARVED):
        cadence.record(decision, skipped=0, tick_s=0.002)
    assert cadence.figures() == {
        'ticks': '5', 'acted': '3', 'skipped': '0', 'limited': '0', 'chunks': '1',
        'starved': '1', 'plan_ms_p50': '10.00', 'plan_ms_p99': '10.00',
        'tick_ms_p50': '2.00', 'tick_ms_p99': '2.00'}
    assert cadence.take_complaints() == []


def test_slow_planning_skips_and_limits_are_complained_of_once():
    cadence = Cadence(period_s=0.05)
    slow = replace(_ACTED, plan=replace(_PLAN, plan_s=0.06))
    cadence.record(slow, skipped=2, tick_s=0.06)
    cadence.record(replace(slow, notes=('x 2 limited to 1 by range',)), skipped=0, tick_s=0.001)
    assert cadence.take_complaints() == [
        'planning took 60.0 ms, the control period is 50.0 ms', '2 control ticks were skipped',
        'x 2 limited to 1 by range']
    assert cadence.take_complaints() == []
    assert cadence.figures()['skipped'] == '2'
    assert cadence.figures()['limited'] == '1'


def test_reset_counts_from_zero():
    cadence = Cadence(period_s=0.05)
    cadence.record(_ACTED, skipped=3, tick_s=0.002)
    cadence.reset()
    assert cadence.figures() == dict.fromkeys(
        ('ticks', 'acted', 'skipped', 'limited', 'chunks', 'starved'), '0')
    assert cadence.take_complaints() == []
