"""Every option of `lps demo` reaches the evaluation's settings, and of those the policy node."""

from dataclasses import fields
from dataclasses import replace
from pathlib import Path

from command_options import changes
from command_options import options_of
from lps_ros.cli import demo
from lps_ros.cli.evaluation_run import EvaluationSettings
from lps_ros.cli.main import main
from lps_ros.contract import load_contract
from lps_ros.control.planning import Steering
from lps_ros.joining import JOIN_STEPS
import pytest

ROOT = Path(__file__).parents[2]
MODELS, CONFIG = ROOT / 'models', ROOT / 'config'
JOINTS = CONFIG / 'ur5e_cube_joints.yaml'
# Option: an argument of it if it takes any, the settings that change, and the parameters of the
# policy node; None where another bundle has its own.
SETTINGS = {
    '--bundle': ('bundle', {'bundle': Path('bundle').absolute()}, None),
    '--camera': (None, {'bundle': MODELS / 'ur5e_cube_camera', 'arms': ('operator', 'steered')},
                 None),
    '--joints': (None, {'bundle': MODELS / 'ur5e_cube_joints', 'contract_file': JOINTS,
                        'contract': load_contract(JOINTS).text}, None),
    '--contract': (str(JOINTS), {'contract_file': JOINTS, 'contract': load_contract(JOINTS).text},
                   {}),
    '--episodes': ('3', {'episodes': 3}, {}),
    '--first-seed': ('77', {'first_seed': 77}, {}),
    '--arms': ('steered,operator', {'arms': ('steered', 'operator')}, {}),
    '--task': ('2', {'task': 2}, {}),
    '--mode': ('steered', {'mode': 'steered'}, {'mode': 'steered'}),
    '--candidates': ('7', {'candidates': 7}, {'candidates': 7}),
    '--strength': ('0', {'strength': 0.0}, {'strength': 0.0}),
    '--replan-every': ('3', {'replan_every': 3}, {'replan_every': 3}),
    '--join': ('latent', {'join': 'latent'}, {'join': 'latent'}),
    '--free': (None, {'free': True}, {}),
    '--in-process': (None, {'in_process': True, 'record': False}, {}),
    '--output': ('elsewhere', {'output': Path('elsewhere').absolute()}, {}),
    '--no-record': (None, {'record': False}, {}),
}
# What is not a matter of the evaluation; --transport of the environment, see test_fast_dds.py.
OTHERS = {'--transport', '--json', '--card', '--full', '--demonstrations', '--steps'}


class Reached(Exception):
    """The evaluation would begin."""


@pytest.fixture
def settings_of(monkeypatch):
    """Return a function that runs `lps demo`; it gives the settings of the evaluation."""
    def reach(settings):
        given.append(settings)
        raise Reached

    given = []
    monkeypatch.setattr(demo, 'private_ros_environment', dict)
    monkeypatch.setattr(demo, 'evaluate', reach)

    def run(*arguments):
        with pytest.raises(Reached):
            main(['demo', *arguments])
        return given.pop()
    return run


def values(settings):
    told = {each.name: getattr(settings, each.name) for each in fields(EvaluationSettings)}
    return {**told, 'contract': told['contract'].text}


def test_the_tables_have_every_option_and_every_setting():
    assert SETTINGS.keys() | OTHERS == options_of('demo')
    told = {name for _, settings, _ in SETTINGS.values() for name in settings}
    assert told | {'pictures'} == {each.name for each in fields(EvaluationSettings)}
    changed = {name for _, _, policy in SETTINGS.values() for name in policy or ()}
    assert changed | {'join_steps', 'join_weight'} == {each.name for each in fields(Steering)}


@pytest.mark.parametrize('option', SETTINGS)
def test_an_option_changes_its_settings_and_how_the_policy_plans(settings_of, option):
    value, expected, policy = SETTINGS[option]
    before, after = settings_of(), settings_of(option, *([] if value is None else [value]))
    assert changes(values(before), values(after)) == expected
    if policy is not None:
        assert changes(before.policy('steered'), after.policy('steered')) == policy


def test_without_options_the_policy_plans_as_its_bundle_says(settings_of):
    settings = settings_of()
    own = Steering.told(settings.metadata['steering'])
    assert Steering(**settings.policy('steered')) == own
    assert Steering(**settings.policy('prior')) == replace(own, mode='prior', candidates=1)
    assert settings.bundle == MODELS / 'ur5e_cube' and settings.arms == ('prior', 'steered')


def test_the_prior_is_planned_alike_but_for_the_steering(settings_of):
    options = ('--replan-every', '3', '--join', 'latent', '--candidates', '7')
    settings = settings_of('--mode', 'steered', *options)
    assert changes(settings.policy('steered'), settings.policy('prior')) == {
        'mode': 'prior', 'candidates': 1}


def test_a_full_demo_records_and_trains_as_asked(settings_of, monkeypatch, tmp_path):
    begun = {}
    for name in ('record_demonstrations', 'train'):
        monkeypatch.setattr(demo, name, lambda name=name, **how: begun.update({name: how}))
    monkeypatch.chdir(tmp_path)
    settings = settings_of('--full', '--joints', '--demonstrations', '7', '--steps', '9',
                           '--task', '3', '--output', 'out')
    recorded, trained = begun['record_demonstrations'], begun['train']
    assert (recorded['episodes'], recorded['camera'], recorded['task']) == (7, False, 3)
    assert recorded['contract_file'] == trained['contract_file'] == JOINTS
    assert trained['dataset'] == recorded['dataset'] == tmp_path / 'out' / 'dataset'
    assert trained['steps'] == 9 and trained['config'] == CONFIG / 'train_ur5e_cube_joints.yaml'
    assert settings.bundle == trained['bundle'] == tmp_path / 'out' / 'bundle'


@pytest.mark.parametrize('robot', [(), ('--joints',)])
def test_to_ask_for_the_join_in_the_latent_is_enough(settings_of, robot):
    policy = settings_of(*robot, '--join', 'latent').policy('steered')
    assert (policy['join'], policy['join_steps']) == ('latent', JOIN_STEPS)
