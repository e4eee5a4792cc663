"""`lps bench`: figures as JSON, OGBench's data and runs that go on where they stopped."""

import csv
import functools
import json
from pathlib import Path
import shutil
import signal
from types import SimpleNamespace
from urllib.error import URLError

from lps_ros.cli.main import main
from lps_ros.learning.batches import Batches
from lps_ros.sim import ogbench_dataset
from lps_ros.sim import ogbench_task
from lps_ros.sim.ogbench_dataset import load_columns
import numpy as np
import ogbench
import pytest

BUNDLE = Path(__file__).parents[2] / 'models' / 'ur5e_cube'
TASK = 'cube-single-play-singletask-task1-v0'
EPISODES, STEPS = 3, 40
TINY = ('--set', 'decoder_widths=8', 'critic_widths=8', 'latent_actor_widths=8', 'batch_size=8',
        'log_every=3')
TIMES = ('trained_s', 'evaluation_s')


def bench(*arguments) -> int:
    return main(['bench', *map(str, arguments)])


def figures(tmp_path, *arguments) -> dict:
    """Return what a command writes as JSON."""
    file = tmp_path / 'figures.json'
    assert bench(*arguments, '--json', file) == 0
    return json.loads(file.read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Return a file of play data, made by the command."""
    path = tmp_path_factory.mktemp('data') / 'play.npz'
    assert bench('ogbench-data', '--episodes', EPISODES, '--episode-steps', STEPS, '--output',
                 path) == 0
    return path


@pytest.fixture(scope='module', autouse=True)
def one_environment():
    """Make each environment once; a run must not depend on what it did before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ogbench_task, 'OGBenchTask', functools.cache(ogbench_task.OGBenchTask))
        yield


def ogbench_run(data, output, *arguments) -> tuple:
    return ('ogbench', '--environment', TASK, '--data', data, *TINY, '--steps', 10,
            '--evaluate-every', 4, '--evaluation-episodes', 2, '--max-episode-steps', 7,
            '--arms', 'steered:1,prior:3', '--output', output, *arguments)


@pytest.fixture(scope='module')
def finished(data, tmp_path_factory):
    """Return folder and JSON of a run of two seeds that nothing interrupted."""
    output = tmp_path_factory.mktemp('runs') / 'whole'
    return output, figures(output.parent, *ogbench_run(data, output, '--seeds', '0,1'))


def rows(output: Path) -> list[dict]:
    with (output / 'evaluations.csv').open(encoding='utf-8', newline='') as content:
        return list(csv.DictReader(content))


def test_train_says_how_fast_and_how_far_from_the_peak(tmp_path, capsys):
    content = figures(tmp_path, 'train', '--algorithm', 'lps,meanflow_bc', '--precision',
                      'float32,bfloat16', '--set', 'batch_size=16', 'decoder_widths=32',
                      '--rounds', 2, '--peak-size', 64, '--observation-size', 9)
    assert content['command'].startswith('lps')
    assert content['observation'] == {
        'vector': 9, 'cameras': 0, 'image_size': None, 'action_size': 5}
    found = [(r['algorithm'], r['precision'], r['threads']) for r in content['results']]
    assert found == [('lps', 'float32', 1), ('lps', 'bfloat16', 1),
                     ('meanflow_bc', 'float32', 1), ('meanflow_bc', 'bfloat16', 1)]
    for one, other in (content['results'][:2], content['results'][2:]):
        assert one['gflop_per_update'] == pytest.approx(other['gflop_per_update'])
    output = capsys.readouterr().out.splitlines()
    assert len(output) == 6 and 'of 64 product' in output[0]


def test_the_published_sizes_are_the_default(tmp_path):
    (result,) = figures(tmp_path, 'train', '--rounds', 1, '--peak-size', 64)['results']
    decoder = (28 + 25 + 2) * 512 + 3 * 512**2 + 512 * 25 + 4 * 512 + 25
    actor = 28 * 256 + 256**2 + 256 * 25 + 2 * 256 + 25
    critic = (28 + 25) * 256 + 3 * 256**2 + 256 + 4 * 256 + 1 + 2 * 4 * 256
    assert result['parameters'] == decoder + actor + 2 * critic
    assert result['batch_size'] == 256


def test_infer_times_a_bundle_and_random_weights(tmp_path, capsys):
    content = figures(tmp_path, 'infer', '--bundle', BUNDLE, '--candidates', '1,8', '--rounds', 3)
    assert [r['candidates'] for r in content['results']] == [1, 8]
    assert content['bundle'] == str(BUNDLE)
    assert content['results'][1]['mflop'] > 5 * content['results'][0]['mflop']
    content = figures(tmp_path, 'infer', '--algorithm', 'meanflow_bc', '--rounds', 3)
    assert [r['candidates'] for r in content['results']] == [1]
    assert 'times bare' in capsys.readouterr().out


def test_ogbench_reads_the_generated_data(data):
    loaded = ogbench.load_dataset(str(data), add_info=True)
    count = EPISODES * (STEPS - 1)
    assert {name: values.shape for name, values in loaded.items()} == {
        'observations': (count, 28), 'next_observations': (count, 28), 'actions': (count, 5),
        'terminals': (count,), 'qpos': (count, 21), 'qvel': (count, 20)}
    assert np.flatnonzero(loaded['terminals']).tolist() == [38, 77, 116]
    # Joint positions come first in both; a row's state is the one that was seen.
    np.testing.assert_array_equal(loaded['observations'][:, :6], loaded['qpos'][:, :6])
    assert np.abs(loaded['actions']).max() <= 1
    with np.load(data) as file:
        assert file['terminals'].dtype == bool and file['observations'].dtype == np.float32


def test_an_episode_depends_on_seed_and_number_only(data, tmp_path):
    def played(*arguments):
        path = tmp_path / 'again.npz'
        assert bench('ogbench-data', '--episodes', 1, '--episode-steps', STEPS, '--output', path,
                     *arguments) == 0
        return ogbench.load_dataset(str(path), compact_dataset=True, add_info=True)

    expected = ogbench.load_dataset(str(data), compact_dataset=True, add_info=True)
    again = played()
    for name, values in again.items():
        np.testing.assert_array_equal(values, expected[name][:STEPS])
    assert not np.array_equal(played('--seed', 1)['actions'], again['actions'])


@pytest.mark.parametrize('name, published', [('puzzle-3x3', [-1, 0]), ('puzzle-4x4', [-1.5, 0])])
def test_rewards_are_sparse_where_they_were_published_so(tmp_path, name, published):
    buttons = 9 if name == 'puzzle-3x3' else 16
    states = np.zeros((8, buttons), np.int64)
    states[[1, 3, 5], 0] = 1
    states[[0, 2, 4, 6], :2] = 1
    states[7] = 0
    path = tmp_path / 'data.npz'
    np.savez(path, observations=np.zeros((8, 4)), actions=np.zeros((8, 2)), button_states=states,
             qpos=np.zeros((8, 3)), terminals=np.arange(8) % 4 == 3)
    env = SimpleNamespace(
        spec=SimpleNamespace(id=f'{name}-singletask-v0'), reset=lambda: None,
        action_space=SimpleNamespace(seed=lambda seed: None),
        unwrapped=SimpleNamespace(_reward_task_id=1, _num_buttons=buttons,
                                  _target_button_states=np.zeros(buttons, np.int64)))
    task = SimpleNamespace(env=env, dataset=f'{name}-play-v0', observation_size=4, action_size=2)
    columns = {kind: load_columns(task, path, kind)
               for kind in ('published', 'sparse', 'subgoals')}
    assert columns['published'].offsets.tolist() == [0, 4, 8]
    assert columns['published'].masks.tolist() == [1, 1, 1, 1, 1, 1, 1, 0]
    assert columns['subgoals'].rewards.tolist() == [-2, -1, -2, -1, -2, -1, -2, 0]
    assert columns['sparse'].rewards.tolist() == [-1] * 7 + [0]
    mean = columns['published'].rewards[:2].mean()
    assert [mean, columns['published'].rewards[7]] == published


def test_a_run_leaves_table_plot_and_figures(finished):
    output, content = finished
    table = rows(output)
    assert [(row['seed'], row['step']) for row in table] == [
        (seed, step) for seed in '01' for step in ('4', '8', '10')]
    for row in table:
        for arm in ('steered:1', 'prior:3'):
            assert row[f'{arm} episodes'] == '2'
            assert float(row[f'{arm} low']) <= float(row[f'{arm} success'])
            assert 0 < float(row[f'{arm} mean_steps']) <= 7
        assert all(float(row[name]) > 0 for name in TIMES)
    assert (output / 'success.png').read_bytes().startswith(b'\x89PNG')
    assert content['summary']['steered:1']['episodes'] == 4
    assert len(content['evaluations']) == 6
    assert content['settings']['environment'] == TASK
    assert content['settings']['decoder_widths'] == [8]


def test_a_run_that_was_stopped_goes_on_to_the_same_table(data, tmp_path, finished, monkeypatch):
    output = tmp_path / 'stopped'
    command = ogbench_run(data, output, '--seed', 0)
    calls = []

    def after(owner, name, count, act):
        """Let the count-th call of a method do something else first."""
        original = getattr(owner, name)
        calls.clear()

        def patched(*arguments, **options):
            calls.append(None)
            if len(calls) == count:
                act()
            return original(*arguments, **options)
        monkeypatch.setattr(owner, name, patched)

    def fail():
        raise RuntimeError('crash')

    # Ctrl-C within the first updates, ...
    after(Batches, 'draw', 2, lambda: signal.raise_signal(signal.SIGINT))
    assert bench(*command) == 130
    monkeypatch.undo()
    # ... within the first evaluation, ...
    kind = type(ogbench_task.OGBenchTask(TASK, 7))
    after(kind, 'run_episode', 1, lambda: signal.raise_signal(signal.SIGINT))
    assert bench(*command) == 130
    assert not (output / 'evaluations.csv').exists()
    monkeypatch.undo()
    # ... and a crash after the second.
    after(Batches, 'draw', 5, fail)
    with pytest.raises(RuntimeError):
        bench(*command)
    monkeypatch.undo()
    assert len(rows(output)) == 2
    assert bench(*command) == 0

    def untimed(output):
        return [{name: value for name, value in row.items() if name not in TIMES}
                for row in rows(output)]

    assert untimed(output) == untimed(finished[0])[:3]
    # What is finished is not done again.
    after(Batches, 'draw', 1, fail)
    after(kind, 'run_episode', 1, fail)
    assert bench(*command) == 0
    # Neither where only the table was kept, which is shown again.
    shutil.rmtree(output / 'seed_0')
    (output / 'success.png').unlink()
    assert bench(*command) == 0
    assert (output / 'success.png').stat().st_size > 1000


def test_observations_can_be_normalised_and_plans_shorter(data, tmp_path, capsys):
    output = tmp_path / 'other'
    assert bench(*ogbench_run(data, output, '--normalise', '--replan-every', 2, '--algorithm',
                              'best_of_n', '--set', *TINY[1:3], *TINY[4:])) == 0
    settings = json.loads((output / 'settings.json').read_text(encoding='utf-8'))
    assert settings['normalise'] and settings['replan_every'] == 2
    assert 'seed 0  step 10  steered:1' in capsys.readouterr().out


@pytest.mark.parametrize('arguments, message', [
    (('train', '--algorithm', 'nothing'), "algorithm: found 'nothing', expected one of lps"),
    (('train', '--set', 'batch_size'), 'expected NAME=VALUE'),
    (('train', '--preset', 'mine'), "preset: found 'mine', expected one of published"),
    (('train', '--device', 'cuda:9'), "device: found 'cuda:9', which cannot be used here"),
    (('infer', '--device', 'cuda:9'), "device: found 'cuda:9', which cannot be used here"),
    (('infer', '--bundle', BUNDLE, '--device', 'tpu'), "device: found 'tpu'"),
    (('train', '--precision', 'float8'), "precision: found 'float8', expected one of float32"),
    (('train', '--observation-size', 0), 'there is no camera'),
    (('infer', '--bundle', 'nowhere'), 'nowhere/policy.json: cannot read'),
    (('infer', '--algorithm', 'meanflow_bc', '--candidates', 4), 'has no critic to choose by'),
    (('ogbench-data', '--environment', 'cube-play-v0', '--output', 'a.npz'),
     'the planner cannot play in it'),
    (('ogbench-data', '--noise', 'nan', '--output', 'a.npz'), '--noise is nan'),
    (('ogbench-data', '--noise', 'inf', '--output', 'a.npz'), '--noise is inf'),
    (('ogbench-data', '--smoothing', '0', '--output', 'a.npz'), '--smoothing is 0'),
    (('ogbench-data', '--smoothing', 'inf', '--output', 'a.npz'), '--smoothing is inf'),
    (('ogbench-data', '--output', 'a.zip'), 'ends in .npz'),
])
def test_bad_input_is_one_line(capsys, arguments, message):
    assert bench(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error


@pytest.mark.parametrize('changes, message', [
    (('--environment', 'cube-single-play-v0'), 'expected a single-task name'),
    (('--environment', 'cube-sinle-play-singletask-v0'),
     "did you mean 'cube-single-play-singletask-v0'?"),
    (('--data', 'nowhere.npz'), 'lps bench ogbench-data --environment cube-single-play-v0'),
    (('--data', __file__), 'is not a data set of cube-single-play-v0'),
    (('--arms', 'steered'), 'expected steered:N or prior:N'),
    (('--arms', 'prior:2,prior:2'), 'names an arm twice'),
    (('--seeds', '3,3'), 'names a seed twice'),
    (('--algorithm', 'flow_bc', '--set', 'lr=1e-3'), 'flow_bc has no critic to choose by'),
    (('--set', 'strength=0.1'), "--set has 'strength=0.1'"),
    (('--set', 'horizon=500'), 'expected at least a chunk of 500'),
])
def test_bad_input_of_a_run_is_one_line(capsys, data, tmp_path, changes, message):
    assert bench(*ogbench_run(data, tmp_path / 'run', *changes)) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error
    assert not (tmp_path / 'run').exists()


def _with_nan(columns):
    columns['observations'][5, 2] = np.nan


def _too_large(columns):
    columns['actions'][7, 1] = 50.0


def _shorter(columns):
    columns['qpos'] = columns['qpos'][:-3]


def _not_finite(columns):
    columns['qpos'][9, 0] = np.inf


@pytest.mark.parametrize('damage, message', [
    (_with_nan, 'observations has nan in row 5, column 2'),
    (_too_large, 'actions has 50.0 in row 7, column 1'),
    (_not_finite, 'qpos has inf in row 9, column 0'),
    (_shorter, 'columns have different lengths'),
])
def test_bad_data_is_named_before_anything_is_written(capsys, data, tmp_path, damage, message):
    with np.load(data) as file:
        columns = {name: file[name] for name in file.files}
    damage(columns)
    np.savez(tmp_path / 'bad.npz', **columns)
    assert bench(*ogbench_run(tmp_path / 'bad.npz', tmp_path / 'run')) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error
    assert not (tmp_path / 'run').exists()


def test_a_torn_file_is_one_line(capsys, data, tmp_path):
    torn = tmp_path / 'torn.npz'
    torn.write_bytes(data.read_bytes()[:-400])
    assert bench(*ogbench_run(torn, tmp_path / 'run')) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {torn}: ') and error.count('\n') == 1


def test_other_settings_do_not_mix_into_a_table(capsys, data, finished):
    assert bench(*ogbench_run(data, finished[0], '--rewards', 'sparse', '--seed', 5)) == 1
    assert 'was begun with' in capsys.readouterr().err
    assert len(rows(finished[0])) == 6


def test_data_that_cannot_be_downloaded_can_be_made(capsys, tmp_path, monkeypatch):
    def offline(names, folder):
        print('Downloading')
        raise URLError('Name or service not known')

    monkeypatch.setattr(ogbench_dataset.ogbench, 'download_datasets', offline)
    assert bench('ogbench', '--environment', TASK, '--max-episode-steps', 7, '--data-dir',
                 tmp_path, '--output', tmp_path / 'run') == 1
    output, error = capsys.readouterr()
    assert output == '' and 'Name or service not known' in error
    assert 'lps bench ogbench-data --environment cube-single-play-v0' in error
