"""`lps replay` with a real policy bundle: own run, operator's run, and each wrong input."""

import json

from lps_ros.cli.main import main
from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import Steering
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
import numpy as np
import pytest
from replay_recordings import CAMERA
from replay_recordings import contract
from replay_recordings import CONTRACT_TEXT
from replay_recordings import drive
from replay_recordings import operator
from replay_recordings import write_bag
import torch

CONTRACT = contract()
STORAGES = ('sqlite3', 'mcap')


def random_bundle(folder, robot):
    """Save a small random bundle for the recordings' arm, with or without its camera."""
    size = ObservationEncoder(robot).size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        agent = LPS(LPSConfig(decoder_widths=(32, 32), critic_widths=(32,), encoder='impala_debug',
                              latent_actor_widths=(32,)), observation_shape(robot), 4)
    normaliser = Normaliser(mean=np.zeros(size, np.float32), std=np.full(size, 0.5, np.float32))
    return save_bundle(folder, agent=agent, contract=robot, normaliser=normaliser, metadata={})


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return random_bundle(tmp_path_factory.mktemp('models') / 'arm', CONTRACT)


@pytest.fixture(scope='module')
def own_run(bundle):
    """Return the messages of two episodes that the bundle's policy drove."""
    policy = load_bundle(bundle).policy
    return [message for seed in (1, 2) for message in drive(
        CONTRACT, seed=seed, policy=policy, steering=Steering(mode='steered'))]


def replayed(capsys, *arguments) -> tuple[int, str, str]:
    """Return status, output and error output of the command."""
    status = main(['replay', *map(str, arguments)])
    return status, *capsys.readouterr()


def figures(capsys, tmp_path, *arguments) -> dict:
    """Return what the command writes as JSON."""
    file = tmp_path / 'figures.json'
    assert replayed(capsys, *arguments, '--json', file)[0] == 0
    return json.loads(file.read_text(encoding='utf-8'))


@pytest.mark.parametrize('storage', STORAGES)
def test_own_run_is_near_zero_and_operators_is_not(capsys, tmp_path, bundle, own_run, storage):
    own = write_bag(tmp_path / 'own', own_run, storage)
    status, output, _ = replayed(capsys, own, '--bundle', bundle)
    assert status == 0
    assert output.splitlines()[3] == 'ok  Input was fit to act on at 120 of 120 ticks.'
    assert "this is the policy's own run" in output
    executed = figures(capsys, tmp_path, own, '--bundle', bundle)['as_executed']
    assert max(executed['max_abs']) < 1e-6
    taught = write_bag(tmp_path / 'taught', drive(CONTRACT, seed=3, command=operator(3)), storage)
    executed = figures(capsys, tmp_path, taught, '--bundle', bundle)['as_executed']
    assert executed['rmse_of_half_range'] > 0.05


def test_a_policy_that_sees_replays_its_own_run(capsys, tmp_path):
    robot = contract(CAMERA)
    seeing = random_bundle(tmp_path / 'seeing', robot)
    messages = drive(robot, seed=1, policy=load_bundle(seeing).policy,
                     steering=Steering(mode='steered'))
    bag = write_bag(tmp_path / 'own', messages, 'mcap')
    found = figures(capsys, tmp_path, bag, '--bundle', seeing)
    assert found['as_executed']['ticks'] == 60
    assert max(found['as_executed']['max_abs']) < 1e-6
    assert found['input']['front']['stale_ticks'] == 0
    assert found['q']['ticks'] > 50


@pytest.mark.parametrize('options', [
    ('--mode', 'prior'), ('--strength', '0.4'), ('--candidates', '8', '--seed', '5'),
    ('--replan-every', '2')])
def test_options_change_what_is_replayed(capsys, tmp_path, bundle, own_run, options):
    bag = write_bag(tmp_path / 'own', own_run, 'mcap')
    changed = figures(capsys, tmp_path, bag, '--bundle', bundle, '--episodes', 1, *options)
    assert len(changed['episodes']) == 1
    name, value = options[0][2:].replace('-', '_'), options[1]
    assert str(changed['settings'][name]) == value
    assert max(changed['as_executed']['max_abs']) > 1e-3


def test_page_is_written(capsys, tmp_path, bundle, own_run):
    page = tmp_path / 'page.html'
    bag = write_bag(tmp_path / 'own', own_run, 'mcap')
    assert replayed(capsys, bag, '--bundle', bundle, '--html', page)[0] == 0
    assert 'data:image/png;base64' in page.read_text(encoding='utf-8')


def test_wrong_input_is_one_line_and_a_status(capsys, tmp_path, bundle, own_run):
    slow = tmp_path / 'slow.yaml'
    slow.write_text(CONTRACT_TEXT.replace('rate_hz: 20', 'rate_hz: 10'), encoding='utf-8')
    bag = write_bag(tmp_path / 'bag', own_run, 'sqlite3')
    empty = tmp_path / 'empty'
    empty.mkdir()
    lacking = write_bag(tmp_path / 'lacking', [
        each for each in own_run if each.topic != 'servo_node/delta_twist_cmds'], 'mcap')
    for arguments, expected in (
            ((tmp_path / 'none', '--bundle', bundle), 'none: not found; expected a rosbag2'),
            ((slow, '--bundle', bundle), 'slow.yaml: found a file of another kind'),
            ((empty, '--bundle', bundle), 'empty: found no recording in it'),
            ((lacking, '--bundle', bundle), "no topic 'servo_node/delta_twist_cmds'"),
            ((bag, '--bundle', empty), 'policy.json'),
            ((bag, '--bundle', bundle, '--contract', slow), 'rate_hz: bundle 20'),
            ((bag, '--bundle', bundle, '--contract', empty / 'c.yaml'), 'c.yaml'),
            ((bag, '--bundle', bundle, '--episodes', 0), '--episodes is 0, expected 1 or more'),
            ((bag, '--bundle', bundle, '--candidates', 0), '--candidates is 0, expected 1 to'),
            ((bag, '--bundle', bundle, '--candidates', 1025), 'expected 1 to 1024'),
            ((bag, '--bundle', bundle, '--strength', -0.5), '--strength is -0.5, expected 0 to 1'),
            ((bag, '--bundle', bundle, '--replan-every', 0), 'expected 1 to 1000'),
            ((bag, '--bundle', bundle, '--seed', -1), '--seed is -1, expected 0 to 2147483647'),
            ((bag, '--bundle', bundle, '--seed', 2**31), 'expected 0 to 2147483647')):
        status, output, error = replayed(capsys, *arguments)
        assert (status, output) == (1, '')
        assert expected in error
        assert error.startswith('error: ')
        assert error.count('\n') == 1
