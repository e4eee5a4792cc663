"""The whole job over real ROS, each node a process: demonstrate, record, train, steer, replay."""

from dataclasses import replace
import json
from pathlib import Path
import subprocess
import sys

from lps_ros.cli.evaluation_run import evaluate
from lps_ros.cli.evaluation_run import EvaluationSettings
from lps_ros.cli.full_loop import record_demonstrations
from lps_ros.cli.full_loop import train
from lps_ros.cli.main import main as lps
from lps_ros.cli.processes import NodeProcesses
from lps_ros.contract import ActionCodec
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode import Episode
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
import numpy as np
import pytest
import torch

CONTRACT_FILE = Path(__file__).parents[1] / 'config' / 'ur5e_cube.yaml'
CONTRACT = load_contract(CONTRACT_FILE)
SHIPPED = Path(__file__).parents[1] / 'models' / 'ur5e_cube'
EPISODES = 4
SEED = 500
# 0.05 s at the contract's 20 Hz.
PERIOD_NS = 50_000_000


@pytest.fixture(scope='module')
def loop(tmp_path_factory: pytest.TempPathFactory, ros_module_domain: int) -> Path:
    """Run the loop once, with a skilful operator and a short training; return its folder."""
    folder = tmp_path_factory.mktemp('loop')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(ros_module_domain))
        record_demonstrations(
            contract_file=CONTRACT_FILE, dataset=folder / 'dataset', episodes=EPISODES, task=1,
            max_ticks=200, logs=folder / 'logs' / 'record', clean=True)
        train(contract_file=CONTRACT_FILE, dataset=folder / 'dataset', run=folder / 'run',
              bundle=folder / 'bundle', steps=300, seed=0, logs=folder / 'logs' / 'train')
        evaluation = evaluate(EvaluationSettings(
            contract=CONTRACT, contract_file=CONTRACT_FILE, bundle=folder / 'bundle',
            arms=('prior', 'steered'), episodes=1, first_seed=SEED, task=1,
            output=folder / 'evaluation', pictures=False))
    (folder / 'figures.json').write_text(json.dumps(evaluation.figures))
    return folder


def test_operator_places_the_cube_and_the_recorder_keeps_every_tick(loop: Path) -> None:
    files = Dataset(loop / 'dataset').episodes('success')
    assert len(files) == EPISODES
    for file in files:
        with Episode.open(file) as episode:
            rows = episode.rows(['cube', 'goal', 'twist'])
            assert np.linalg.norm(rows['cube'][-1, :3] - rows['goal'][-1, :3]) < 0.04
            # One observation and one command in every period, none late, none twice.
            assert set(np.diff(episode.ticks_ns)) == {PERIOD_NS}
            assert np.array_equal(episode.received_ns('cube')[episode.index('cube')],
                                  episode.ticks_ns)
            assert len(set(episode.index('twist')[:-1])) == len(episode.ticks_ns) - 1
    assert lps(['dataset', 'verify', str(loop / 'dataset')]) == 0


def test_policy_drives_the_arm_towards_the_cube(loop: Path) -> None:
    for arm in ('prior', 'steered'):
        file, = Dataset(recordings(loop) / arm).episodes()
        with Episode.open(file) as episode:
            rows = episode.rows(['tool', 'cube', 'twist'])
            # So short a training need not grasp; it brings the hand down to the cube.
            apart_m = np.linalg.norm(rows['tool'][:, :3] - rows['cube'][:, :3], axis=1)
            assert apart_m.min() < 0.6 * apart_m[0]
            assert np.all(np.abs(rows['twist']) <= CONTRACT.action('twist').limits.high)
            assert {*episode.stream('twist').source} == {'policy'}
    figures = json.loads((loop / 'figures.json').read_text())
    assert [arm['episodes'] for arm in figures['arms'].values()] == [1, 1]


def test_within_one_process_each_episode_is_that_over_ros(
        tmp_path: Path, ros_domain: int) -> None:
    arms = ('operator', 'prior', 'steered')
    first, second = (evaluate(EvaluationSettings(
        contract=CONTRACT, contract_file=CONTRACT_FILE, bundle=SHIPPED, arms=arms, episodes=2,
        first_seed=SEED, task=1, output=tmp_path, in_process=in_process, record=False,
        pictures=False)).results for in_process in (True, False))
    assert first == second
    assert len({result.steps for arm in arms for result in first[arm]}) > 3


def test_one_process_needs_no_ros(tmp_path: Path) -> None:
    code = ('import sys; sys.modules["rclpy"] = None; from lps_ros.cli.main import main; '
            f'sys.exit(main(["demo", "--in-process", "--episodes", "1", "--output", '
            f'{str(tmp_path / "demo")!r}]))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert 'steered            1/1' in done.stdout
    assert 'recordings:' not in done.stdout
    assert (tmp_path / 'demo' / 'report.html').exists()


def recordings(loop: Path) -> Path:
    """Return the folder of the evaluation's recordings."""
    run, = (loop / 'evaluation' / 'recordings').iterdir()
    return run


def replayed(loop: Path, source: Path) -> dict:
    """Return the figures of `lps replay`."""
    file = loop / 'replay.json'
    assert lps(['replay', str(source), '--bundle', str(loop / 'bundle'),
                '--json', str(file)]) == 0
    return json.loads(file.read_text())


def test_own_run_replays_without_error_and_the_operators_does_not(loop: Path) -> None:
    own = replayed(loop, recordings(loop) / 'steered')
    operators = replayed(loop, loop / 'dataset')
    assert max(own['as_executed']['rmse']) < 1e-6
    assert max(operators['as_executed']['rmse']) > 0.05


@pytest.fixture(scope='module')
def seeing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a contract of short episodes, and a bundle of random weights that sees."""
    folder = tmp_path_factory.mktemp('seeing')
    file = folder / 'robot.yaml'
    text = CONTRACT_FILE.read_text()
    assert 'max_ticks: 200' in text
    file.write_text(text.replace('max_ticks: 200', 'max_ticks: 24'))
    contract = load_contract(file).subset(('joints', 'tool', 'front'))
    size = ObservationEncoder(contract).size
    torch.manual_seed(0)
    agent = LPS(
        LPSConfig(decoder_widths=(16,), critic_widths=(16,), latent_actor_widths=(16,),
                  encoder='impala_debug'),
        observation_shape(contract), ActionCodec(contract).size)
    bundle = save_bundle(
        folder / 'bundle', contract=contract, agent=agent, normaliser=Normaliser(
            mean=np.zeros(size, np.float32), std=np.ones(size, np.float32)),
        metadata={'steering': {'mode': 'steered', 'candidates': 4, 'replan_every': 2}})
    return file, bundle


def test_a_policy_that_sees_gets_its_camera(
        tmp_path: Path, ros_domain: int, seeing: tuple[Path, Path]) -> None:
    file, bundle = seeing
    settings = EvaluationSettings(
        contract=load_contract(file), contract_file=file, bundle=bundle, arms=('steered',),
        episodes=1, first_seed=SEED, task=1, output=tmp_path, pictures=False)
    result, = evaluate(settings).results['steered']
    again, = evaluate(replace(settings, in_process=True, record=False)).results['steered']
    assert result == again and result.steps == 24
    # What was recorded replays to the same commands, so both saw the same pictures.
    recording, = (tmp_path / 'recordings').iterdir()
    figures = tmp_path / 'replay.json'
    assert lps(['replay', str(recording / 'steered'), '--bundle', str(bundle),
                '--json', str(figures)]) == 0
    assert max(json.loads(figures.read_text())['as_executed']['max_abs']) < 1e-6
    file, = Dataset(recording / 'steered').episodes()
    with Episode.open(file) as episode:
        frames = episode.images('front', np.arange(len(episode.ticks_ns)))
    assert frames[0].shape == (96, 96, 3) and np.abs(frames[-1].astype(int) - frames[0]).max() > 50


def test_the_shipped_bundle_that_sees_does_its_task(tmp_path: Path) -> None:
    figures = tmp_path / 'figures.json'
    assert lps(['demo', '--camera', '--in-process', '--episodes', '4', '--first-seed', '20000',
                '--arms', 'steered', '--output', str(tmp_path / 'out'), '--json',
                str(figures)]) == 0
    # Three of the four where it was made; without the picture, none of fifty.
    assert json.loads(figures.read_text())['arms']['steered']['success'] >= 0.5


def test_camera_episode_is_recorded(tmp_path: Path, ros_domain: int) -> None:
    log = tmp_path / 'operator.jsonl'
    robot = {'camera': True, 'seed': SEED, 'task': 1, 'episode_steps': 12}
    recorder = {'contract': str(CONTRACT_FILE), 'dataset': str(tmp_path / 'dataset'),
                'use_sim_time': True}
    operator = {'record': True, 'use_sim_time': True, 'first_seed': SEED, 'log_file': str(log)}
    with NodeProcesses(tmp_path / 'logs') as nodes:
        for node, parameters in (
                ('simulated_robot', robot), ('recorder', recorder), ('operator', operator)):
            nodes.start(node, parameters)
        assert nodes.wait('operator', 120.0) == 0, nodes.log('operator').read_text()
    file, = Dataset(tmp_path / 'dataset').episodes('failure')
    with Episode.open(file) as episode:
        frames = episode.images('front', np.arange(len(episode.ticks_ns)))
        assert len(frames) == 13 and frames[0].shape == (96, 96, 3)
        # The arm moves in the picture, and the picture is no black screen.
        assert np.std(frames[0]) > 10
        assert np.abs(frames[-1].astype(int) - frames[0]).max() > 50
        assert np.array_equal(episode.received_ns('front')[episode.index('front')],
                              episode.ticks_ns)
