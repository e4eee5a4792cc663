"""Losses, decoding and draws against the authors' numbers (golden groups a to e)."""

from golden_vectors import assert_close
from golden_vectors import assert_gradients
from golden_vectors import Golden
from lps_ros.learning.algorithms import meanflow
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.networks.layers import project_to_sphere
from lps_ros.learning.networks.observations import Observations
import pytest
import torch

METHODS = ('jit_mf', 'mfql', 'mf')


def encoded(agent, observations):
    return agent.encoded(Observations(observations))


@pytest.mark.parametrize('method', METHODS)
def test_flow_loss(method):
    golden = Golden(f'a_mf_loss_{method}')
    agent = golden.lps()
    batch = Transitions(
        None, golden['x'], None, None, None, cloned=torch.ones(len(golden['x'])))
    draws = meanflow.FlowDraws(golden['e'], golden['t'], golden['r'])
    loss, _ = agent.flow_loss(encoded(agent, golden['observations']), batch, draws)
    assert_close(loss, golden['loss'])
    loss.backward()
    assert_gradients(agent, golden.parameters('grads'))


@pytest.mark.parametrize('method', METHODS)
def test_flow_value_derivative_and_both_sides(method):
    golden = Golden(f'a_mf_loss_{method}')
    agent = golden.lps()
    z, v, t, span = golden['z'], golden['v'], golden['t'], golden['t'] - golden['r']
    value, derivative = agent.decoder.value_and_tangent(
        (golden['observations'],), z, (t, span), meanflow.flow_tangent(method, v))
    assert_close(value, golden['net_out'])
    assert_close(derivative, golden['net_jvp'])
    assert not derivative.requires_grad
    prediction, target = meanflow.flow_sides(method, z, v, span, value, derivative)
    assert_close(prediction, golden['u'])
    assert_close(target, golden['u_tgt'])


@pytest.mark.parametrize('method', METHODS)
def test_tangent_is_pushed_through_the_last_rows_only(method):
    golden = Golden(f'a_mf_loss_{method}')
    agent = golden.lps()
    first = meanflow.equal_rows(len(golden['x']), agent.config.flow_ratio)
    assert 0 < first < len(golden['x'])
    value, derivative = agent.decoder.value_and_tangent(
        (golden['observations'],), golden['z'], (golden['t'], golden['t'] - golden['r']),
        meanflow.flow_tangent(method, golden['v'][first:]))
    assert_close(value, golden['net_out'])
    assert_close(derivative, golden['net_jvp'][first:])


@pytest.mark.parametrize('aggregation', ['min', 'mean'])
def test_critic_loss(aggregation):
    golden = Golden('b_critic_loss')
    agent = golden.lps(critic_aggregation=aggregation)
    batch = Transitions(
        None, golden.flat('actions'), golden['rewards'], golden['masks'], None, None)
    next_value = agent.next_value(encoded(agent, golden['next_observations']))
    loss, metrics = agent.critic_loss(encoded(agent, golden['observations']), batch, next_value)
    assert_close(loss, golden[f'{aggregation}.loss'])
    assert_close(metrics['critic/q_mean'], golden['qs'].mean())
    loss.backward()
    assert_gradients(agent, golden.parameters(f'{aggregation}.grads'))


def test_values_of_the_next_chunk():
    golden = Golden('b_critic_loss')
    agent = golden.lps()
    later = encoded(agent, golden['next_observations'])
    chunks = agent.decode(later, agent.own_latents(later))
    assert_close(chunks, golden.flat('next_actions'))
    assert_close(agent.target_critic(later('target_critic'), chunks), golden['next_qs'])


@pytest.mark.parametrize('alpha', [1.0, 2.5])
def test_latent_loss(alpha):
    golden = Golden('c_latent_actor_loss')
    agent = golden.lps(alpha=alpha)
    loss, metrics = agent.latent_loss(encoded(agent, golden['observations']))
    assert_close(loss, golden[f'alpha{alpha}.loss'])
    assert_close(metrics['latent/z_norm'], golden['z_norm'])
    loss.backward()
    assert_gradients(agent, golden.parameters(f'alpha{alpha}.grads'))


def test_chunk_of_the_latent_actor():
    golden = Golden('c_latent_actor_loss')
    agent = golden.lps()
    now = encoded(agent, golden['observations'])
    latents = agent.own_latents(now)
    assert_close(latents, golden['z_pred'])
    assert_close(agent.decode(now, latents), golden['actions_pred'])
    assert_close(agent.scores(now, golden['actions_pred']), golden['qs'])


@pytest.mark.parametrize('method', ['jit_mf', 'mf'])
def test_decoding(method):
    golden = Golden(f'd_sample_actions_{method}')
    agent = golden.lps()
    observations, latents = golden['observations'], golden['latent']
    decoded = meanflow.decode(agent.decoder, method, (observations,), latents)
    assert_close(decoded, golden['decoded_preclip'])
    assert_close(agent.decode(encoded(agent, observations), latents), golden.flat('actions'))
    assert_close(agent.decode(encoded(agent, observations[:1]), latents[:1]),
                 golden['actions_single_obs0'].reshape(1, -1))


def test_adaptive_l2():
    golden = Golden('e_adaptive_l2_sphere')
    error = golden['err'].requires_grad_()
    loss = meanflow.adaptive_l2(error).mean()
    assert_close(loss, golden['adaptive_loss'])
    loss.backward()
    torch.testing.assert_close(error.grad, golden['adaptive_grad'], rtol=1e-4, atol=1e-8)


def test_sphere():
    golden = Golden('e_adaptive_l2_sphere')
    points = golden['sphere_in'].requires_grad_()
    image = project_to_sphere(points)
    assert_close(image, golden['sphere_out'])
    (image * golden['sphere_cotangent']).sum().backward()
    for ours, theirs in zip(points.grad, golden['sphere_vjp'], strict=True):
        assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()
    assert_close(project_to_sphere(golden['latent_normal']), golden['latent_sphere'])


def test_times():
    golden = Golden('e_adaptive_l2_sphere')
    t, r = meanflow.flow_times(
        golden['tr_normal_t'], golden['tr_normal_r'], golden.description['flow_ratio'])
    assert_close(t, golden['tr_t'])
    assert_close(r, golden['tr_r'])
