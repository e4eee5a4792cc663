"""When a chunk is asked for: before its tick if it can be there by then, else after the tick."""

from lps_ros.contract import parse_contract
from lps_ros.control.chunk_planner import ChunkPlanner
from lps_ros.control.chunk_schedule import ChunkSchedule
from lps_ros.control.gates import ObservationGate
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
import numpy as np
import pytest

MS = 1_000_000
EVERY_TICK = Steering(mode='prior', replan_every=1)
CONTRACT = """
name: one_joint
rate_hz: 20
observations:
  - {key: touch, topic: touch, type: std_msgs/msg/Float64MultiArray, names: [finger],
     max_age_s: 1}
actions:
  - {key: joint, topic: joint, type: std_msgs/msg/Float64MultiArray, names: [joint],
     scale: {low: [-1], high: [1]}, stop: hold}
task: {name: nothing, success_reward: 0, step_reward: -1, max_ticks: 10}
"""


class Inference:
    """Answers at once and says that it took so long."""

    took_s = 0.0

    def submit(self, request):
        self.result = PlanResult(
            number=request.number, tick=request.tick, actions=np.zeros((4, 1), np.float32),
            plan_s=self.took_s)

    def poll(self):
        return self.result


@pytest.fixture
def planner():
    contract = parse_contract(CONTRACT)
    gate = ObservationGate(contract.observations)
    gate.accept('touch', np.ones(1), stamp_ns=None, received_ns=0)
    return ChunkPlanner(contract, Inference(), gate, ChunkSchedule(4), horizon=4)


def plan(planner, tick, took_ms):
    planner.inference.took_s = took_ms * 1e-3
    planner.ask(tick, tick * 50 * MS, EVERY_TICK)
    planner.collect()


def ticks_of(planner, *times_ms):
    return [planner.tick_of_observation(round(time_ms * MS)) for time_ms in times_ms]


def test_while_nothing_is_known_of_the_network_it_waits_for_the_tick(planner):
    assert planner.due_in_s(505 * MS, EVERY_TICK) == pytest.approx(0.045)
    assert ticks_of(planner, 549.9, 550) == [10, 11]


def test_a_fast_network_is_asked_so_early_that_its_chunk_is_there_at_the_tick(planner):
    plan(planner, 10, took_ms=4.0)
    assert planner.due_in_s(505 * MS, EVERY_TICK) == pytest.approx(0.045 - 0.006)
    assert ticks_of(planner, 543.9, 544.1) == [10, 11]


def test_a_slow_network_is_not_asked_right_before_a_tick(planner):
    plan(planner, 10, took_ms=4.0)
    plan(planner, 11, took_ms=30.0)
    assert planner.due_in_s(555 * MS, EVERY_TICK) == pytest.approx(0.045)
    assert ticks_of(planner, 599.9, 600) == [11, 12]
