"""The policy node with a policy that sees, with this process as the robot and its camera."""

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lps_ros.contract import ActionCodec
from lps_ros.contract import extract
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
import numpy as np
from policy_harness import CAMERA
from policy_harness import observed
from policy_harness import PERIOD_NS
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import ROOT
from policy_harness import stopped
import pytest
import torch

_CONTRACT = ROOT / 'config' / 'ur5e_cube.yaml'
_ACTIVATE = Transition.TRANSITION_ACTIVATE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """Return a bundle with random weights, which sees the front camera."""
    contract = load_contract(_CONTRACT).subset(('joints', 'tool', 'front'))
    size = ObservationEncoder(contract).size
    config = LPSConfig(decoder_widths=(16,), critic_widths=(16,), latent_actor_widths=(16,),
                       encoder='impala_debug')
    torch.manual_seed(0)
    agent = LPS(config, observation_shape(contract), ActionCodec(contract).size)
    with torch.no_grad():  # so that the picture matters
        agent.latent_actor.mlp.hidden[0].weight[:-size].mul_(10)
    return save_bundle(
        tmp_path_factory.mktemp('bundle') / 'seeing', contract=contract, agent=agent,
        normaliser=Normaliser(mean=np.zeros(size, np.float32), std=np.ones(size, np.float32)),
        metadata={'steering': {
            'mode': 'steered', 'candidates': 1, 'replan_every': 2, 'join': 'replace'}})


@pytest.fixture(scope='module')
def robot(tmp_path_factory, ros_module_domain, bundle):
    process = PolicyProcess(
        ('-m', 'lps_ros.nodes.policy_node'), tmp_path_factory.mktemp('policy') / 'log',
        ros_module_domain, use_sim_time=True, lock_step=True, bundle=bundle, contract=_CONTRACT,
        lock_step_wait_s=10.0)
    robot = Robot(process, ros_module_domain, camera=True)
    try:
        robot.change(Transition.TRANSITION_CONFIGURE)
        yield robot
    finally:
        robot.close()
        process.close()


def _planned(bundle, ticks, **changes):
    """Return the command of each tick, planned in this process from what the robot observes."""
    contract, policy = bundle.contract, bundle.policy
    encoder = ObservationEncoder(contract)
    commands = []
    for k in ticks[::2]:
        messages = observed(k * PERIOD_NS, camera=True, **changes)
        rows = {spec.key: extract(spec, messages[spec.topic])
                for spec in contract.observations}
        plan = policy.plan(
            encoder.encode({key: rows[key][None] for key in encoder.keys})[0], [rows['front']],
            mode='steered', rng=torch.Generator().manual_seed(0))
        commands += list(ActionCodec(contract).denormalise(plan.actions)[:2])
    return np.array(commands)


def test_acts_by_the_picture_and_stops_while_the_camera_fails(robot, bundle):
    k = robot.next_tick()
    robot.tick(k)
    robot.change(_ACTIVATE)
    ticks = range(k, k + 6)
    sent = [[twist.linear.x, twist.linear.y, twist.linear.z, twist.angular.z, opening]
            for twist, opening in zip(*robot.lock_step(ticks), strict=True)]
    loaded = load_bundle(bundle)
    np.testing.assert_allclose(sent, _planned(loaded, ticks), rtol=1e-4, atol=1e-6)
    blind = _planned(loaded, ticks, frozen_ns=PERIOD_NS)
    assert np.abs(blind - sent).max() > 1e-3
    # A tick does not wait long for a camera that is gone.
    robot.change(_DEACTIVATE)
    robot.set(lock_step_wait_s=0.05)
    robot.change(_ACTIVATE)
    for fault in ({'without': (CAMERA,)}, {'frozen_ns': k * PERIOD_NS}):
        last = robot.next_tick()
        robot.lock_step(range(last, last + 2))
        robot.until(lambda: robot.statuses[-1]['acting'])
        robot.diagnostics.clear()
        status = robot.refused(robot.next_tick(), **fault)
        assert "observation 'front' is " in status['reason']
        assert 's old by its ' in status['reason']
        robot.until(lambda: robot.twists)
        assert stopped(robot.twists[0])
        robot.until(lambda: any(
            report.level == DiagnosticStatus.STALE and "'front'" in report.message
            for report in robot.diagnostics))
    robot.change(_DEACTIVATE)
    assert "'front'" in robot.process.log()
    assert 'Traceback' not in robot.process.log()
