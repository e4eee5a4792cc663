"""Joining in the latent: agreement at no cost in value, for every algorithm; off means off."""

from pathlib import Path

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.latent_join import row_weights
from lps_ros.learning.policy import Policy
import numpy as np
import pytest
from test_algorithms import ACTION
from test_algorithms import every_algorithm
from test_algorithms import make
from test_algorithms import tiny_encoders  # noqa: F401 (a fixture)
from test_algorithms import VECTOR
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def shipped():
    return load_bundle(ROOT / 'models' / 'ur5e_cube').policy


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def policy_of(name, inputs='vector', **changes):
    return Policy(make(name, inputs, **changes), Normaliser(
        mean=np.zeros(VECTOR, np.float32), std=np.ones(VECTOR, np.float32)))


def seen(policy):
    return policy.normaliser.mean, [
        np.full((*size, 3), 90, np.uint8) for size in policy.agent.shape.images]


def plan(policy, seed=0, mode='prior', **how):
    return policy.plan(*seen(policy), mode=mode, rng=torch.Generator().manual_seed(seed), **how)


def rms(actions, committed):
    return np.sqrt(np.square(actions[:len(committed)] - committed).mean())


@pytest.mark.parametrize('candidates', [1, 4])
@pytest.mark.parametrize('mode', ['prior', 'steered'])
def test_agreement_grows_with_the_steps_and_value_stays(shipped, mode, candidates):
    apart, lost, spread = {steps: [] for steps in (0, 3, 10)}, [], []
    for seed in range(6):
        committed = plan(shipped, 100 + seed).actions[1:]
        free = [plan(shipped, seed + other, mode).q for other in (0, 1000, 2000, 3000)]
        spread.append(np.std(free))
        for steps, distances in apart.items():
            joined = plan(shipped, seed, mode, candidates=candidates, committed=committed,
                          join_at=1, join_steps=steps)
            distances.append(rms(joined.actions, committed))
        lost.append(plan(shipped, seed, mode, candidates=candidates).q - joined.q)
    means = [np.mean(distances) for distances in apart.values()]
    assert means[0] > 1.1 * means[1] and means[1] > 1.1 * means[2]
    assert means[0] > 1.5 * means[2]
    assert np.mean(lost) < 3 * np.mean(spread if mode == 'prior' else 1.0)


def test_the_weight_is_that_of_agreement(shipped):
    committed = plan(shipped, 100).actions[1:]
    far = [np.mean([rms(plan(shipped, seed, candidates=16, committed=committed,
                             join_weight=weight).actions, committed) for seed in range(10)])
           for weight in (1e-6, 1.0, 1e6)]
    assert far[0] > far[1] > far[2]


@every_algorithm
@pytest.mark.parametrize('inputs', ['vector', 'images, one encoder'])
def test_every_algorithm_joins_and_keeps_the_latents_radius(name, inputs):
    policy = policy_of(name, inputs)
    with torch.no_grad():
        policy.agent.decoder.mlp.output.weight.mul_(3)
    policy = Policy(policy.agent, policy.normaliser)
    committed = plan(policy, 7).actions[:3]
    mode = ALGORITHMS[name].steering['mode']
    ways = [plan(policy, 1, mode, candidates=candidates, strength=0.5, committed=committed,
                 join_at=3, join_weight=100.0, join_steps=steps)
            for candidates in (1, 3) for steps in (0, 12)]
    assert rms(ways[1].actions, committed) < rms(ways[0].actions, committed)
    assert rms(ways[3].actions, committed) < rms(ways[2].actions, committed)
    radius = np.linalg.norm(ways[0].latent)
    assert np.linalg.norm(ways[1].latent) == pytest.approx(radius, rel=1e-5)
    if not policy.agent.normal_latents:
        assert radius == pytest.approx(policy.agent.chunk_size ** 0.5, rel=1e-4)
    assert np.isnan(ways[3].q) == (not policy.agent.has_critic)
    assert all(parameter.grad is None for parameter in policy.agent.parameters())
    assert [p.requires_grad for p in policy.agent.parameters()] == [
        p.requires_grad for p in make(name, inputs).parameters()]


def test_a_transformer_joins():
    policy = policy_of('lps', decoder='dit_nano')
    with torch.no_grad():
        for parameter in policy.agent.decoder.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    committed = plan(policy, 7).actions[:3]
    apart = [rms(plan(policy, 1, committed=committed, join_at=3, join_weight=100.0,
                      join_steps=steps).actions, committed) for steps in (0, 4)]
    assert apart[1] < apart[0]


def test_an_image_is_encoded_once_for_all_steps():
    policy = policy_of('lps', 'images, one encoder')
    encoder = policy.agent.encoders.encoders['shared']
    encoder.seen.clear()
    plan(policy, committed=np.zeros((2, ACTION), np.float32), join_steps=4)
    assert len(encoder.seen) == 1


@every_algorithm
@pytest.mark.parametrize('off', [
    {'committed': np.zeros((0, ACTION), np.float32), 'join_steps': 5},
    {'committed': np.zeros((3, ACTION), np.float32), 'join_steps': 5, 'join_weight': 0.0},
    {'join_steps': 5}])
def test_off_is_as_without(name, off):
    policy = policy_of(name)
    for mode in ('prior', 'steered'):
        for candidates in (1, 4) if policy.agent.has_critic else (1,):
            rngs = [torch.Generator().manual_seed(3) for _ in range(2)]
            plans = [policy.plan(*seen(policy), mode=mode, candidates=candidates, rng=rng, **how)
                     for rng, how in zip(rngs, ({}, off), strict=True)]
            np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
            np.testing.assert_array_equal(plans[0].latent, plans[1].latent)
            np.testing.assert_equal(plans[0].q, plans[1].q)
            assert torch.equal(rngs[0].get_state(), rngs[1].get_state())


def test_the_same_generator_gives_the_same_join(shipped):
    committed = plan(shipped, 100).actions[2:]
    plans = []
    for outer in (True, False):
        with torch.inference_mode(outer):
            plans.append(plan(
                shipped, 4, candidates=4, committed=committed, join_at=2, join_steps=3))
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)


def test_rows_before_the_join_count_fully_and_later_ones_less():
    weights = row_weights(5, at=2)
    assert weights.sum() == pytest.approx(1, rel=1e-6)
    assert weights[0] == weights[1] > weights[2] > weights[3] > weights[4] > 0
    np.testing.assert_allclose(row_weights(2, at=3), [0.5, 0.5])


@pytest.mark.parametrize(('wrong', 'line'), [
    ({'committed': np.zeros((6, ACTION))}, r'committed has shape \(6, 2\), expected \(0 to 5, 2'),
    ({'committed': np.zeros((2, 1))}, r'committed has shape \(2, 1\), expected \(0 to 5, 2\)'),
    ({'committed': np.zeros(3)}, r'committed has shape \(3,\), expected'),
    ({'committed': np.full((2, ACTION), np.nan)}, 'committed has a non-finite value, expected'),
    ({'join_steps': -1}, 'join_steps is -1, expected 0 or more'),
    ({'join_at': 6}, 'join_at is 6, expected 0 to 5'),
    ({'join_at': -1}, 'join_at is -1, expected 0 to 5'),
    ({'join_weight': -0.5}, 'join_weight is -0.5, expected a number from 0 on'),
    ({'join_weight': np.nan}, 'join_weight is nan, expected a number from 0 on')])
def test_wrong_arguments(wrong, line):
    with pytest.raises(ValueError, match=line) as error:
        plan(policy_of('lps', horizon=5), **wrong)
    assert '\n' not in str(error.value)
