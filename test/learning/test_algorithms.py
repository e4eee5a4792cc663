"""Every algorithm: what an update changes, what its losses train, draws, proposals, bundles."""

import copy

from learning_samples import contract
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.algorithms import flow
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.policy import Policy
from lps_ros.learning.settings import names
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
import torch
from torch import nn

ROWS, VECTOR, ACTION = 8, 3, 2
SMALL = {
    'decoder_widths': (16, 16), 'critic_widths': (16,), 'latent_actor_widths': (16,),
    'actor_widths': (16,), 'flow_steps': 3, 'target_candidates': 3}
WITH_CRITIC = [name for name, kind in ALGORITHMS.items() if kind.has_critic]
CLONES = [name for name in ALGORITHMS if name not in WITH_CRITIC]
STEERABLE = ('lps', 'dsrl', 'qc_fql', 'cfgrl')  # acting can leave the clone without candidates
every_algorithm = pytest.mark.parametrize('name', ALGORITHMS)
every_input = pytest.mark.parametrize('inputs', ['vector', 'images', 'images, one encoder'])


class TinyEncoder(nn.Module):
    """Stands for an image encoder; remembers which frames it was given."""

    size = 4

    def __init__(self, kind, images):
        super().__init__()
        self.dense = nn.Linear(sum(3 * height * width for height, width in images), self.size)
        self.seen = []

    def forward(self, images):
        self.seen.append(images[0].data_ptr())
        return self.dense(torch.cat([image.flatten(1) for image in images], dim=-1) / 255)


@pytest.fixture(autouse=True)
def tiny_encoders(monkeypatch):
    monkeypatch.setattr(
        'lps_ros.learning.networks.observations.make_image_encoder', TinyEncoder)


def own(name, settings):
    """Return those settings that an algorithm has."""
    return {key: value for key, value in settings.items()
            if key in names(ALGORITHMS[name].config_type)}


def make(name, inputs='vector', vector=VECTOR, **changes):
    """Return an algorithm whose target networks differ from the trained ones."""
    torch.manual_seed(3)
    kind = ALGORITHMS[name]
    shape = ObservationShape(vector=vector, images=((4, 5),) * 2 if 'images' in inputs else ())
    agent = kind(kind.config_type(**{
        **own(name, SMALL), 'shared_encoder': 'one' in inputs, **changes}), shape, ACTION)
    with torch.no_grad():
        for parameter in agent.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return agent


def observations(inputs='vector', rows=ROWS):
    frames = torch.randint(256, (2, rows, 4, 5, 3), dtype=torch.uint8)
    return Observations(torch.randn(rows, VECTOR), tuple(frames) if 'images' in inputs else ())


def batch(agent, inputs='vector'):
    return Transitions(
        observations(inputs), torch.rand(ROWS, agent.chunk_size) * 2 - 1, -torch.rand(ROWS),
        torch.ones(ROWS), observations(inputs), torch.ones(ROWS))


def draws(agent, seed=0):
    return agent.draw(ROWS, torch.Generator().manual_seed(seed))


def state(agent):
    return {name: value.clone() for name, value in agent.state_dict().items()}


@every_algorithm
@every_input
def test_update_trains_all_but_the_targets_which_average(name, inputs):
    agent = make(name, inputs)
    before = state(agent)
    metrics = agent.update(batch(agent, inputs), draws(agent))
    assert all(value.isfinite() for value in metrics.values())
    assert all(not value.requires_grad for value in metrics.values())
    after = state(agent)
    targets = 0
    for key, value in after.items():
        if 'target_critic' in key:
            trained = before[key.replace('target_critic', 'critic')]
            expected = torch.lerp(before[key], trained, agent.config.tau)
            torch.testing.assert_close(value, expected, rtol=0, atol=1e-6)
            targets += 1
        else:
            assert not torch.equal(value, before[key]), f'{key} does not learn'
    assert bool(targets) == agent.has_critic


@every_algorithm
@every_input
def test_a_frame_is_encoded_once_by_each_encoder(name, inputs):
    agent = make(name, inputs)
    agent.update(batch(agent, inputs), draws(agent))
    networks = ('shared',) if 'one' in inputs else agent.networks
    assert set(agent.encoders.encoders) == (set(networks) if 'images' in inputs else set())
    for encoder in agent.encoders.encoders.values():
        assert encoder.seen
        assert len(set(encoder.seen)) == len(encoder.seen)


def critic_loss(agent, now, given, drawn):
    return agent.critic_loss(now, given, torch.zeros(ROWS))


LOSSES = [
    *((name, critic_loss, 'critic') for name in WITH_CRITIC),
    *((name, lambda agent, *inputs: agent.flow_loss(*inputs), 'decoder')
      for name in ALGORITHMS if name != 'cfgrl'),
    ('lps', lambda agent, now, given, drawn: agent.latent_loss(now), 'latent_actor'),
    ('dsrl', lambda agent, now, given, drawn: agent.latent_loss(now), 'latent_actor'),
    ('dsrl', lambda agent, now, given, drawn: agent.noise_critic_loss(now, drawn.noise),
     'noise_critic'),
    ('qc_fql', lambda agent, now, given, drawn: agent.actor_loss(now, drawn.noise), 'actor'),
    ('qc_mfql', lambda agent, now, given, drawn: agent.climb_loss(now, drawn.noise), 'decoder'),
    ('cfgrl', lambda agent, now, given, drawn: agent.value_loss(now, given), 'value'),
    ('cfgrl', lambda agent, now, given, drawn: agent.guided_loss(
        now, given, drawn, torch.linspace(-1, 1, ROWS)), 'decoder')]


@every_algorithm
def test_what_is_not_to_be_cloned_teaches_the_critics_only(name):
    agent = make(name)
    given, drawn = batch(agent), draws(agent)
    seen = torch.arange(ROWS) < ROWS // 2
    other = given._replace(
        cloned=seen.float(), actions=torch.where(seen[:, None], given.actions, -given.actions))

    def gradients(batch):
        agent.zero_grad()
        agent.loss(batch, drawn)[0].backward()
        return {part: [p.grad.clone() for p in getattr(agent, part).parameters()]
                for part in ('decoder', 'critic') if hasattr(agent, part)}

    first, second, all_cloned = map(gradients, (
        given._replace(cloned=seen.float()), other, given))
    assert all(map(torch.equal, first['decoder'], second['decoder']))
    assert not all(map(torch.equal, first['decoder'], all_cloned['decoder']))
    if agent.has_critic:
        assert not all(map(torch.equal, first['critic'], second['critic']))
        assert all(map(torch.equal, first['critic'], all_cloned['critic']))


@pytest.mark.parametrize(('name', 'loss', 'network'), LOSSES)
def test_a_loss_trains_one_network_and_its_encoder(name, loss, network):
    agent = make(name, 'images')
    given = batch(agent, 'images')
    now = agent.encoded(given.observations)
    loss(agent, now, given, draws(agent))[0].backward()
    trained = {key.removeprefix('encoders.').split('.')[0 if key.startswith(network) else 1]
               for key, parameter in agent.named_parameters() if parameter.grad is not None}
    assert trained == {network}
    assert all(parameter.requires_grad == ('target_critic' not in key)
               for key, parameter in agent.named_parameters())


@every_algorithm
def test_draws_are_reproducible_and_rebuilt_from_their_parts(name):
    agent = make(name)
    first, again, other = draws(agent), draws(agent), draws(agent, seed=1)
    rebuilt = type(first)(*(each.to('cpu') for each in first))
    assert rebuilt._fields == first._fields
    for index, each in enumerate(first):
        assert torch.equal(each, again[index])
        assert torch.equal(each, rebuilt[index])
        assert not torch.equal(each, other[index])
    sizes = first.latents.square().mean(dim=-1)
    assert torch.allclose(sizes, torch.ones(ROWS), atol=1e-4) != agent.normal_latents
    given = batch(agent)
    losses = [copy.deepcopy(agent).loss(given, drawn)[0] for drawn in (first, rebuilt, other)]
    assert losses[0] == losses[1] != losses[2]


@every_algorithm
@every_input
@pytest.mark.parametrize('mode', ['steered', 'prior'])
def test_proposals(name, inputs, mode):
    agent = make(name, inputs)
    seen, points = observations(inputs, rows=1), torch.randn(5, agent.chunk_size)

    def propose(mode, strength):
        with torch.inference_mode():
            return agent.propose(seen, points, mode=mode, strength=strength)

    made = propose(mode, 0.5)
    assert made.chunks.shape == made.latents.shape == (5, agent.chunk_size)
    assert made.chunks.abs().max() <= 1
    assert (made.values is not None) == agent.has_critic
    assert made.values is None or made.values.shape == (agent.config.critics, 5)
    prior = propose('prior', 1.0)
    torch.testing.assert_close(propose(mode, 0.0), prior)
    torch.testing.assert_close(prior.latents, agent.prior(points))
    unchanged = torch.equal(propose('steered', 1.0).chunks, prior.chunks)
    assert unchanged == (name not in STEERABLE)


@pytest.mark.parametrize('name', ['qc_fql', 'cfgrl'])
def test_strength_of_decoding_goes_from_the_clone_to_the_whole(name):
    agent = make(name)
    now, latents = agent.encoded(observations()), torch.randn(ROWS, agent.chunk_size)
    with torch.no_grad():
        chunks = [agent.decode(now, latents, strength) for strength in (0.0, 0.1, 0.5, 1.0)]
    far = [(each - chunks[0]).abs().mean() for each in chunks]
    assert 0 == far[0] < far[1] < far[2] < far[3]


def test_steps_of_euler():
    latents = torch.zeros(2, 3)
    assert torch.equal(flow.integrate(lambda z, t: z + 1, latents, 2), torch.full((2, 3), 1.25))
    ends = flow.integrate(lambda z, t: t.expand(-1, 3), latents, 4)
    torch.testing.assert_close(ends, torch.full((2, 3), (0 + 1 + 2 + 3) / 16))


def test_flow_error_is_that_of_the_velocity():
    chunks, noise = torch.ones(2, 3), torch.full((2, 3), -1.0)
    drawn = flow.FlowDraws(noise, torch.tensor([[0.25], [0.75]]))
    errors = flow.flow_errors(lambda features, z, t: z, (), chunks, drawn)
    torch.testing.assert_close(errors, torch.tensor([(-0.5 - 2) ** 2, (0.5 - 2) ** 2]))


def test_guidance_exaggerates_the_flags_difference():
    agent = make('cfgrl', guidance=1.5)
    agent.decoder = None
    agent.__dict__['decoder'] = lambda features, z, t, flag: 0.1 + 0.4 * flag.expand_as(z)
    now, latents = agent.encoded(observations()), torch.zeros(ROWS, agent.chunk_size)
    for strength, expected in ((0, 0.1), (0.5, 0.1 + 0.75 * 0.4), (1, 0.1 + 1.5 * 0.4)):
        torch.testing.assert_close(
            agent.decode(now, latents, strength), torch.full_like(latents, expected))


def test_value_is_an_expectile_of_the_critics():
    agent = make('cfgrl', expectile=0.8)
    given = batch(agent)
    now = agent.encoded(given.observations)
    q = agent.target_critic(now('target_critic'), given.actions).amin(0)
    difference = q - agent.value(now('value'))[0]
    assert (difference > 0).any() and (difference < 0).any()
    loss, advantage, _ = agent.value_loss(now, given)
    torch.testing.assert_close(advantage, difference.detach())
    expected = torch.stack([(0.8 if each > 0 else 0.2) * each**2 for each in difference]).mean()
    torch.testing.assert_close(loss, expected)


def test_only_better_chunks_are_flagged():
    agent = make('cfgrl')
    given, drawn = batch(agent), draws(agent)
    now = agent.encoded(given.observations)
    errors = [flow.flow_errors(agent.decoder, now('decoder'), given.actions, drawn,
                               torch.full((ROWS, 1), flag)) for flag in (0.0, 1.0)]
    advantage = torch.tensor([1.0, -1.0] * (ROWS // 2))
    loss, metrics = agent.guided_loss(now, given, drawn, advantage)
    torch.testing.assert_close(loss, (errors[1][::2].sum() + 0.1 * errors[0].sum()) / ROWS)
    assert metrics['decoder/better_share'] == 0.5


def test_target_of_best_of_n_is_the_best_of_its_candidates():
    agent = make('best_of_n')
    later, candidates = agent.encoded(observations()), draws(agent).candidates
    assert candidates.shape == (3, ROWS, agent.chunk_size)
    values = [agent.decoded_value(later, latents) for latents in candidates]
    best = agent.best_value(later, candidates)
    torch.testing.assert_close(best, torch.stack(values).amax(0))
    assert not best.requires_grad


@pytest.mark.parametrize(('name', 'part'), [
    ('qc_fql', 'actor/imitation_error'), ('qc_mfql', 'decoder/flow_loss')])
def test_alpha_weighs_imitation(name, part):
    losses = []
    for alpha in (1.0, 4.0):
        agent = make(name, alpha=alpha)
        torch.manual_seed(0)
        losses.append(agent.loss(batch(agent), draws(agent)))
    (one, metrics), (four, _) = losses
    torch.testing.assert_close(four - one, 3 * metrics[part])


@pytest.mark.parametrize(('values', 'line'), [
    ({'algorithm': 'ddpg'}, "algorithm: found 'ddpg', expected one of lps, "),
    ({'algorithm': 'flow_bc', 'flow_steps': 0}, 'flow_steps: found 0, expected an integer from 1'),
    ({'algorithm': 'flow_bc', 'discount': 0.9}, "found no setting 'discount'"),
    ({'algorithm': 'flow_bc', 'candidates': 2}, 'candidates: found 2, expected 1: flow_bc has no'),
    ({'algorithm': 'dsrl', 'critic_aggregation': 'max'}, "found 'max', expected one of min, mean"),
    ({'algorithm': 'qc_fql', 'actor_widths': []}, 'actor_widths: found an empty list'),
    ({'algorithm': 'qc_mfql', 'alpha': -1}, 'alpha: found -1, expected a number from 0'),
    ({'algorithm': 'cfgrl', 'expectile': 2}, 'expectile: found 2, expected a number from 0 to 1'),
    ({'algorithm': 'cfgrl', 'guidance': 'much'}, "guidance: found 'much', expected a number"),
    ({'algorithm': 'best_of_n', 'target_candidates': 0}, 'target_candidates: found 0, expected'),
    ({'algorithm': 'best_of_n', 'target_candidate': 4}, "did you mean 'target_candidates'")])
def test_a_wrong_setting_is_one_line(values, line):
    with pytest.raises(ConfigError, match=line) as error:
        TrainerConfig.from_mapping(values)
    assert '\n' not in str(error.value)


@every_algorithm
def test_defaults_are_within_the_ranges_and_say_how_to_act(name):
    config = TrainerConfig.from_mapping({'algorithm': name})
    assert TrainerConfig.from_mapping(config.flat()) == config
    assert config.learner == ALGORITHMS[name].config_type()
    candidates = {'lps': 4, 'best_of_n': 32}.get(name, 1)
    assert (config.mode, config.candidates) == (
        'steered' if name in ('dsrl', 'qc_fql', 'cfgrl') else 'prior', candidates)


@pytest.mark.parametrize('name', CLONES)
def test_a_clone_cannot_choose_among_candidates(name):
    policy = Policy(make(name), Normaliser(
        mean=np.zeros(VECTOR, np.float32), std=np.ones(VECTOR, np.float32)))
    arguments = {'mode': 'prior', 'rng': torch.Generator()}
    assert np.isnan(policy.plan(np.zeros(VECTOR, np.float32), **arguments).q)
    with pytest.raises(ValueError, match=f'candidates is 2, expected 1: algorithm {name} has no'):
        policy.plan(np.zeros(VECTOR, np.float32), candidates=2, **arguments)


@every_algorithm
def test_a_bundle_plans_as_the_algorithm_did(name, tmp_path):
    agent = make(name, vector=2)
    normaliser = Normaliser.fit(np.random.default_rng(0).normal(size=(20, 2)))
    saved = save_bundle(
        tmp_path / 'made', agent=agent, contract=contract().subset(['position']),
        normaliser=normaliser, metadata={'steering': dict(agent.steering)})
    loaded = load_bundle(saved)
    assert type(loaded.policy.agent) is ALGORITHMS[name]
    assert loaded.policy.agent.config == agent.config
    assert loaded.metadata['steering'] == agent.steering
    assert 'a new plan every 2 ticks' in (saved / 'README.md').read_text()
    for mode in ('steered', 'prior'):
        plans = [policy.plan(np.array([0.2, -0.1], np.float32), mode=mode, candidates=candidates,
                             rng=torch.Generator().manual_seed(0))
                 for policy in (Policy(agent, normaliser), loaded.policy)
                 for candidates in (1, 5 if agent.has_critic else 1)]
        for before, after in zip(plans[:2], plans[2:], strict=True):
            np.testing.assert_array_equal(before.actions, after.actions)
            np.testing.assert_equal(before.q, after.q)


@pytest.mark.parametrize('name', ['qc_fql', 'qc_mfql'])
def test_what_imitates_and_climbs_does_both(name):
    """Any action is in the data, their first number is rewarded."""
    torch.set_num_threads(1)
    agent = make(name, horizon=1, lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        seen, next_seen = torch.randn(2, 64, VECTOR)
        actions = torch.rand(64, ACTION) * 2 - 1
        agent.update(Transitions(
            Observations(seen), actions, actions[:, 0], torch.zeros(64),
            Observations(next_seen), torch.ones(64)), agent.draw(64, generator))
    now, latents = agent.encoded(observations(rows=100)), torch.randn(100, ACTION)
    first, second = agent.decode(now, latents).detach().unbind(-1)
    assert first.mean() > 0.5
    assert second.mean().abs() < 0.3
    assert second.std() > 0.1


def test_the_target_of_lps_is_the_actors_or_the_best_of_random_latents():
    for count in (0, 3):
        agent = make('lps', target_candidates=count)
        given, drawn = batch(agent), draws(agent)
        assert drawn.candidates.shape == (count, ROWS, agent.chunk_size)
        later = agent.encoded(given.next_observations)
        expected = agent.best_value(later, drawn.candidates) if count else agent.next_value(later)
        other = agent.next_value(later) if count else expected + 1
        assert not torch.allclose(expected, other)
        now = agent.encoded(given.observations)
        loss, metrics = agent.loss(given, drawn)
        critic, _ = agent.critic_loss(now, given, expected)
        torch.testing.assert_close(metrics['critic/critic_loss'], critic.detach())
