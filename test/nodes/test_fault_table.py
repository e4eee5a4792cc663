"""
What the policy node does about faults, caused one by one while it moves the simulated arm.

The arm is commanded by twists, by joint trajectories of whole chunks, and by such of one point at
a time. Of the last, where the engine only falls silent, one fault is caused for each way by which
that comes about: between two ticks (the dead-man switch), at a tick (NaN from a sensor), by a
clock that tells nothing (it stops), for want of a plan (inference hangs), and with nobody left
(`kill -9`). `LPS_FAULT_TABLE=docs/safety.md` causes them all and writes the tables of that file.
"""

from collections import defaultdict
import os
from pathlib import Path

from fault_cases import E_STOP
from fault_cases import faults
from fault_outcome import cause
from fault_outcome import judge
from fault_rig import FaultRig
from fault_tables import write_tables
from fault_ways import WAYS
import pytest

# The first test of each way waits for two policies and a simulator to start.
pytestmark = [pytest.mark.timing, pytest.mark.timeout(300)]
# A machine where processes wait longer for a processor stops clocks and delays streams itself.
_BUSY = 0.05
_TRIES = 5
_FILE = os.environ.get('LPS_FAULT_TABLE')


@pytest.fixture(scope='module')
def tables():
    """Keep what came of each fault by way of commanding and, where asked for, write it down."""
    kept = defaultdict(list)
    yield kept
    if _FILE:
        write_tables(Path(_FILE), kept)


@pytest.fixture(scope='class')
def rig(request, tmp_path_factory, ros_module_domain):
    arm = FaultRig(tmp_path_factory.mktemp('faults'), ros_module_domain, WAYS[request.cls.way])
    yield arm
    logs = [policy.log() for policy in arm.policies]
    arm.close()
    assert not any('Traceback' in log for log in logs)


@pytest.fixture(scope='class')
def braking_s(rig, tables):
    """Return how long the arm takes to brake: the longest of three e-stops."""
    stops = [_try(rig, E_STOP, lambda outcome: None) for _ in range(3)]
    slowest = max(stops, key=lambda outcome: outcome.rest_s)
    for stop in stops:
        judge(stop, slowest.rest_s)
    tables[rig.way.name].append(slowest)
    return slowest.rest_s


class _OneWay:
    def test_the_arm_is_stopped_in_time_and_within_limits(self, rig, braking_s, tables, fault):
        tables[self.way].append(_try(rig, fault, lambda outcome: judge(outcome, braking_s)))


def _each(faults):
    return pytest.mark.parametrize('fault', faults, ids=lambda fault: fault.name)


@_each(faults('twist'))
class TestTwists(_OneWay):
    """The arm is commanded by tool velocities."""

    way = 'twist'


@_each(faults('chunk'))
class TestChunks(_OneWay):
    """The arm is commanded by joint trajectories of all that is planned."""

    way = 'chunk'


@_each(faults('point', in_short=not _FILE))
class TestPoints(_OneWay):
    """The arm is commanded by joint trajectories of one point."""

    way = 'point'


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
