"""Learning from camera frames: what is learnt, resume to the bit, precision, bundles."""

from contextlib import nullcontext
from dataclasses import replace
import json

from image_samples import ends
from image_samples import image_cache
from image_samples import seeing
from learning_samples import config
from learning_samples import contract
from learning_samples import use_cache
from lps_ros.contract import ContractError
from lps_ros.data import DatasetError
from lps_ros.data.chunks import ChunkSampler
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning import checkpoint
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.batches import Batches
from lps_ros.learning.batches import moved
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.errors import TrainingError
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.precision import losses
from lps_ros.learning.trainer import Trainer
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
from safetensors.torch import load_file
from test_trainer import assert_same
from test_trainer import stop_at
import torch


@pytest.fixture(autouse=True)
def recordings(monkeypatch):
    made = image_cache()
    use_cache(monkeypatch, made)
    return made


def trainer(run_dir, resume=False, **changes):
    return Trainer(seeing(**{'steps': 3, **changes}), 'dataset', contract(), run_dir,
                   resume=resume)


def weights(result):
    return load_file(result.bundle / 'weights.safetensors')


@pytest.fixture(scope='module')
def learnt(tmp_path_factory):
    """Return the bundle of a policy that has learnt to go where the picture says."""
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, image_cache())
        return load_bundle(trainer(
            tmp_path_factory.mktemp('run'), steps=120, batch_size=64, shared_encoder=False,
            decoder_widths=(64, 64), critic_widths=(64, 64)).run().bundle)


def test_a_policy_learns_to_go_where_only_the_picture_tells(learnt):
    for side in (-1, 1):
        reached = [side * end >= 1 for end in ends(learnt.policy, side, runs=10)]
        assert sum(reached) >= 9, side


def test_values_are_those_of_each_rows_own_frame(learnt):
    frames = image_cache(2).images['camera'][[0, -1]]
    positions, chunks = np.zeros((2, 2), np.float32), np.zeros((2, 5, 2), np.float32)
    both = learnt.policy.q_values(positions, chunks, [frames])
    for row in (0, 1):
        one = slice(row, row + 1)
        np.testing.assert_allclose(learnt.policy.q_values(
            positions[one], chunks[one], [frames[one]])[:, 0], both[:, row], rtol=1e-4)
    assert np.abs(both[:, 0] - both[:, 1]).min() > 1e-3


@pytest.mark.parametrize('how', [
    {}, {'precision': 'bfloat16'}, {'shared_encoder': False, 'observation_noise': 0.1}])
def test_resumed_run_ends_with_the_same_bits(tmp_path, how):
    whole = trainer(tmp_path / 'whole', steps=13, **how).run()
    parts = tmp_path / 'parts'
    stopped = trainer(parts, steps=13, **how).run(*stop_at(5))
    assert (stopped.step, stopped.bundle) == (5, None)
    torch.manual_seed(1)  # nothing may depend on torch's global generator
    resumed = trainer(parts, resume=True, steps=13, **how).run()
    assert resumed.step == whole.step == 13
    assert_same(tmp_path / 'whole' / checkpoint.NAME, parts / checkpoint.NAME)
    assert_same(whole.bundle / 'weights.safetensors', resumed.bundle / 'weights.safetensors')


def test_crops_change_what_is_learnt(tmp_path):
    runs = [weights(trainer(tmp_path / str(number), augment_probability=share,
                            augment_padding=padding).run())
            for number, (share, padding) in enumerate(((0, 3), (1, 0), (1, 3)))]
    name = 'encoders.encoders.shared.views.0.stacks.0.convolution.weight'
    assert torch.equal(runs[0][name], runs[1][name])
    assert not torch.equal(runs[0][name], runs[2][name])


def test_bfloat16_keeps_weights_in_float32_and_stays_near_it(tmp_path):
    runs = [trainer(tmp_path / precision, precision=precision).run()
            for precision in ('float32', 'bfloat16')]
    exact, lower = (weights(run) for run in runs)
    assert {value.dtype for value in lower.values()} == {torch.float32}
    assert any(not torch.equal(value, exact[name]) for name, value in lower.items())
    for name in ('decoder/flow_loss', 'critic/critic_loss'):
        assert runs[1].metrics[name] == pytest.approx(runs[0].metrics[name], rel=0.02)


def test_the_losses_are_compiled_on_request(tmp_path, monkeypatch):
    compiled = []

    def compile_(function):
        compiled.append(function.__qualname__)
        return function
    monkeypatch.setattr(torch, 'compile', compile_)
    plain = weights(trainer(tmp_path / 'plain').run())
    assert compiled == []
    same = weights(trainer(tmp_path / 'compiled', compile=True).run())
    assert compiled == ['LPS.loss']
    assert all(torch.equal(value, plain[name]) for name, value in same.items())


def fails(*arguments):
    from torch._dynamo.exc import TorchDynamoException
    raise TorchDynamoException('InvalidCxxCompiler: none found\nmore')


def fails_backward(*arguments):
    loss = torch.zeros((), requires_grad=True)
    loss.register_hook(fails)
    return loss, {}


# The backward pass is compiled when it is first run.
@pytest.mark.parametrize('compiled', (fails, fails_backward))
def test_a_machine_that_cannot_compile_is_told_in_one_line(tmp_path, monkeypatch, compiled):
    monkeypatch.setattr(torch, 'compile', lambda function: compiled)
    with pytest.raises(ConfigError) as caught:
        trainer(tmp_path, compile=True).run()
    assert str(caught.value) == (
        'compile: found True, which cannot be done here (InvalidCxxCompiler: none found); set it '
        'to False, or install what it asks for')


def test_a_bundle_sees_what_the_policy_saw(tmp_path, recordings):
    result = trainer(tmp_path).run()
    first, second = (load_bundle(result.bundle) for _ in range(2))
    assert [o.key for o in first.contract.observations] == ['position', 'camera']
    assert first.policy.agent.shape.images == ((6, 8),)
    metadata = json.loads((result.bundle / 'policy.json').read_text())
    assert metadata['observations']['names'] == ['position.x', 'position.y']
    frame = np.array(recordings.images['camera'][3])
    plans = [each.policy.plan(
        np.zeros(2, np.float32), [frame], mode='steered', candidates=3,
        rng=torch.Generator().manual_seed(0)) for each in (first, second)]
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
    dark = first.policy.plan(
        np.zeros(2, np.float32), [np.zeros_like(frame)], mode='steered', candidates=3,
        rng=torch.Generator().manual_seed(0))
    assert not np.array_equal(dark.actions, plans[0].actions)


@pytest.mark.parametrize('images', [
    [], [np.zeros((8, 6, 3), np.uint8)], [np.zeros((6, 8, 3), np.float32)],
    [np.zeros((6, 8, 3), np.uint8)] * 2])
def test_frames_that_the_policy_was_not_made_for_are_refused(learnt, images):
    with pytest.raises(ValueError, match=r'images have shapes .*expected \[\(6, 8, 3\)\] of uin'):
        learnt.policy.plan(
            np.zeros(2, np.float32), images, mode='prior', rng=torch.Generator())


def test_a_policy_may_see_pictures_alone(tmp_path, recordings, monkeypatch):
    use_cache(monkeypatch, replace(
        recordings, observations=recordings.observations[:, :0], names=()))
    path = trainer(tmp_path, observations=('camera',)).run().bundle
    assert 'cameras: camera' in (path / 'README.md').read_text()
    bundle = load_bundle(path)
    plan = bundle.policy.plan(
        np.zeros(0, np.float32), [recordings.images['camera'][0]], mode='prior',
        rng=torch.Generator())
    assert np.isfinite(plan.actions).all()


def test_other_frames_are_other_data(tmp_path, recordings, monkeypatch):
    trainer(tmp_path, steps=13).run(*stop_at(5))
    frames = recordings.images['camera'].copy()
    frames[20, 2, 2, 2] ^= 1
    use_cache(monkeypatch, replace(recordings, images={'camera': frames}))
    with pytest.raises(TrainingError, match='was made with fingerprint'):
        trainer(tmp_path, resume=True, steps=13).run()


@pytest.mark.parametrize('change', [
    {'augment_padding': 2}, {'augment_probability': 0.4}, {'precision': 'bfloat16'},
    {'compile': True}])
def test_settings_that_decide_the_weights_may_not_change_on_resume(tmp_path, change):
    trainer(tmp_path, steps=13).run(*stop_at(5))
    with pytest.raises(TrainingError, match=f'was made with {next(iter(change))} '):
        trainer(tmp_path, resume=True, steps=13, **change).run()


@pytest.mark.parametrize('colour', [0, 90, 255])
def test_frames_and_positions_that_never_change_still_train(
        tmp_path, recordings, monkeypatch, colour):
    use_cache(monkeypatch, replace(
        recordings, observations=np.full_like(recordings.observations, 3.0),
        images={'camera': np.full_like(recordings.images['camera'], colour)}))
    trained = trainer(tmp_path, steps=13).run()
    assert all(np.isfinite(value) for value in trained.metrics.values())
    assert all(value.isfinite().all() for value in weights(trained).values())


def test_a_batch_may_be_larger_than_the_recordings(tmp_path, monkeypatch):
    few = image_cache(1)
    use_cache(monkeypatch, few)
    trained = trainer(tmp_path, batch_size=512).run()
    assert load_bundle(trained.bundle).metadata['data']['chunks'] < 512


def test_a_chunk_longer_than_an_episode_is_refused(tmp_path, recordings):
    with pytest.raises(DatasetError, match=(
            r'^dataset/\d+.hdf5: has \d+ transitions, expected at least a chunk of 100; remove')):
        trainer(tmp_path, horizon=100).run()
    assert not (tmp_path / checkpoint.NAME).exists()


def test_divergence_of_an_image_encoder_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    trainer(tmp_path, steps=23).run(*stop_at(10))
    before = (tmp_path / checkpoint.NAME).read_bytes()
    update = torch.optim.Adam.step

    def poisoned(self, *arguments):
        update(self, *arguments)
        self.param_groups[0]['params'][0].data.fill_(float('nan'))
    assert next(trained_parts()).startswith('encoders.')
    monkeypatch.setattr(torch.optim.Adam, 'step', poisoned)
    with pytest.raises(TrainingError, match=r'diverged by update 15: .* is nan; .* still good'):
        trainer(tmp_path, resume=True, steps=23).run()
    assert (tmp_path / checkpoint.NAME).read_bytes() == before
    assert not (tmp_path / 'bundle').exists()


def trained_parts():
    """Yield the names of the weights in the order in which the optimiser has them."""
    agent = ALGORITHMS['lps'](
        seeing().learner, ObservationShape(vector=2, images=((6, 8),)), 2)
    return (name for name, value in agent.named_parameters() if value.requires_grad)


def test_the_highest_learning_rate_ends_with_finite_weights_or_one_line(tmp_path):
    try:
        trained = trainer(tmp_path, lr=1, lr_schedule='constant', steps=40).run()
    except TrainingError as error:
        assert str(error).startswith('training diverged by update ')
        assert '\n' not in str(error)
    else:
        assert all(value.isfinite().all() for value in weights(trained).values())


def test_a_gpu_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="found 'cuda:99', which cannot be used") as error:
        trainer(tmp_path, device='cuda:99').run()
    assert '\n' not in str(error.value)
    assert not (tmp_path / checkpoint.NAME).exists()


def test_cameras_are_left_out_unless_they_are_named(tmp_path):
    plain = Trainer(config(), 'dataset', contract(), tmp_path)
    assert [o.key for o in plain.contract.observations] == ['position']
    with pytest.raises(ContractError, match="found no observation 'wrist'"):
        trainer(tmp_path, observations=('position', 'wrist'))
    with pytest.raises(ConfigError, match='has only images; name those to learn from'):
        Trainer(config(), 'dataset', contract().subset(['camera']), tmp_path)


@pytest.mark.parametrize('decoder', ['mlp', 'dit_nano'])
@pytest.mark.parametrize('name', ALGORITHMS)
def test_an_update_leaves_nothing_on_the_cpu(recordings, monkeypatch, name, decoder):
    """A device without data stands for a GPU: whatever mixes devices raises an error."""
    monkeypatch.setattr(torch, 'autocast', lambda *arguments, **options: nullcontext())
    settings = TrainerConfig.from_mapping({
        'algorithm': name, 'decoder': decoder, 'encoder': 'impala_debug', 'batch_size': 16,
        'device': 'meta', 'augment_probability': 1.0})
    normaliser = Normaliser.fit(recordings.observations)
    batches = Batches(ChunkSampler(
        recordings, horizon=5, discount=0.99, task=contract().task, failures='unused', seed=0),
        normaliser, settings)
    agent = ALGORITHMS[name](
        settings.learner, ObservationShape(vector=2, images=((6, 8),)), 2).to('meta')
    generator = torch.Generator().manual_seed(0)
    draws = agent.draw(settings.batch_size, generator)
    draws = type(draws)(*(moved(each, torch.device('meta')) for each in draws))
    loss, metrics = losses(agent, settings)(batches.draw(generator), draws)
    loss.backward()
    agent.average_targets()
    assert {value.device.type for value in (loss, *metrics.values())} == {'meta'}
