"""Every algorithm on the slider: what values make of the same demonstrations."""

from learning_samples import cache
from learning_samples import contract
from learning_samples import use_cache
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.trainer import Trainer
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
from test_algorithms import CLONES
from test_algorithms import own
from test_algorithms import SMALL
from test_steering import mean_ticks

# What each needs to learn the slider in a few seconds; that LPS does, test_steering shows.
SLIDER = {
    'meanflow_bc': {}, 'flow_bc': {}, 'best_of_n': {}, 'dsrl': {}, 'cfgrl': {},
    'qc_fql': {'alpha': 10, 'candidates': 16}, 'qc_mfql': {'alpha': 30, 'candidates': 16}}


@pytest.fixture(scope='module')
def slider():
    return cache(60, ticks=200)


@pytest.mark.parametrize('name', SLIDER)
def test_value_beats_cloning_on_the_slider(name, slider, tmp_path, monkeypatch):
    use_cache(monkeypatch, slider)
    widths = {key: (64, 64) if key.endswith('_widths') else value for key, value in SMALL.items()}
    config = TrainerConfig.from_mapping(
        {'algorithm': name, 'steps': 400, 'batch_size': 64, 'log_every': 200}
        | own(name, widths | {'tau': 0.05, 'discount': 0.95}) | SLIDER[name])
    result = Trainer(config, 'dataset', contract(), tmp_path).run()
    policy = load_bundle(result.bundle).policy
    operator = np.diff(slider.episode_offsets).mean() - 1
    ticks = mean_ticks(policy, config.mode, config.candidates)
    if name in CLONES:
        assert 0.6 * operator < ticks < 1.4 * operator
    else:
        assert ticks < 0.6 * operator
