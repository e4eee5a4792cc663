"""What a tick leaves behind, and its line."""

from dataclasses import replace
import json

from lps_ros.control.authority import Source
from lps_ros.control.chunk_schedule import ChunkStep
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision
from lps_ros.control.planning import PlanResult
from lps_ros.control.tick_record import RecordError
from lps_ros.control.tick_record import tick_record
from lps_ros.control.tick_record import TickRecord
import numpy as np
from pilot_rig import Rig
import pytest

_ACTED = Decision(
    source=Source.POLICY, command=np.zeros(2), notes=('x 2 limited to 1 by range',),
    step=ChunkStep(chunk=7, index=2, action=np.zeros(2)),
    plan=PlanResult(number=7, tick=40, actions=np.zeros((5, 2)), plan_s=0.0123456789,
                    q=np.float32(-3.5), unfamiliarity=0.25), ages_s={'joints': 0.0040000001},
    input_age_s=0.1000000001)
_TIMES = {'skipped': 3, 'late_s': 0.0002, 'collect_s': 0.001, 'decide_s': 0.002,
          'publish_s': 0.0005}


def test_a_record_tells_where_the_command_came_from_and_what_it_cost():
    record = tick_record(_ACTED, tick=42, time_ns=2_100_000_000, **_TIMES)
    assert json.loads(record.to_json()) == {
        'tick': 42, 'time_ns': 2_100_000_000, 'source': 'policy', 'shadow': False,
        'chunk': 7, 'index': 2, 'plan_s': 0.012346, 'input_age_s': 0.1, 'q': -3.5,
        'disagreement': None, 'unfamiliarity': 0.25, 'age_s': {'joints': 0.004}, 'reasons': [],
        'notes': ['x 2 limited to 1 by range'], **_TIMES}
    assert record.work_s == pytest.approx(0.0035) and not record.starved
    assert TickRecord.from_json(record.to_json()) == record


def test_what_is_no_number_is_never_in_the_line():
    plan = PlanResult(number=1, tick=1, actions=None, plan_s=np.inf, q=-np.inf)
    text = tick_record(
        replace(_ACTED, plan=plan, ages_s={'joints': np.nan, 'tool': 0.1}), tick=1, time_ns=1,
        shadow=True).to_json()
    content = json.loads(text, parse_constant=pytest.fail)
    assert content['plan_s'] is content['q'] is content['unfamiliarity'] is None
    assert content['age_s'] == {'tool': 0.1} and content['shadow'] is True


def test_a_record_of_a_stop_has_its_reasons_and_no_chunk():
    decision = Decision(source=Source.NONE, reasons=(
        Reason(subject='joints', text='observation\n"joints" is missing', stale=True),
        Reason(subject='inference', text='no action is left', disarms=True)))
    line = tick_record(decision, tick=1, time_ns=50_000_000).to_json()
    assert '\n' not in line
    record = TickRecord.from_json(line)
    assert record.reasons == decision.reasons and record.starved
    assert (record.source, record.chunk, record.plan_s) == (Source.NONE, None, None)


def test_a_long_reason_is_cut_off():
    decision = Decision(source=Source.NONE, reasons=(Reason(subject='a', text='x' * 1000),))
    assert len(tick_record(decision, tick=0, time_ns=0).to_json()) < 700


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_what_is_no_number_is_null(value):
    plan = PlanResult(number=0, tick=0, actions=None, q=value, disagreement=value,
                      unfamiliarity=value)
    decision = Decision(source=Source.POLICY, command=np.zeros(2), plan=plan)

    def refuse(constant):
        raise AssertionError(f'{constant} is no JSON')
    content = json.loads(tick_record(decision, tick=0, time_ns=0).to_json(),
                         parse_constant=refuse)
    assert content['q'] is content['disagreement'] is content['unfamiliarity'] is None


def test_what_the_pilot_decides_makes_records():
    rig = Rig(horizon=3)
    acted = tick_record(rig.tick(1), tick=1, time_ns=50_000_000)
    assert (acted.source, acted.chunk, acted.index) == (Source.POLICY, 0, 0)
    assert acted.age_s == {'force': 0.001}
    rig.authority.press_stop(True)
    stopped = TickRecord.from_json(tick_record(rig.tick(2), tick=2, time_ns=0).to_json())
    assert stopped.source == Source.NONE and stopped.chunk is None
    assert [reason.subject for reason in stopped.reasons] == ['authority']


def test_fields_of_a_later_version_are_ignored():
    record = tick_record(_ACTED, tick=1, time_ns=2)
    later = json.dumps({**json.loads(record.to_json()), 'colour': 'red'})
    assert TickRecord.from_json(later) == record


@pytest.mark.parametrize('line', [
    '', '7', '[]', '{}', '{"tick":1}', '{"tick":1,"time_ns":2,"source":"a","reasons":[]}',
    '{"tick":1,"time_ns":2,"source":"policy","reasons":[7],"notes":[]}', '[' * 100_000])
def test_another_line_is_refused(line):
    with pytest.raises(RecordError, match='expected the record of a tick'):
        TickRecord.from_json(line)
