"""Settings: defaults, presets, YAML, overrides, and errors that show the bad value."""

from dataclasses import fields
from typing import get_args
from typing import get_type_hints

from lps_ros.control.planning import Steering
from lps_ros.joining import JOINS
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.trainer_config import STEERING
from lps_ros.learning.trainer_config import TrainerConfig
import pytest


def test_defaults():
    config = TrainerConfig()
    assert config == TrainerConfig.from_mapping({})
    assert config.learner.decoder_widths == (256,) * 4
    assert config.learner.critic_widths == (256,) * 3
    assert (config.learner.horizon, config.batch_size) == (5, 256)
    assert config.failures == 'unused'


def test_a_bundle_is_run_as_the_nodes_would_run_it_unless_told_otherwise():
    nodes, kinds = Steering(), get_type_hints(TrainerConfig)
    for name in ('strength', 'join', 'join_steps', 'join_weight'):
        assert getattr(TrainerConfig(), name) == getattr(nodes, name), name
    assert set(STEERING) == {each.name for each in fields(Steering)}
    assert get_args(kinds['join']) == JOINS
    assert TrainerConfig.from_mapping({'join': 'latent', 'candidates': 4, 'join_steps': 0})


def test_published_preset_and_what_overrides_it():
    config = TrainerConfig.from_mapping({'preset': 'published', 'steps': 7})
    assert config.learner.decoder_widths == (512,) * 4
    assert (config.learner.lr, config.lr_schedule, config.steps) == (3e-4, 'constant', 7)


def test_yaml_and_overrides(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_text('lr: 1e-4\nsteps: 100\ndecoder_widths: [8, 16]\nobservations: [tool]\n')
    config = TrainerConfig.from_yaml(path, steps='200', failures='valued', critic_widths='4,4')
    assert config.learner.lr == 1e-4
    assert config.steps == 200
    assert config.failures == 'valued'
    assert config.learner.decoder_widths == (8, 16)
    assert config.learner.critic_widths == (4, 4)
    assert config.observations == ('tool',)


def test_flat_settings_build_the_same_config():
    config = TrainerConfig.from_mapping({'preset': 'published', 'horizon': 3, 'device': 'cpu'})
    assert TrainerConfig.from_mapping(config.flat()) == config


@pytest.mark.parametrize(('values', 'line'), [
    ({'steps': 0}, 'settings: steps: found 0, expected an integer from 1 to'),
    ({'steps': 2.5}, 'steps: found 2.5, expected an integer'),
    ({'steps': True}, 'steps: found True, expected an integer'),
    ({'steps': 'many'}, "steps: found 'many', expected an integer"),
    ({'lr': float('nan')}, 'lr: found nan, expected a number from'),
    ({'discount': '1.5'}, "discount: found '1.5', expected a number from 0 to 1"),
    ({'flow_method': 'ddpm'}, "flow_method: found 'ddpm', expected one of jit_mf, mfql, mf"),
    ({'failures': 'perhaps'},
     "failures: found 'perhaps', expected one of unused, valued, cloned"),
    ({'failures': 'valued', 'algorithm': 'meanflow_bc'},
     "failures: found 'valued', expected unused or cloned: meanflow_bc has no critic"),
    ({'algorithm': 'best_of_n', 'target_candidates': 0},
     'target_candidates: found 0, expected 1 to 1024: best_of_n has no actor'),
    ({'join': 'latent', 'candidates': 1, 'join_steps': 0}, 'join_steps: found 0, expected 1 to '
     "100: join 'latent' of one candidate has nothing to choose from"),
    ({'compile': 'perhaps'}, "compile: found 'perhaps', expected one of True, False"),
    ({'compile': 1}, 'compile: found 1, expected one of True, False'),
    ({'decoder_widths': [64, -1]}, 'decoder_widths: found -1, expected an integer from 1'),
    ({'critic_widths': []}, 'critic_widths: found an empty list, expected one or more'),
    ({'latent_actor_widths': ''}, 'latent_actor_widths: found an empty list'),
    ({'critic_widths': 64}, 'critic_widths: found 64, expected a list'),
    ({'preset': 'fast'}, "preset: found 'fast', expected one of published"),
    ({'precision': 'float16'}, "precision: found 'float16', expected one of float32, bfloat16"),
    ({'algorithm': 'best_of_n', 'target_candidates': 0},
     'target_candidates: found 0, expected 1 to 1024: best_of_n has no actor'),
    ({'compile': 'perhaps'}, "compile: found 'perhaps', expected one of True, False"),
    ({'augment_padding': -1}, 'augment_padding: found -1, expected an integer from 0 to 256'),
    ({'augment_probability': 1.5}, 'augment_probability: found 1.5, expected a number from 0'),
    ({'batchsize': 3}, "found no setting 'batchsize'; did you mean 'batch_size'")])
def test_errors(values, line):
    with pytest.raises(ConfigError, match=line) as error:
        TrainerConfig.from_mapping(values)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(('text', 'line'), [
    ('- steps', 'found list, expected a mapping'), ('steps: [', 'is not YAML'),
    ('steps: ' + 5000 * '[', 'nested hundreds of levels deep'),
    ('steps: -1', 'steps: found -1')])
def test_errors_name_the_file(tmp_path, text, line):
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=line) as error:
        TrainerConfig.from_yaml(path)
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match='cannot read'):
        TrainerConfig.from_yaml(tmp_path / 'none.yaml')
