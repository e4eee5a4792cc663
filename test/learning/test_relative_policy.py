"""A policy whose actions are offsets from observed joints, from training to its bundle."""

import json

from learning_samples import use_cache
from lps_ros.contract import ActionCodec
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.data.cache import TrainingCache
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.errors import BundleError
from lps_ros.learning.trainer import Trainer
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.training_data import TrainingData
import numpy as np
import pytest

ROBOT = parse_contract("""
name: joint
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [position], names: [a], max_age_s: 0.1}
actions:
  - {key: arm, topic: trajectory, type: trajectory_msgs/msg/JointTrajectory, names: [a],
     relative_to: joints, scale: {low: [-6.2832], high: [6.2832]}, stop: hold}
task: {name: move, success_reward: 0, step_reward: -1, max_ticks: 200}
""")
_STEP_RAD = 0.004


def settings(**changes):
    return TrainerConfig.from_mapping({
        'algorithm': 'meanflow_bc', 'decoder_widths': (32, 32), 'batch_size': 64, 'lr': 3e-3,
        **changes})


def recordings(episodes=40, faster=1.0):
    """Return episodes that go on by a hair's breadth at every tick, from anywhere."""
    rng, step_rad = np.random.default_rng(0), faster * _STEP_RAD
    paths = [rng.uniform(-2, 2) + step_rad * np.arange(41) for _ in range(episodes)]
    positions = np.concatenate(paths)[:, None]
    names = ObservationEncoder(ROBOT).names
    return TrainingCache(
        observations=positions.astype(np.float32),
        actions=ActionCodec(ROBOT).normalise(positions + step_rad),
        episode_offsets=np.arange(0, len(positions) + 1, 41), outcomes=np.ones(episodes, bool),
        paths=(), names=names, action_names=ActionCodec(ROBOT).names)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, recordings())
        return Trainer(settings(steps=800), 'dataset', ROBOT,
                       tmp_path_factory.mktemp('run')).run().bundle


def test_offsets_a_thousandth_of_the_scale_are_learnt(made):
    policy = load_bundle(made).policy
    errors = []
    for position in np.linspace(-1.5, 1.5, 20):
        plan = policy.plan(np.array([position], np.float32), mode='prior', rng=policy.generator(0))
        wanted = position + _STEP_RAD * np.arange(1, policy.horizon + 1)
        errors.append(ActionCodec(ROBOT).denormalise(plan.actions)[:, 0] - wanted)
    # On the scale itself a network as small as this would miss by a hundred times as much.
    assert np.abs(errors).mean() < 0.75 * _STEP_RAD


def test_a_joined_chunk_agrees_with_absolute_actions_under_way(made):
    policy = load_bundle(made).policy
    under_way = ActionCodec(ROBOT).normalise(1.0 + _STEP_RAD * np.arange(1, 4))[:, None]
    plan = policy.plan(np.array([1.0], np.float32), mode='prior', rng=policy.generator(0),
                       committed=under_way, join_steps=2)
    np.testing.assert_allclose(plan.actions[:3], under_way, atol=2 * _STEP_RAD / 6.28)


def test_the_bundle_says_how_far_offsets_go(made):
    content = json.loads((made / 'policy.json').read_text())
    spread = np.array(content['actions']['spread'])
    assert spread.shape == (5, 1)
    np.testing.assert_allclose(
        spread[:, 0] * 6.2832, 1.1 * _STEP_RAD * np.arange(1, 6), rtol=0.01)


@pytest.mark.parametrize('spread', [None, [], [[1.0]], [['x']] * 5, [[0.0]] * 5, [[1e999]] * 5])
def test_a_bundle_without_it_is_refused(made, tmp_path, spread):
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = json.loads((made / 'policy.json').read_text())
    content['actions']['spread'] = spread
    (tmp_path / 'policy.json').write_text(json.dumps(content))
    with pytest.raises(BundleError, match='actions.spread') as error:
        load_bundle(tmp_path)
    assert '\n' not in str(error.value)


def test_fine_tuning_keeps_the_range(made, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, recordings())
        tuned = Trainer(settings(steps=1, start_from=str(made)), 'dataset', ROBOT,
                        tmp_path / 'run').run().bundle
    np.testing.assert_array_equal(
        load_bundle(tuned).policy.relative.spread, load_bundle(made).policy.relative.spread)


def told_by_training(data, start, run_dir, monkeypatch):
    """Return what a training of one update tells."""
    use_cache(monkeypatch, data)
    told = []
    Trainer(settings(steps=1, start_from=start), 'dataset', ROBOT, run_dir).run(told.append)
    return told


def test_fine_tuning_says_what_share_is_clipped(made, tmp_path, monkeypatch):
    told = told_by_training(recordings(faster=2.0), str(made), tmp_path, monkeypatch)
    assert [('notes' in each, each['step']) for each in told] == [(True, 0), (False, 1)]
    note, = told[0]['notes']
    # All but 6 of 200 values an episode: where its last action is repeated, the robot waits.
    assert note.startswith(f'{made}: 97 % of arm.a lie farther from the observed joints')


def test_fine_tuning_within_the_range_has_nothing_to_say(made, tmp_path, monkeypatch):
    told = told_by_training(recordings(), str(made), tmp_path, monkeypatch)
    assert told and not any('notes' in each for each in told)


def test_training_from_the_start_has_nothing_to_say(tmp_path, monkeypatch):
    data = recordings()
    data.actions[5] = 1.0  # an outlier, which the range of this training itself leaves out
    told = told_by_training(data, '', tmp_path, monkeypatch)
    assert told and not any('notes' in each for each in told)


def test_the_range_of_long_recordings_is_that_of_some_of_their_chunks(monkeypatch, tmp_path):
    fit, counts = RelativeActions.fit, []
    monkeypatch.setattr(RelativeActions, 'fit', lambda contract, actions, observations: (
        counts.append(len(actions)), fit(contract, actions, observations))[1])
    for episodes in (40, 2000):
        use_cache(monkeypatch, recordings(episodes))
        data = TrainingData.open(tmp_path, ROBOT, settings())
        np.testing.assert_allclose(
            data.relative.spread[:, 0] * 6.2832, 1.1 * _STEP_RAD * np.arange(1, 6), rtol=0.01)
    assert counts[0] == len(recordings().observations) - 40 and 10_000 < counts[1] <= 20_000


def test_where_no_action_is_relative_nothing_is_fitted(monkeypatch, tmp_path):
    monkeypatch.setattr(RelativeActions, 'fit', None)
    use_cache(monkeypatch, recordings())
    plain = parse_contract(ROBOT.text.replace('relative_to: joints, ', ''))
    bundle = Trainer(settings(steps=1), 'dataset', plain, tmp_path / 'run').run().bundle
    assert load_bundle(bundle).policy.relative is None
    assert 'spread' not in json.loads((bundle / 'policy.json').read_text())['actions']
