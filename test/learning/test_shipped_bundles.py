"""The bundles that are shipped and the first one that ever was: all load and act as they did."""

from dataclasses import replace
from pathlib import Path

from lps_ros.contract import differences
from lps_ros.contract import load_contract
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanServer
from lps_ros.control.planning import Steering
from lps_ros.learning.bundle import load_bundle
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(('folder', 'first_action', 'q'), [
    ('test/bundles/ur5e_cube_first', [0.06936, -0.07347, -0.02509, 0.21391, -0.15282], -16.4917),
    ('models/ur5e_cube', [0.05594, 0.01934, 0.06979, -0.02883, -0.43069], -20.5724),
    ('models/ur5e_cube_joints',
     [-0.29284, -0.25518, 0.68128, -0.33734, -0.24985, -0.03296, 1.0], -21.0474),
    ('models/ur5e_cube_camera', [-0.00178, -0.03476, -0.15261, -0.00962, -0.66097], -38.2348)])
def test_plans_the_same_chunk_as_the_version_that_made_it(folder, first_action, q):
    bundle = load_bundle(ROOT / folder)
    plan = bundle.policy.plan(
        bundle.policy.normaliser.mean,
        [(np.arange(height * width * 3) % 251).astype(np.uint8).reshape(height, width, 3)
         for height, width in bundle.policy.agent.shape.images],
        mode='prior', candidates=4, rng=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(plan.actions[0], first_action, atol=1e-4)
    assert plan.q == pytest.approx(q, abs=1e-2)
    shipped = load_contract(ROOT / 'config' / f'{bundle.contract.name}.yaml').subset(
        [spec.key for spec in bundle.contract.observations])
    assert not differences(bundle.contract, shipped).data


@pytest.mark.parametrize(('candidates', 'before'), [
    (1, {'join': 'replace'}), (4, {'join': 'latent', 'join_steps': 0})])
@pytest.mark.parametrize('name', ['ur5e_cube', 'ur5e_cube_camera', 'ur5e_cube_joints'])
def test_to_ask_for_the_join_in_the_latent_is_enough(name, candidates, before):
    bundle = load_bundle(ROOT / 'models' / name)
    policy = bundle.policy
    own = replace(Steering.told(bundle.metadata['steering']), candidates=candidates)
    assert own.join != 'latent'
    server = PlanServer(policy)
    images = tuple(np.full((*size, 3), 90, np.uint8) for size in policy.agent.shape.images)
    changed = 0
    for seed in range(6):
        under_way = policy.plan(policy.normaliser.mean, images, mode='prior',
                                rng=policy.generator(100 + seed)).actions[1:]
        results = [server.answer(PlanRequest(
            number=0, tick=0, observation=policy.normaliser.mean, images=images, seed=seed,
            steering=replace(own, **how), committed=under_way, join_at=1))
            for how in (before, {'join': 'latent'})]
        assert {result.error for result in results} == {''}
        # More than the products of another number of rows differ by.
        changed += np.abs(results[0].actions - results[1].actions).max() > 1e-5
    assert changed >= 3


def test_the_card_of_the_shipped_bundle_has_command_and_figures():
    card = (ROOT / 'models' / 'ur5e_cube' / 'README.md').read_text(encoding='utf-8')
    assert 'lps demo --full --demonstrations 150' in card
    assert 'At real time over ROS' in card and '| steered |' in card


def test_the_card_of_the_bundle_that_moves_joints_has_command_and_figures():
    card = (ROOT / 'models' / 'ur5e_cube_joints' / 'README.md').read_text(encoding='utf-8')
    assert 'lps demo --full --joints' in card
    assert '`lps demo --joints --in-process --episodes 100' in card and '| steered |' in card


def test_the_card_of_the_bundle_that_sees_has_command_and_figures():
    card = (ROOT / 'models' / 'ur5e_cube_camera' / 'README.md').read_text(encoding='utf-8')
    assert '--config config/train_ur5e_cube_camera.yaml' in card
    assert '`lps demo --camera --episodes 50' in card and '| steered |' in card
