"""How unfamiliar an observation is, and what a bundle says of what is usual."""

import json
from pathlib import Path

from learning_samples import cache
from learning_samples import config
from learning_samples import contract
from learning_samples import use_cache
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.errors import BundleError
from lps_ros.learning.familiarity import Familiarity
from lps_ros.learning.trainer import Trainer
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
# Two usual values, one that never varied, one that is saturated at its upper end.
STATISTICS = {
    'min': [-1.0, 0.0, 5.0, -1.0], 'max': [3.0, 1.0, 5.0, 1.0],
    'quantiles': {'0.01': [0.0, 0.1, 5.0, -0.9], '0.5': [0.5, 0.5, 5.0, 1.0],
                  '0.99': [1.0, 0.9, 5.0, 1.0]}}
USUAL = np.array([0.5, 0.5, 5.0, 1.0], np.float32)
DEVIATION = np.array([0.3, 0.3, 1.0, 0.5])


@pytest.fixture
def familiarity():
    return Familiarity.from_statistics(STATISTICS, DEVIATION)


@pytest.mark.parametrize(('column', 'value', 'expected'), [
    (0, 0.0, 0.0), (0, 1.0, 0.0),  # the quantiles themselves
    (0, -1.0, 1.0), (0, 3.0, 1.0), (0, 5.0, 2.0), (0, -2.0, 2.0),  # the edges, and beyond
    (1, 1.0, 1.0), (1, 0.95, 0.5),
    (2, 5.005, 0.5), (2, 4.99, 1.0),  # never varied: 0.01 of the unit
    (3, 1.19, 1.0)])  # no tail: a tenth of the range
def test_distance_beyond_the_quantile_in_units_of_that_to_the_edge(
        familiarity, column, value, expected):
    observation = USUAL.copy()
    observation[column] = value
    assert familiarity.unfamiliarity(observation) == pytest.approx(expected, abs=1e-4)
    assert familiarity.exceedances(observation).argmax() == (column if expected else 0)


def test_the_farthest_value_counts(familiarity):
    assert familiarity.unfamiliarity(USUAL) == 0
    assert familiarity.unfamiliarity(USUAL + [4.5, 0.5, 0, 0]) == pytest.approx(2.0)
    assert np.isnan(familiarity.unfamiliarity(USUAL + [np.nan, 0, 0, 0]))


@pytest.mark.parametrize(
    'folder', ['models/ur5e_cube', 'models/ur5e_cube_camera', 'models/ur5e_cube_joints',
               'test/bundles/ur5e_cube_first'])
def test_bundles_of_before_tell_it_too(folder):
    policy = load_bundle(ROOT / folder).policy
    statistics = json.loads((ROOT / folder / 'policy.json').read_text())['observation_statistics']
    images = [np.zeros((*size, 3), np.uint8) for size in policy.agent.shape.images]

    def plan(observation):
        return policy.plan(np.array(observation, np.float32), images, mode='prior', candidates=2,
                           rng=torch.Generator().manual_seed(0))

    median = statistics['quantiles']['0.5']
    assert plan(median).unfamiliarity == 0
    assert plan(statistics['max']).unfamiliarity == pytest.approx(1, abs=1e-3)
    assert plan(statistics['min']).unfamiliarity == pytest.approx(1, abs=1e-3)
    shifted = np.array(median)
    row = statistics['names'].index('tool.position.z')
    shifted[row] = statistics['max'][row] + 0.1
    assert plan(shifted).unfamiliarity > 2
    assert plan(median).disagreement > 0


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    settings = (config(steps=2), TrainerConfig.from_mapping({
        'steps': 2, 'algorithm': 'meanflow_bc', 'decoder_widths': (32, 32), 'batch_size': 32}))
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, cache())
        return {each.algorithm: Trainer(
            each, 'dataset', contract(), tmp_path_factory.mktemp(each.algorithm)).run().bundle
            for each in settings}


def test_a_new_bundle_says_what_is_usual(made):
    usual = load_bundle(made['lps']).metadata['planning_statistics']
    assert usual['plans'] > 100
    for name in ('unfamiliarity', 'disagreement'):
        assert list(usual[name]) == ['0.5', '0.99', '0.999']
        assert 0 <= usual[name]['0.5'] <= usual[name]['0.99'] <= usual[name]['0.999']
    assert usual['unfamiliarity']['0.5'] == 0
    assert usual['unfamiliarity']['0.999'] <= 1 + 1e-6
    assert usual['disagreement']['0.5'] > 0
    clone = load_bundle(made['meanflow_bc']).metadata['planning_statistics']
    assert clone['disagreement'] is None


def edited(bundle, folder, change):
    copy = folder / 'copy'
    copy.mkdir()
    for file in bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    content = json.loads((copy / 'policy.json').read_text())
    change(content)
    (copy / 'policy.json').write_text(json.dumps(content))
    return copy


def test_a_bundle_that_does_not_say_loads_and_leaves_it_unknown(made, tmp_path):
    bundle = load_bundle(edited(
        made['lps'], tmp_path, lambda content: content.pop('observation_statistics')))
    plan = bundle.policy.plan(
        np.zeros(2, np.float32), mode='prior', rng=torch.Generator().manual_seed(0))
    assert np.isnan(plan.unfamiliarity)
    assert plan.disagreement > 0


@pytest.mark.parametrize('change', [
    lambda statistics: statistics.pop('quantiles'),
    lambda statistics: statistics['max'].pop(),
    lambda statistics: statistics.update(min=['a', 'b']),
    lambda statistics: statistics.update(min=[0.0, float('nan')]),
    lambda statistics: statistics.update(quantiles=None)])
def test_damaged_statistics_are_told_in_one_line(made, tmp_path, change):
    damaged = edited(
        made['lps'], tmp_path, lambda content: change(content['observation_statistics']))
    with pytest.raises(BundleError, match='observation_statistics are not 2 finite') as error:
        load_bundle(damaged)
    assert '\n' not in str(error.value)
