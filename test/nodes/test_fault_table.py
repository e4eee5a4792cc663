"""
What the policy node does about faults, caused one by one while it moves the simulated arm.

`LPS_FAULT_TABLE=docs/safety.md` writes the table of that file anew.
"""

import os
from pathlib import Path

from fault_cases import E_STOP
from fault_cases import FAULTS
from fault_cases import PERIOD_S
from fault_cases import Then
from fault_outcome import cause
from fault_outcome import judge
from fault_outcome import longest_rest_s
from fault_rig import FaultRig
import pytest

# The first test waits for two policies and a simulator to start.
pytestmark = [pytest.mark.timing, pytest.mark.timeout(300)]
# A machine where processes wait longer for a processor stops clocks and delays streams itself.
_BUSY = 0.05
_TRIES = 5
_BEGIN, _END = '<!-- fault table -->', '<!-- end -->'


@pytest.fixture(scope='module')
def outcomes():
    """Keep what came of each fault and, where asked for, write it down."""
    kept = []
    yield kept
    if file := os.environ.get('LPS_FAULT_TABLE'):
        _write(Path(file), kept)


@pytest.fixture(scope='module')
def rig(tmp_path_factory, ros_module_domain):
    arm = FaultRig(tmp_path_factory.mktemp('faults'), ros_module_domain)
    yield arm
    logs = [policy.log() for policy in arm.policies]
    arm.close()
    assert not any('Traceback' in log for log in logs)


@pytest.fixture(scope='module')
def braking_s(rig, outcomes):
    """Return how long the arm takes to brake: the longest of three e-stops."""
    stops = [_try(rig, E_STOP, lambda outcome: None) for _ in range(3)]
    slowest = max(stops, key=lambda outcome: outcome.rest_s)
    judge(slowest, slowest.rest_s)
    outcomes.append(slowest)
    return slowest.rest_s


@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.name)
def test_the_arm_is_stopped_in_time_and_within_limits(rig, braking_s, outcomes, fault):
    outcomes.append(_try(rig, fault, lambda outcome: judge(outcome, braking_s)))


def _try(rig, fault, judged):
    """Return the outcome of a fault; where the machine was too busy to tell, try again."""
    for left in reversed(range(_TRIES)):
        try:
            outcome = cause(rig, fault)
            judged(outcome)
            return outcome
        except AssertionError:
            waiting = rig.waiting()
            if not left or waiting < _BUSY or rig.policy.ended:
                raise
            print(f'{fault.name}: once more, {100 * waiting:.0f} % of the time a process waited;',
                  *rig.policy.log().splitlines()[-3:])


def _write(file, outcomes):
    rows = ['| fault | the arm | stop sent after | at rest after that | armed then | it said |',
            '|---|---|---|---|---|---|']
    for each in outcomes:
        ends = each.fault.then in (Then.ENDS, Then.UNWATCHED)
        armed = 'ended' if ends else 'yes' if each.armed else 'no'
        sent = _of(each.detection_s, each.fault.shows_s + 2 * PERIOD_S)
        rest = _of(each.rest_s, longest_rest_s(each.fault, outcomes[0].rest_s))
        # Of several complaints, from the one that is looked for.
        begins = 1 + each.text.rfind(';', 0, each.text.find(each.fault.says))
        said = each.text[begins:].strip().replace(each.bundle, 'BUNDLE')
        rows.append(f'| {each.fault.name} | {each.fault.then.value} | {sent} | {rest} '
                    f'| {armed} | {said} |')
    text = file.read_text(encoding='utf-8')
    before, rest = text.split(_BEGIN)
    table = '\n'.join(rows)
    file.write_text(f'{before}{_BEGIN}\n{table}\n{_END}{rest.split(_END)[1]}', encoding='utf-8')


def _of(time_s, limit_s):
    return '' if time_s is None else f'{1e3 * time_s:.0f} of {1e3 * limit_s:.0f} ms'
