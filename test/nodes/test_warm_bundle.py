"""A bundle that is ready to act has done before whatever it may be asked to do."""

from functools import partial
from pathlib import Path

from lps_ros.contract import ActionCodec
from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import Steering
from lps_ros.control.planning_process import PlanningProcess
from lps_ros.joining import JOIN_STEPS
from lps_ros.nodes.policy_bundle import ready_bundle
from lps_ros.nodes.policy_bundle import warm_bundle
import numpy as np
import pytest

MODELS = Path(__file__).parents[2] / 'models'
SHIPPED = MODELS / 'ur5e_cube'


@pytest.mark.parametrize('join', ['replace', 'latent'])
def test_the_first_plan_takes_no_longer_than_the_next_ones(join):
    process = PlanningProcess(partial(warm_bundle, str(SHIPPED), ''))
    try:
        process.wait_ready()
        contract = process.facts.contract
        times_s = []
        for number in range(12):
            process.submit(PlanRequest(
                number=number, tick=number, seed=0 if number == 0 else None,
                observation=np.zeros(ObservationEncoder(contract).size, np.float32),
                steering=Steering(mode='prior', candidates=4, join=join, join_steps=3),
                committed=np.zeros((3, ActionCodec(contract).size), np.float32), join_at=1))
            result = process.wait()
            assert result.error == ''
            times_s.append(result.plan_s)
    finally:
        process.close()
    # Without the warm-up the first gradient took a hundred times as long.
    assert times_s[0] < 15 * np.median(times_s[1:])


@pytest.mark.parametrize('name', ['ur5e_cube', 'ur5e_cube_joints'])
def test_a_bundle_that_joins_otherwise_is_ready_to_join_in_the_latent(name):
    steering = ready_bundle(str(MODELS / name), '').facts.steering
    assert (steering.join, steering.join_steps) == ('ensemble', JOIN_STEPS)
