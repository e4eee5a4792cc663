"""DSRL against the authors' numbers (golden group h)."""

from functools import cache

from golden_vectors import assert_close
from golden_vectors import assert_gradients
from golden_vectors import Golden
from lps_ros.learning.algorithms.algorithm import frozen
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.dsrl import DSRL
from lps_ros.learning.algorithms.dsrl import DSRLConfig
from lps_ros.learning.algorithms.dsrl import DSRLDraws
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
import pytest
import torch

_NETWORKS = {'actor_bc_flow': 'decoder.mlp', 'latent_actor': 'latent_actor.mlp'}
_LEAVES = {'kernel': 'weight', 'bias': 'bias', 'scale': 'scale'}


@cache
def golden():
    return Golden('h_dsrl_losses')


def parameters(prefix):
    """Return the arrays below `prefix` under our names."""
    named, config = {}, golden().config
    for key in golden().description['arrays']:
        if key.startswith(f'{prefix}.'):
            network, _, layer, leaf = key.split('.')[1:]
            kind, number = layer.split('_')
            widths = 'actor_hidden_dims' if network in _NETWORKS else 'critic_hidden_dims'
            place = (f'norms.{number}' if kind == 'LayerNorm' else
                     'output' if int(number) == len(config[widths]) else f'hidden.{number}')
            named[f'{_NETWORKS.get(network, network)}.{place}.{_LEAVES[leaf]}'] = golden()[key]
    return named


@pytest.fixture
def agent():
    config = golden().config
    made = DSRL(DSRLConfig(
        horizon=config['horizon_length'], discount=config['discount'], alpha=config['alpha'],
        critics=config['num_critic'], flow_steps=config['flow_steps'],
        critic_widths=tuple(config['critic_hidden_dims']),
        decoder_widths=tuple(config['actor_hidden_dims']),
        latent_actor_widths=tuple(config['actor_hidden_dims'])),
        ObservationShape(vector=golden()['observations'].shape[-1]), config['action_dim'])
    assert made.config.critic_aggregation == config['critic_agg']  # by default
    made.load_state_dict(parameters('params'))
    return made


@pytest.fixture
def now(agent):
    return agent.encoded(Observations(golden()['observations']))


def batch():
    case = golden()
    return Transitions(
        Observations(case['observations']), case.flat('actions'), case['rewards'], case['masks'],
        Observations(case['next_observations']), torch.ones_like(case['rewards']))


def draws():
    return DSRLDraws(golden()['bc.x_0'], golden()['bc.t'], golden()['alias.e'])


def test_flow_loss(agent, now):
    loss, _ = agent.flow_loss(now, batch(), draws())
    assert_close(loss, golden()['info.actor.actor_loss'])


def test_chunks_of_random_latents(agent, now):
    assert_close(agent.decode(now, draws().noise), golden()['alias.actions'])


def test_chunks_of_the_latent_actor(agent, now):
    assert_close(agent.decode(now, agent.own_latents(now)), golden().flat('sample.actions'))


def test_critic_loss(agent, now):
    next_value = agent.next_value(agent.encoded(batch().next_observations))
    loss, metrics = agent.critic_loss(now, batch(), next_value)
    assert_close(loss, golden()['info.critic.critic_loss'])
    for name in ('q_mean', 'q_max', 'q_min'):
        assert_close(metrics[f'critic/{name}'], golden()[f'info.critic.{name}'])


def test_latent_and_noise_critic_loss(agent, now):
    loss, metrics = agent.latent_loss(now)
    assert_close(loss, golden()['info.latent.latent_loss'])
    assert_close(metrics['latent/z_norm'], golden()['info.latent.z_norm'])
    assert_close(agent.noise_critic_loss(now, draws().noise)[0],
                 golden()['info.latent.alias_loss'])


def test_all_losses_and_their_gradients_with_the_authors_leak(agent, now):
    loss, _ = agent.loss(batch(), draws())
    assert_close(loss, golden()['loss_total'])
    loss.backward()
    # The authors' regression also pulls the critic towards the noise critic.
    noise = draws().noise
    with frozen(agent.noise_critic, agent.decoder):
        error = agent.noise_critic(now('noise_critic'), noise) - agent.critic(
            now('critic'), agent.decode(now, noise)).mean(0)
    error.square().mean().backward()
    gradients = parameters('grads')
    for name in [name for name in gradients if name.startswith('target_critic.')]:
        assert not gradients.pop(name).any()
    assert_gradients(agent, gradients)


def test_the_regression_leaves_the_critic_alone(agent, now):
    loss, _ = agent.noise_critic_loss(now, draws().noise)
    loss.backward()
    trained = {name.split('.')[0] for name, each in agent.named_parameters()
               if each.grad is not None}
    assert trained == {'noise_critic'}
