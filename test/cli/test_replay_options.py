"""Every option of `lps replay` reaches the replay, and of those the steering."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

from command_options import changes
from command_options import options_of
from lps_ros.cli.main import main
from lps_ros.contract import load_contract
from lps_ros.control.planning import Steering
from lps_ros.evaluation import replay
from lps_ros.joining import JOIN_STEPS
from lps_ros.learning import bundle
import pytest

CONTRACT = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'
# Option: its argument, what changes of the replay's arguments, and of steering and seed.
REPLAYED = {
    'source': ('other', {'source': Path('other')}, {}),
    '--bundle': ('models/other', {'bundle': 'loaded models/other',
                                  'bundle_name': 'models/other'}, {}),
    '--contract': (str(CONTRACT), {'contract': load_contract(CONTRACT).text}, {}),
    '--namespace': ('left', {'namespace': 'left'}, {}),
    '--episodes': ('3', {'episodes': 3}, {}),
    '--mode': ('prior', {}, {'mode': 'prior'}),
    '--candidates': ('7', {}, {'candidates': 7}),
    '--strength': ('0', {}, {'strength': 0.0}),
    '--replan-every': ('3', {}, {'replan_every': 3}),
    '--join': ('latent', {}, {'join': 'latent'}),
    '--seed': ('5', {}, {'seed': 5}),
}
# What is written, see test_replay.py.
OTHERS = {'--json', '--html'}
# What recording and bundle say; no option has these values.
SAID = {'mode': 'steered', 'candidates': 2, 'strength': 0.5, 'replan_every': 4,
        'join': 'ensemble', 'join_steps': 0, 'join_weight': 2.0}
HORIZON = 10


@pytest.fixture
def replayed(monkeypatch):
    """Return a function that runs `lps replay`; it gives the arguments of the replay."""
    given = []

    def note(source, loaded, *, progress, **others):
        contract = others.pop('contract')
        given.append({'source': source, 'bundle': loaded, **others,
                      'contract': contract and contract.text})
        return SimpleNamespace(text=lambda: 'figures')

    monkeypatch.setattr(replay, 'replay', note)
    monkeypatch.setattr(bundle, 'load_bundle', lambda path: f'loaded {path}')

    def run(*arguments, source='demos'):
        assert main(['replay', source, '--bundle', 'models/mine', *arguments]) == 0
        return given.pop()
    return run


def steered(settings, recorded, own):
    steering, seed = settings.resolve(recorded, own, HORIZON)
    return {**asdict(steering), 'seed': seed}


def test_the_table_has_every_option():
    assert REPLAYED.keys() | OTHERS == options_of('replay')
    told = {name for *_, steering in REPLAYED.values() for name in steering}
    assert told | {'join_steps', 'join_weight'} == set(SAID) | {'seed'}


@pytest.mark.parametrize('option', REPLAYED)
def test_an_option_changes_what_is_meant_by_it(replayed, option):
    value, expected, steering = REPLAYED[option]
    before = replayed()
    after = replayed(source=value) if option == 'source' else replayed(option, value)
    settings = before.pop('settings'), after.pop('settings')
    assert changes(before, after) == expected
    for recorded, own in ((SAID, {}), ({}, SAID), ({**SAID, 'seed': 3}, {'mode': 'prior'})):
        assert changes(*(steered(each, recorded, own) for each in settings)) == steering


def test_without_options_the_recording_decides_and_else_the_bundle(replayed):
    settings = replayed()['settings']
    said = {**SAID, 'join_steps': JOIN_STEPS}
    other = {**said, 'mode': 'prior', 'join': 'replace'}
    assert steered(settings, {**said, 'seed': 9}, other) == {**said, 'seed': 9}
    assert steered(settings, {}, other) == {**other, 'seed': 0}
    assert steered(settings, {}, {}) == {
        **asdict(Steering()), 'replan_every': HORIZON, 'seed': 0}


def test_to_ask_for_the_join_in_the_latent_is_enough(replayed):
    settings = replayed('--join', 'latent')['settings']
    for own in ({}, SAID):
        found = steered(settings, {}, own)
        assert (found['join'], found['join_steps']) == ('latent', JOIN_STEPS)
