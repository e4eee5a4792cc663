"""The arm commanded by joint trajectories, by point or by chunk, with the shipped bundle."""

from dataclasses import replace
import json
from pathlib import Path

from lps_ros.cli.evaluation_run import evaluate
from lps_ros.cli.evaluation_run import EvaluationSettings
from lps_ros.cli.main import main as lps
from lps_ros.contract import load_contract
from lps_ros.data.dataset import Dataset
from lps_ros.data.episode import Episode
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
CONTRACT_FILE = ROOT / 'config' / 'ur5e_cube_joints.yaml'
BUNDLE = ROOT / 'models' / 'ur5e_cube_joints'
SEED = 500


@pytest.fixture(params=['point', 'chunk'])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> EvaluationSettings:
    """Give two seeds of operator and policy, in each way of sending a trajectory."""
    text = CONTRACT_FILE.read_text(encoding='utf-8')
    assert text.count('    unit: rad\n') == 1
    file = tmp_path / 'robot.yaml'
    file.write_text(text.replace('    unit: rad\n', f'    unit: rad\n    send: {request.param}\n'))
    return EvaluationSettings(
        contract=load_contract(file), contract_file=file, bundle=BUNDLE,
        arms=('operator', 'steered'), episodes=2, first_seed=SEED, task=1,
        output=tmp_path / 'out', pictures=False)


def test_over_ros_each_episode_is_that_within_one_process(
        settings: EvaluationSettings, ros_domain: int) -> None:
    over_ros = evaluate(settings).results
    assert over_ros == evaluate(replace(settings, in_process=True, record=False)).results
    files = Dataset(settings.recordings / 'steered').episodes()
    assert len(files) == 2
    limit = settings.contract.action('arm').limits.velocity * 0.05
    for file in files:
        with Episode.open(file) as episode:
            rows = episode.rows(['arm', 'joints'])
        assert np.all(np.abs(np.diff(rows['arm'], axis=0)) <= limit + 1e-9)
        # The arm is where it was told to be a period before.
        apart = rows['joints'][2:, :6] - rows['arm'][1:-1]
        assert np.median(np.abs(apart), axis=0).max() < 0.02
    # What was recorded replays to the same commands.
    figures = settings.output / 'replay.json'
    assert lps(['replay', str(settings.recordings / 'steered'), '--bundle', str(BUNDLE),
                '--json', str(figures)]) == 0
    assert max(json.loads(figures.read_text())['as_executed']['rmse']) < 1e-6


def test_the_shipped_bundle_does_its_task(settings: EvaluationSettings) -> None:
    results = evaluate(replace(
        settings, arms=('steered',), episodes=8, first_seed=20_000, in_process=True,
        record=False)).results['steered']
    assert sum(result.success for result in results) >= 6
