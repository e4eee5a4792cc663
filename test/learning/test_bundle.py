"""Policy bundles: round trip, model card, results, and every way they can be damaged."""

import json

from learning_samples import cache
from learning_samples import config
from learning_samples import contract
from learning_samples import use_cache
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.bundle import update_results
from lps_ros.learning.bundle_metadata import migrated
from lps_ros.learning.errors import BundleError
from lps_ros.learning.trainer import Trainer
import numpy as np
import pytest
from safetensors.torch import load_file
from safetensors.torch import save_file
import torch


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, cache())
        run = tmp_path_factory.mktemp('run')
        return Trainer(config(steps=2), 'dataset', contract(), run, command='lps train X').run()


@pytest.fixture
def bundle(made, tmp_path):
    """Give a copy of a bundle, to damage."""
    loaded = load_bundle(made.bundle)
    return save_bundle(
        tmp_path / 'slider', agent=loaded.policy.agent, contract=loaded.contract,
        normaliser=loaded.policy.normaliser, metadata=loaded.metadata)


def edit(bundle, change):
    """Apply a change to the content of policy.json."""
    content = json.loads((bundle / 'policy.json').read_text())
    change(content)
    (bundle / 'policy.json').write_text(json.dumps(content))


def edit_weights(bundle, change):
    tensors = load_file(bundle / 'weights.safetensors')
    change(tensors)
    save_file(tensors, bundle / 'weights.safetensors')


def refused(bundle):
    """Return the one line that loading fails with."""
    with pytest.raises(BundleError) as error:
        load_bundle(bundle)
    line = str(error.value)
    assert '\n' not in line
    assert str(bundle) in line
    return line


def test_round_trip(made, bundle):
    first, second = load_bundle(made.bundle), load_bundle(bundle)
    observation = np.array([0.2, -0.1], np.float32)
    plans = [each.policy.plan(observation, mode='prior', candidates=4,
                              rng=torch.Generator().manual_seed(0)) for each in (first, second)]
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
    assert plans[0].q == plans[1].q
    assert second.metadata == first.metadata
    assert second.contract.data_hash == contract().subset(['position']).data_hash
    assert sorted(path.name for path in bundle.iterdir()) == [
        'README.md', 'policy.json', 'weights.safetensors']


def test_all_networks_are_in_the_weights(bundle):
    names = load_file(bundle / 'weights.safetensors')
    assert {name.split('.')[0] for name in names} == {
        'decoder', 'latent_actor', 'critic', 'target_critic'}


def test_loading_does_not_disturb_the_global_generator(bundle):
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    load_bundle(bundle)
    assert torch.equal(torch.randn(3), expected)


def test_unknown_fields_and_tensors_are_ignored(bundle):
    edit(bundle, lambda content: content.update(colour='red'))
    edit(bundle, lambda content: content['algorithm']['config'].update(temperature=3))
    edit_weights(bundle, lambda tensors: tensors.update(extra=torch.zeros(2)))
    load_bundle(bundle)


def test_saving_replaces_an_older_bundle_as_a_whole(made, bundle):
    (bundle / 'stray.txt').write_text('old')
    loaded = load_bundle(made.bundle)
    save_bundle(bundle, agent=loaded.policy.agent, contract=loaded.contract,
                normaliser=loaded.policy.normaliser, metadata={})
    assert not (bundle / 'stray.txt').exists()
    assert [path.name for path in bundle.parent.iterdir()] == ['slider']
    load_bundle(bundle)


def test_other_folders_are_not_replaced(made, tmp_path):
    loaded = load_bundle(made.bundle)
    (tmp_path / 'thesis').mkdir()
    (tmp_path / 'thesis' / 'chapter').write_text('1')
    with pytest.raises(BundleError, match='exists and is no policy bundle'):
        save_bundle(tmp_path / 'thesis', agent=loaded.policy.agent, contract=loaded.contract,
                    normaliser=loaded.policy.normaliser, metadata={})
    assert (tmp_path / 'thesis' / 'chapter').exists()


def test_interrupted_save_leaves_the_older_bundle(made, bundle, monkeypatch):
    before = (bundle / 'policy.json').read_bytes()
    loaded = load_bundle(made.bundle)
    monkeypatch.setattr('lps_ros.learning.bundle.model_card', lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_bundle(bundle, agent=loaded.policy.agent, contract=loaded.contract,
                    normaliser=loaded.policy.normaliser, metadata={})
    assert (bundle / 'policy.json').read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir()] == ['slider']


def test_results_enter_metadata_and_card(bundle):
    update_results(bundle, {'100 seeds': {
        'steered': {'success': 0.93, 'interval': [0.86, 0.97]}, 'prior': {'success': 0.66}}})
    update_results(bundle, {'speed': {'plan_ms': 1.25}})
    card = (bundle / 'README.md').read_text()
    assert '| steered | 0.93 | 0.86 to 0.97 |' in card
    assert '| prior | 0.66 |  |' in card
    assert 'plan_ms' in card
    assert load_bundle(bundle).metadata['results']['speed'] == {'plan_ms': 1.25}


def test_card_gives_data_command_and_settings(bundle):
    card = (bundle / 'README.md').read_text()
    for part in ('# slider', 'lps train X', 'fingerprint `', 'position (2 numbers)', 'tau: 0.005',
                 contract().subset(['position']).data_hash):
        assert part in card


@pytest.mark.parametrize('name', ['policy.json', 'weights.safetensors'])
def test_missing_file(bundle, name):
    (bundle / name).unlink()
    line = refused(bundle)
    assert f'{name}: cannot read (No such file or directory)' in line


def test_missing_folder(tmp_path):
    assert 'give the folder of a policy bundle' in refused(tmp_path / 'nothing')


def test_missing_tensor(bundle):
    edit_weights(bundle, lambda tensors: tensors.pop('critic.output.bias'))
    assert 'found no tensor critic.output.bias, expected one of shape (2, 1)' in refused(bundle)


def test_wrong_shaped_tensor(bundle):
    edit_weights(bundle, lambda tensors: tensors.update(
        {'critic.output.bias': torch.zeros(3, 1)}))
    assert 'critic.output.bias is torch.float32 (3, 1), expected torch.float32 (2, 1)' in refused(
        bundle)


def test_tensor_that_is_not_finite(bundle):
    edit_weights(bundle, lambda tensors: tensors['critic.output.bias'].fill_(float('nan')))
    assert 'critic.output.bias holds a value that is not finite' in refused(bundle)


def test_truncated_weights(bundle):
    path = bundle / 'weights.safetensors'
    path.write_bytes(path.read_bytes()[:-50])
    assert 'is no safetensors file' in refused(bundle)


@pytest.mark.parametrize(('text', 'line'), [
    (100_000 * '{"a":', 'nested hundreds of levels deep'),
    ('{"schema', 'is not JSON'), ('[]', 'found a list, expected an object'),
    ('{}', 'found schema_version None'), (b'\xff\xfe'.decode('latin1'), 'is not JSON')])
def test_bad_json(bundle, text, line):
    (bundle / 'policy.json').write_text(text, encoding='latin1')
    assert line in refused(bundle)


def test_newer_schema(bundle):
    edit(bundle, lambda content: content.update(schema_version=99))
    line = refused(bundle)
    assert 'found schema version 99, this software reads up to 1; update lps_ros' in line


@pytest.mark.parametrize(('change', 'line'), [
    (lambda content: content.pop('normalisation'), 'found None at normalisation.mean'),
    (lambda content: content['normalisation'].update(mean=[0.0]), 'is not 2 finite numbers'),
    (lambda content: content['normalisation'].update(std=[1.0, 0.0]), 'is not 2 finite numbers'),
    (lambda content: content['normalisation'].update(std=['a', 'b']), 'is not 2 finite numbers'),
    (lambda content: content['algorithm'].update(name='dreamer'), "found algorithm 'dreamer'"),
    (lambda content: content['algorithm']['config'].update(critics=0), 'critics: found 0'),
    (lambda content: content['algorithm']['config'].update(decoder_widths=[]),
     'decoder_widths: found an empty list, expected one or more'),
    (lambda content: content['contract'].update(text='a: ['), 'contract within the bundle'),
    (lambda content: content['contract'].update(data_hash='0' * 16), 'restore the contract text'),
    (lambda content: content['observations']['names'].reverse(), 'this software encodes 2')])
def test_damaged_metadata(bundle, change, line):
    edit(bundle, change)
    assert line in refused(bundle)


def test_migration_goes_through_every_version():
    migrations = {
        1: lambda content: content | {'b': content['a']},
        2: lambda content: content | {'c': content['b'] + 1}}
    content = migrated({'schema_version': 1, 'a': 1}, 'x', migrations, newest=3)
    assert content == {'schema_version': 3, 'a': 1, 'b': 1, 'c': 2}
    with pytest.raises(BundleError, match='found schema version 0, expected 3'):
        migrated({'schema_version': 0}, 'x', migrations, newest=3)
