"""Training runs: resume to the bit, stop, divergence, damaged and foreign checkpoints."""

from dataclasses import replace
import json
from threading import Event

from learning_samples import cache
from learning_samples import config
from learning_samples import contract
from learning_samples import use_cache
from lps_ros.data import DatasetError
from lps_ros.data import StorageError
from lps_ros.learning import checkpoint
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.errors import BundleError
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.errors import TrainingError
from lps_ros.learning.trainer import Trainer
import numpy as np
import pytest
from safetensors.torch import load_file
import torch


@pytest.fixture(autouse=True)
def recordings(monkeypatch):
    made = cache()
    use_cache(monkeypatch, made)
    return made


def trainer(run_dir, resume=False, dataset='dataset', **changes):
    return Trainer(config(**changes), dataset, contract(), run_dir, resume=resume,
                   command='lps train')


def stop_at(step):
    """Return a callback and an event that it sets at this update."""
    stop = Event()

    def callback(progress):
        if progress['phase'] == 'training' and progress['step'] >= step:
            stop.set()
    return callback, stop


def assert_same(first, second):
    ours, theirs = load_file(first), load_file(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_resumed_run_ends_with_the_same_bits(tmp_path):
    whole = trainer(tmp_path / 'whole', steps=23).run()
    parts = tmp_path / 'parts'
    for number, step in enumerate((5, 15)):
        stopped = trainer(parts, resume=number > 0, steps=23).run(*stop_at(step))
        assert stopped.step == step
        assert stopped.bundle is None
        torch.manual_seed(number)  # nothing may depend on torch's global generator
    resumed = trainer(parts, resume=True, steps=23).run()
    assert resumed.step == whole.step == 23
    assert_same(tmp_path / 'whole' / checkpoint.NAME, parts / checkpoint.NAME)
    assert_same(whole.bundle / 'weights.safetensors', resumed.bundle / 'weights.safetensors')


def test_other_seed_gives_other_weights(tmp_path):
    runs = [trainer(tmp_path / str(seed), seed=seed, steps=2).run() for seed in (0, 1)]
    first, second = (load_file(run.bundle / 'weights.safetensors') for run in runs)
    name = 'decoder.mlp.hidden.0.weight'
    assert not torch.equal(first[name], second[name])


def test_progress_and_metrics(tmp_path):
    told = []
    result = trainer(tmp_path, steps=12).run(told.append)
    assert [each['step'] for each in told] == [5, 10, 12]
    assert all(each['steps'] == 12 and each['updates_per_s'] > 0 for each in told)
    assert told[-1]['remaining_s'] == 0
    assert told[-1]['lr'] == pytest.approx(0, abs=1e-9)
    assert told[0]['lr'] > told[1]['lr']
    assert result.metrics == told[-1]['metrics']
    assert {'critic/q_mean', 'decoder/flow_loss', 'latent/latent_loss'} <= set(result.metrics)
    assert list((tmp_path / 'tensorboard').iterdir())


def test_noise_changes_the_weights(tmp_path):
    runs = [trainer(tmp_path / str(noise), steps=2, observation_noise=noise).run()
            for noise in (0.0, 0.5)]
    first, second = (load_file(run.bundle / 'weights.safetensors') for run in runs)
    assert not torch.equal(first['critic.output.bias'], second['critic.output.bias'])


def test_failures_are_used_on_request_only(tmp_path, recordings):
    for failures in ('unused', 'valued', 'cloned'):
        use_failures = failures != 'unused'
        result = trainer(tmp_path / failures, steps=1, failures=failures).run()
        metadata = load_bundle(result.bundle).metadata
        used = len(recordings.outcomes) if use_failures else recordings.outcomes.sum()
        assert 0 < recordings.outcomes.sum() < len(recordings.outcomes)
        assert metadata['data']['episodes_used'] == used
        rows = np.repeat(recordings.outcomes | use_failures, np.diff(recordings.episode_offsets))
        seen = recordings.observations[rows]
        np.testing.assert_allclose(
            metadata['normalisation']['mean'], seen.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            metadata['observation_statistics']['max'], seen.max(axis=0), rtol=1e-6)


def test_bundle_tells_data_command_and_settings(tmp_path):
    result = trainer(tmp_path, steps=3).run()
    metadata = json.loads((result.bundle / 'policy.json').read_text())
    assert metadata['training']['command'] == 'lps train'
    assert metadata['training']['settings']['steps'] == 3
    assert metadata['data']['chunks'] > 0
    assert len(metadata['data']['fingerprint']) == 16
    assert metadata['observations']['keys'] == ['position']


def test_existing_checkpoint_is_not_overwritten(tmp_path):
    trainer(tmp_path, steps=1).run()
    with pytest.raises(TrainingError, match='found the checkpoint of an earlier run; resume it'):
        trainer(tmp_path)


def test_a_bundle_that_could_not_be_written_is_refused_before_training(tmp_path, monkeypatch):
    (tmp_path / 'thesis').mkdir()
    (tmp_path / 'file').write_text('')
    monkeypatch.setattr(Trainer, 'run', lambda *arguments: pytest.fail('trained'))
    for bundle, error, line in (
            ('thesis', BundleError, 'thesis: exists and is no policy bundle'),
            ('file', BundleError, 'file: exists and is no policy bundle'),
            ('file/below/bundle', StorageError, r'below: cannot write \(Not a directory\)'),
            ('/proc/bundle', StorageError, 'proc: cannot write')):
        with pytest.raises(error, match=line) as caught:
            Trainer(config(), 'dataset', contract(), tmp_path / 'run', bundle=tmp_path / bundle)
        assert '\n' not in str(caught.value)
    Trainer(config(), 'dataset', contract(), tmp_path / 'run', bundle=tmp_path / 'new' / 'bundle')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'thesis']


def test_nothing_to_resume(tmp_path):
    with pytest.raises(TrainingError, match='found no checkpoint to resume'):
        trainer(tmp_path, resume=True)


def test_resume_with_other_settings_or_data(tmp_path, monkeypatch):
    trainer(tmp_path).run(*stop_at(5))
    with pytest.raises(TrainingError, match='was made with tau 0.005, found 0.1'):
        trainer(tmp_path, resume=True, tau=0.1).run()
    use_cache(monkeypatch, cache(seed=1))
    with pytest.raises(TrainingError, match='was made with fingerprint'):
        trainer(tmp_path, resume=True).run()


def test_report_intervals_may_change_on_resume(tmp_path):
    trainer(tmp_path).run(*stop_at(5))
    assert trainer(tmp_path, resume=True, log_every=3, checkpoint_every=4).run().step == 20


@pytest.mark.parametrize('damage', [b'', b'garbage', None])
def test_damaged_checkpoint(tmp_path, damage):
    trainer(tmp_path).run(*stop_at(5))
    path = tmp_path / checkpoint.NAME
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(TrainingError, match='is not a checkpoint') as error:
        trainer(tmp_path, resume=True).run()
    assert '\n' not in str(error.value)


def test_divergence_keeps_the_last_good_checkpoint(tmp_path, recordings, monkeypatch):
    good = trainer(tmp_path).run(*stop_at(10))
    before = (tmp_path / checkpoint.NAME).read_bytes()
    update = torch.optim.Adam.step

    def poisoned(self, *arguments):
        update(self, *arguments)
        self.param_groups[0]['params'][0].data.fill_(float('nan'))
    monkeypatch.setattr(torch.optim.Adam, 'step', poisoned)
    with pytest.raises(TrainingError, match=r'diverged by update 15: .* is nan; .* still good'):
        trainer(tmp_path, resume=True).run()
    assert good.step == 10
    assert (tmp_path / checkpoint.NAME).read_bytes() == before
    assert not (tmp_path / 'bundle').exists()


def test_weights_that_diverge_at_the_last_update_are_not_saved(tmp_path, monkeypatch):
    update = torch.optim.Adam.step

    def poisoned(self, *arguments):
        update(self, *arguments)
        self.param_groups[0]['params'][0].data.fill_(float('inf'))
    monkeypatch.setattr(torch.optim.Adam, 'step', poisoned)
    with pytest.raises(TrainingError, match='a weight is not finite; nothing was saved'):
        trainer(tmp_path, steps=1).run()
    assert not (tmp_path / checkpoint.NAME).exists()


def test_a_device_that_is_too_small_is_told_in_one_line(tmp_path, monkeypatch):
    def fails(self, *arguments):
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')
    monkeypatch.setattr(torch.optim.Adam, 'step', fails)
    with pytest.raises(TrainingError, match='batch_size: found .* cpu has too little memory'):
        trainer(tmp_path).run()


def test_data_that_is_not_finite(tmp_path, recordings, monkeypatch):
    observations = recordings.observations.copy()
    observations[recordings.episode_offsets[np.flatnonzero(recordings.outcomes)[0]]] = np.nan
    use_cache(monkeypatch, replace(recordings, observations=observations))
    with pytest.raises(TrainingError, match='diverged'):
        trainer(tmp_path).run()


def test_full_disk_keeps_the_checkpoint(tmp_path, monkeypatch):
    trainer(tmp_path).run(*stop_at(5))
    before = (tmp_path / checkpoint.NAME).read_bytes()

    def full(path, content):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(checkpoint, 'replace', full)
    with pytest.raises(StorageError, match='the disk is full'):
        trainer(tmp_path, resume=True).run()
    assert (tmp_path / checkpoint.NAME).read_bytes() == before


def test_fine_tuning_starts_from_the_bundle(tmp_path, monkeypatch):
    first = trainer(tmp_path / 'first', steps=5).run()
    use_cache(monkeypatch, cache(seed=1))
    tuned = trainer(tmp_path / 'tuned', steps=1, lr=1e-12, start_from=str(first.bundle)).run()
    ours, theirs = load_bundle(tuned.bundle), load_bundle(first.bundle)
    for name, value in theirs.policy.agent.critic.state_dict().items():
        torch.testing.assert_close(
            ours.policy.agent.critic.state_dict()[name], value, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(ours.policy.normaliser.mean, theirs.policy.normaliser.mean)


def test_fine_tuning_with_other_networks(tmp_path):
    first = trainer(tmp_path / 'first', steps=1).run()
    with pytest.raises(TrainingError, match='its networks differ in'):
        trainer(tmp_path / 'tuned', start_from=str(first.bundle), decoder_widths=(16,)).run()


def test_unusable_device(tmp_path):
    with pytest.raises(ConfigError, match="device: found 'warp', which cannot be used here"):
        trainer(tmp_path, device='warp').run()


def test_dataset_without_success(tmp_path, recordings, monkeypatch):
    use_cache(monkeypatch, replace(recordings, outcomes=np.zeros_like(recordings.outcomes)))
    with pytest.raises(DatasetError, match='found no success'):
        trainer(tmp_path).run()
