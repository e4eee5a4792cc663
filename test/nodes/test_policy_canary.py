"""What a reload asks of the other bundle before it takes over. No process, no ROS graph."""

from types import SimpleNamespace

from lps_ros.contract import load_contract
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
from lps_ros.nodes import policy_reload
from lps_ros.nodes.policy_bundle import BundleFacts
from lps_ros.nodes.policy_reload import Reload
import numpy as np
from policy_harness import CONTRACT
import pytest

_FACTS = BundleFacts(name='other', contract=load_contract(CONTRACT), horizon=5,
                     steering=Steering(mode='prior'), deployment=())


class _Rig:
    """Another bundle's process and a pilot, both as a test wants them."""

    def __init__(self, monkeypatch):
        self.now_s, self.seed, self.seeds, self.kept = 0.0, 3, [], []
        monkeypatch.setattr(policy_reload, 'time', SimpleNamespace(monotonic=lambda: self.now_s))
        self.process = SimpleNamespace(
            facts=_FACTS, busy=False, death='', poll_ready=lambda: True, poll=self._poll,
            submit=self._submit, close=lambda: None)
        self.pilot = SimpleNamespace(
            judge=lambda *_: [], swap=self._swap,
            schedule=SimpleNamespace(ahead=lambda _: np.empty((0, 0))),
            planner=SimpleNamespace(
                tick_of_observation=lambda now_ns: now_ns, longest_plan_s=0.1,
                keep=lambda: self.kept.append(self.reload.done),
                request=lambda tick, *_, seed: SimpleNamespace(tick=tick, seed=seed),
                inference=SimpleNamespace(close=lambda: None)))
        self.swaps = True
        self.reload = Reload('other', lambda: self.process, _FACTS, lambda own: own,
                             lambda: self.seed)

    def plan(self, took_s, count=1, *, every_s=0.05):
        """Let plans come that took so long."""
        for _ in range(count):
            self._result = None
            self.reload.poll(self.pilot, round(self.now_s * 1e9))
            self.now_s += every_s
            self._result = PlanResult(
                number=0, tick=0, actions=np.zeros((5, 5)), plan_s=took_s)
            self.reload.poll(self.pilot, round(self.now_s * 1e9))
        return self.reload.progress

    def _submit(self, request):
        self.seeds.append(request.seed)

    def _poll(self):
        result, self._result = self._result, None
        return result

    def _swap(self, process, seed, took_s):
        if self.swaps:
            self.seeds.append(seed)
            self.took_s = took_s
        return self.swaps


@pytest.fixture
def rig(monkeypatch):
    return _Rig(monkeypatch)


def test_one_plan_may_be_late_but_not_most_of_them(rig):
    assert '9 of 10 plans' in rig.plan(0.09, 8) + rig.plan(0.19)
    assert 'other has taken over: plans of at most 190.0 ms' in rig.plan(0.09)
    assert rig.took_s == [0.09] * 8 + [0.19, 0.09]


@pytest.mark.parametrize(('took_s', 'count', 'words'), [
    (0.11, 10, 'plans take 0.110 s, expected at most 0.100 s, half a chunk'),
    (0.21, 1, 'a plan took 0.210 s, expected at most 0.200 s')])
def test_plans_that_a_chunk_does_not_last_for_are_refused(rig, took_s, count, words):
    assert f'other refused: {words}; use fewer candidates' in rig.plan(took_s, count)
    assert rig.reload.done and rig.reload.facts is None


def test_slow_plans_have_time_as_long_as_they_come(rig):
    assert 'has taken over' in rig.plan(0.09, 10, every_s=1.5)


def test_plans_that_come_no_more_are_not_waited_for(rig):
    assert '3 of 10 plans' in rig.plan(0.09, 3)
    rig.now_s += 10.1
    rig.reload.poll(rig.pilot, round(rig.now_s * 1e9))
    assert 'other refused: 3 of 10 plans on live observations, none in the last 10 s' in (
        rig.reload.progress)


def test_a_process_that_dies_while_it_waits_for_its_turn_is_refused(rig):
    rig.swaps = False
    assert '10 of 10 plans' in rig.plan(0.01, 10)
    rig.process.death, rig.swaps = 'the inference process 7 was killed by signal 9', True
    rig.reload.poll(rig.pilot, round(rig.now_s * 1e9))
    assert 'other refused: the inference process 7 was killed' in rig.reload.progress
    assert rig.kept


def test_latents_are_drawn_from_the_seed_as_it_is_then(rig):
    rig.plan(0.01, 9)
    rig.seed = 8
    rig.plan(0.01)
    assert rig.seeds == [3, *[None] * 9, 8]
