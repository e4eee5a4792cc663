"""What a person is told of the control loop."""

from dataclasses import replace

from lps_ros.control.authority import Source
from lps_ros.control.complaints import Complaints
from lps_ros.control.pilot import Decision
from lps_ros.control.planning import PlanResult
import numpy as np

_PLAN = PlanResult(number=0, tick=0, actions=np.zeros((5, 2)), plan_s=0.01)
_ACTED = Decision(source=Source.POLICY, plan=_PLAN, command=np.zeros(2))


def test_nothing_is_said_of_a_loop_that_keeps_up():
    complaints = Complaints(period_s=0.05)
    for _ in range(3):
        complaints.record(_ACTED, skipped=0)
    complaints.record(Decision(source=Source.NONE), skipped=0)
    assert complaints.take() == []


def test_what_comes_of_no_tick_is_told_once():
    complaints = Complaints(period_s=0.05)
    for other in ('one', 'another'):
        complaints.tell('others', f'{other} commands too')
    assert complaints.take() == ['another commands too']
    assert complaints.take() == []


def test_slow_planning_skips_and_limits_are_told_once():
    complaints = Complaints(period_s=0.05)
    slow = replace(_ACTED, plan=replace(_PLAN, plan_s=0.06))
    complaints.record(slow, skipped=2)
    complaints.record(replace(slow, notes=('x 2 limited to 1 by range',)), skipped=0)
    assert complaints.take() == [
        'planning took 60.0 ms, the control period is 50.0 ms', '2 control ticks were skipped',
        'x 2 limited to 1 by range']
    # A plan lasts for several ticks and is complained of once.
    complaints.record(slow, skipped=0)
    assert complaints.take() == []
