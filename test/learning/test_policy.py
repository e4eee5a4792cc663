"""Planning one chunk: modes, candidates, determinism, normalisation."""

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.networks.layers import project_to_sphere
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.policy import Policy
import numpy as np
import pytest
import torch

OBSERVATION = np.array([1.0, -2.0, 0.5], np.float32)


@pytest.fixture
def policy():
    torch.manual_seed(5)
    config = LPSConfig(decoder_widths=(16, 16), critic_widths=(16,), latent_actor_widths=(16,))
    agent = LPS(config, ObservationShape(vector=3), 2)
    with torch.no_grad():
        agent.decoder.mlp.output.weight.mul_(5)
    return Policy(agent, Normaliser(mean=np.array([1.0, 0.0, 0.0], np.float32),
                                    std=np.array([2.0, 1.0, 0.5], np.float32)))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_steered_plan_is_the_latent_actors(policy):
    plan = policy.plan(OBSERVATION, mode='steered', rng=rng())
    now = policy.agent.encoded(Observations(torch.tensor([[0.0, -2.0, 1.0]])))
    latent = policy.agent.own_latents(now)
    chunk = policy.agent.decode(now, latent)
    np.testing.assert_allclose(plan.latent, latent[0].detach(), rtol=1e-5)
    np.testing.assert_allclose(plan.actions.ravel(), chunk[0].detach(), rtol=1e-4, atol=1e-6)
    assert plan.q == pytest.approx(policy.agent.scores(now, chunk).min().item(), rel=1e-4)


@pytest.mark.parametrize('mode', ['steered', 'prior'])
@pytest.mark.parametrize('candidates', [1, 7])
def test_plan_has_the_shape_of_a_chunk_and_is_reproducible(policy, mode, candidates):
    plans = [policy.plan(OBSERVATION, mode=mode, candidates=candidates, rng=rng(seed))
             for seed in (5, 5, 6)]
    assert plans[0].actions.shape == (policy.horizon, 2)
    assert plans[0].actions.dtype == plans[0].latent.dtype == np.float32
    assert np.abs(plans[0].actions).max() <= 1
    assert np.square(plans[0].latent).mean() == pytest.approx(1, rel=1e-3)
    assert plans[0].q == plans[1].q
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
    if mode == 'prior':
        assert not np.array_equal(plans[0].actions, plans[2].actions)


def test_the_best_candidate_by_the_smaller_q_is_taken(policy):
    latents = project_to_sphere(torch.randn(16, 2 * policy.horizon, generator=rng(3)))
    with torch.no_grad():
        now = policy.agent.encoded(Observations(torch.tensor([[0.0, -2.0, 1.0]])))
        chunks = policy.agent.decode(now.repeated(16), latents)
    q = policy.q_values(np.tile(OBSERVATION, (16, 1)), chunks.view(16, policy.horizon, 2).numpy())
    assert q.shape == (2, 16)
    smaller = q.min(axis=0)
    # Another rule would choose another chunk, or the test could not tell.
    assert smaller.argmax() not in (q.max(axis=0).argmax(), *q.argmax(axis=1))
    plan = policy.plan(OBSERVATION, mode='prior', candidates=16, rng=rng(3))
    assert plan.q == pytest.approx(smaller.max(), rel=1e-4)
    np.testing.assert_allclose(
        plan.actions.ravel(), chunks[smaller.argmax()], rtol=1e-4, atol=1e-5)


def test_candidates_are_never_worse_than_the_actors_own(policy):
    own = policy.plan(OBSERVATION, mode='steered', rng=rng())
    for seed in range(5):
        plan = policy.plan(OBSERVATION, mode='steered', candidates=4, rng=rng(seed))
        assert plan.q >= own.q - 1e-5


@pytest.mark.parametrize(('wrong', 'line'), [
    ({'mode': 'best'}, "mode is 'best', expected 'steered' or 'prior'"),
    ({'candidates': 0}, 'candidates is 0, expected 1 or more'),
    ({'observation': np.zeros(4, np.float32)}, r'observation has shape \(4,\), expected \(3,\)')])
def test_wrong_arguments(policy, wrong, line):
    arguments = {'observation': OBSERVATION, 'mode': 'steered', 'rng': rng()} | wrong
    with pytest.raises(ValueError, match=line):
        policy.plan(arguments.pop('observation'), **arguments)


def test_strength_goes_from_the_prior_to_the_actors_own_latent(policy):
    own = policy.plan(OBSERVATION, mode='steered', rng=rng()).latent
    prior = policy.plan(OBSERVATION, mode='prior', rng=rng()).latent
    angles = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        latent = policy.plan(OBSERVATION, mode='steered', strength=strength, rng=rng()).latent
        assert np.square(latent).mean() == pytest.approx(1, rel=1e-3)
        angles.append(np.arccos(np.clip(latent @ own / len(own), -1, 1)))
        if strength == 0.0:
            np.testing.assert_allclose(latent, prior, atol=1e-5)
    # Equal steps along the arc.
    np.testing.assert_allclose(np.diff(angles), -angles[0] / 4, atol=2e-3)
