"""Updates of the published robot configuration: DiT and two cameras (golden group g)."""

from golden_vectors import assert_close
from golden_vectors import far
from golden_vectors import Golden
from lps_ros.learning.algorithms import meanflow
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.networks import dit
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.schedule import learning_rate
import pytest
import test_dit
import test_golden_update
import test_impala
import torch

ENCODERS = {'actor_bc_flow_encoder': 'decoder', 'latent_actor.encoder': 'latent_actor',
            'critic.encoder': 'critic', 'target_critic.encoder': 'target_critic'}
# One token more than in the decoder of a vector alone.
PLACES = {'FeatureEmbed_1.Dense_0': 'features.1', 'FeatureEmbed_2.Dense_0': 'actions'}
HEADS = {'latent_actor.mlp': ('latent_actor.mlp', 'latent_actor_hidden_dims'),
         'critic.value_net': ('critic', 'critic_hidden_dims'),
         'target_critic.value_net': ('target_critic', 'critic_hidden_dims')}


@pytest.fixture(scope='module')
def golden():
    return Golden('g_update_dit_image')


def below(golden, prefix):
    """Return the arrays below a prefix by the rest of their names."""
    return {key.removeprefix(f'{prefix}.'): golden[key] for key in golden.description['arrays']
            if key.startswith(f'{prefix}.')}


def decoder_parameters(golden, prefix):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_dit, 'PLACES', test_dit.PLACES | PLACES)
        arrays = {f'it.{key}': value for key, value in below(golden, prefix).items()}
        return {f'decoder.{name}': value
                for name, value in test_dit.take_parameters(arrays, 'it').items()}


def parameters(golden, prefix):
    """Return all arrays below a prefix (params0, ...) under our names."""
    named = {} if not below(golden, f'{prefix}.actor_bc_flow') else decoder_parameters(
        golden, f'{prefix}.actor_bc_flow')
    for theirs, ours in ENCODERS.items():
        arrays = {f'it.{key}': value for key, value in below(golden, f'{prefix}.{theirs}').items()}
        named |= {f'encoders.encoders.{ours}.{name}': value
                  for name, value in test_impala.take_parameters(arrays, 'it').items()}
    for theirs, (ours, widths) in HEADS.items():
        for key, value in below(golden, f'{prefix}.{theirs}').items():
            layer, leaf = key.split('.')
            kind, number = layer.split('_')
            last = int(number) == len(golden.config[widths])
            place = (f'norms.{number}' if kind == 'LayerNorm' else
                     'output' if last else f'hidden.{number}')
            leaf = 'weight' if leaf == 'kernel' else leaf
            named[f'{ours}.{place}.{leaf}'] = value
    return named


@pytest.fixture
def agent(golden, monkeypatch):
    model = golden.description['model']
    size = dit.DiTSize(model['hidden_dim'], model['depth'], model['num_heads'])
    monkeypatch.setitem(dit.SIZES, 'dit_golden', size)
    image = golden['batches.observations.image']
    shape = ObservationShape(vector=golden['batches.observations.state'].shape[-1],
                             images=(tuple(image.shape[2:4]),) * (image.shape[-1] // 3))
    config = golden.lps_config(
        decoder='dit_golden', encoder=golden.config['encoder'], gradient_clip=1.0)
    made = LPS(config, shape, golden.config['action_dim'])
    made.load_state_dict(parameters(golden, 'params0'))
    return made


def observations(golden, name, index):
    image = golden[f'batches.{name}.image'][index]
    return Observations(golden[f'batches.{name}.state'][index], image.split(3, dim=-1))


def test_the_flow_loss_and_its_gradient(golden, agent):
    actions = golden['batches.actions'][0].flatten(start_dim=1)
    batch = Transitions(None, actions, None, None, None, cloned=torch.ones(len(actions)))
    draws = meanflow.FlowDraws(golden['mf.e'], golden['mf.t'], golden['mf.r'])
    loss, _ = agent.flow_loss(
        agent.encoded(observations(golden, 'observations', 0)), batch, draws)
    assert_close(loss, golden['mf.loss'])
    loss.backward()
    gradients = decoder_parameters(golden, 'mf.grads.actor_bc_flow')
    for name, parameter in agent.named_parameters():
        if name in gradients:
            error = (parameter.grad - gradients.pop(name)).abs().max()
            assert error <= 2e-4 * parameter.grad.abs().max(), name
    assert not gradients


def test_the_chunk_of_a_latent(golden, agent):
    chunks = agent.decode(
        agent.encoded(observations(golden, 'observations', 0)), golden['sample.latent'])
    assert_close(chunks, golden.flat('sample.actions'))


def test_updates(golden, agent):
    for index in range(golden.description['n_updates']):
        batch = Transitions(
            observations(golden, 'observations', index),
            golden['batches.actions'][index].flatten(start_dim=1),
            golden['batches.rewards'][index], golden['batches.masks'][index],
            observations(golden, 'next_observations', index),
            cloned=torch.ones_like(golden['batches.rewards'][index]))
        # The published schedule: see presets 'published_robot'.
        agent.optimiser.param_groups[0]['lr'] = learning_rate(
            index, golden.config['training_steps'], peak=golden.config['lr'], schedule='cosine',
            warm_up=0.01, final=0.1)
        metrics = agent.update(batch, golden.draws(index))
        for ours, theirs in test_golden_update.METRICS.items():
            assert_close(metrics[ours], golden[f'info.{theirs}'][index])
        if index == 0:
            assert_targets(agent, parameters(golden, 'params1'))
    theirs = parameters(golden, f'params{golden.description["n_updates"]}')
    assert theirs.keys() == agent.state_dict().keys()
    trained = {name: value for name, value in theirs.items() if 'target_critic' not in name}
    assert max(far(agent.state_dict(), trained, test_golden_update.OUTLIER_ATOL)) == 0
    sizes = [value.numel() for value in trained.values()]
    outliers = sum(share * size for share, size in zip(
        far(agent.state_dict(), trained, 2e-5), sizes, strict=True))
    assert outliers <= test_golden_update.OUTLIERS * sum(sizes)
    assert_targets(agent, {name: value for name, value in theirs.items()
                           if 'target_critic' in name})


def assert_targets(agent, targets):
    assert len(targets) > 20 and all('target_critic' in name for name in targets)
    assert max(far(agent.state_dict(), targets, 3e-7)) == 0
