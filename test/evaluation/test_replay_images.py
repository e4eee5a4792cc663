"""Recordings with a camera, passed through a policy that sees."""

from types import SimpleNamespace

import h5py
from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import Steering
from lps_ros.data import EpisodeError
from lps_ros.data.convert import convert_bag
from lps_ros.data.episode import Episode
from lps_ros.evaluation.replay import replay
from lps_ros.evaluation.replay import ReplaySettings
import numpy as np
import pytest
from replay_recordings import Arm
from replay_recordings import CAMERA
from replay_recordings import contract
from replay_recordings import drive
from replay_recordings import random_bundle
from replay_recordings import RandomPolicy
from replay_recordings import write_bag

ARM = contract(CAMERA)
EVERY_2 = Steering(mode='steered', replan_every=2)
SETTINGS = ReplaySettings(replan_every=2)


class SeeingPolicy(RandomPolicy):
    """Plans from the picture too; rates a chunk by the picture alone."""

    def plan(self, observation, images=(), *, mode, candidates, strength, rng):
        image, = images
        assert image.dtype == np.uint8 and image.shape == (6, 8, 3)
        plan = super().plan(
            observation, mode=mode, candidates=candidates, strength=strength, rng=rng)
        return SimpleNamespace(actions=np.tanh(plan.actions + _looks(image[None])[0]))

    def q_values(self, observations, actions, images=()):
        frames, = images
        assert len(frames) == len(actions) == len(observations) > 0
        return np.stack((_looks(frames), _looks(frames) + 1.0))


def _looks(frames):
    return (frames[:, 1, 2, 0] / 255 - frames[:, 3, 3, 1] / 255).astype(np.float32)


def bundle(robot=ARM):
    made = random_bundle(robot)
    made.policy = SeeingPolicy(ObservationEncoder(robot).size, 4)
    return made


@pytest.fixture(scope='module')
def own_run():
    """Return two episodes that the policy drove by what it saw."""
    return [message for seed in (1, 2) for message in drive(
        ARM, seed=seed, policy=bundle().policy, steering=EVERY_2)]


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_run_by_sight_replays_without_error(tmp_path, own_run, storage):
    figures = replay(write_bag(tmp_path / 'bag', own_run, storage), bundle(),
                     settings=SETTINGS).figures
    assert figures['as_executed']['ticks'] == figures['fit_ticks'] == 120
    assert max(figures['as_executed']['max_abs']) < 1e-6
    assert figures['input']['front']['messages'] == 120
    assert figures['q']['ticks'] > 100


def test_a_policy_that_does_not_see_moves_otherwise(tmp_path, own_run):
    blind = random_bundle(contract())
    figures = replay(write_bag(tmp_path / 'bag', own_run, 'mcap'), blind,
                     settings=SETTINGS).figures
    assert figures['as_executed']['rmse_of_half_range'] > 0.05
    assert 'front' not in figures['input']


def test_values_are_of_the_frames_of_their_ticks(tmp_path, own_run):
    report = replay(write_bag(tmp_path / 'bag', own_run, 'mcap'), bundle(), settings=SETTINGS)
    path = convert_bag(write_bag(tmp_path / 'again', own_run, 'mcap'), ARM, tmp_path / 'dataset',
                       image_format='png')[0]
    with Episode.open(path) as episode:
        expected = _looks(episode.images('front', range(60)))
    np.testing.assert_allclose(report.episodes[0].q_policy[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize('image_format', ['png', 'raw'])
def test_a_dataset_gives_the_bags_figures(tmp_path, own_run, image_format):
    bag = write_bag(tmp_path / 'bag', own_run, 'mcap')
    convert_bag(bag, ARM, tmp_path / 'dataset', image_format=image_format)
    figures = [replay(source, bundle(), settings=SETTINGS).figures
               for source in (bag, tmp_path / 'dataset')]
    for name in ('as_executed', 'open_loop', 'q', 'input'):
        assert figures[0][name] == figures[1][name]


def test_a_camera_that_failed_is_told_and_not_acted_on(tmp_path):
    messages = drive(ARM, seed=1, policy=bundle().policy, steering=EVERY_2,
                     leave_out=lambda topic, tick: 'camera' in topic and 20 <= tick < 30)
    report = replay(write_bag(tmp_path / 'bag', messages, 'mcap'), bundle(), settings=SETTINGS)
    # 0.15 s old is allowed and ticks are served 1 ms late, so 2 of the 10 are fit.
    assert report.figures['input']['front']['stale_ticks'] == 8
    assert report.figures['fit_ticks'] == 52
    assert np.isnan(report.episodes[0].chunks[22:30]).all()
    assert max(report.figures['as_executed']['max_abs']) < 1e-6


def test_a_frozen_camera_is_told_and_the_replay_goes_on(tmp_path, monkeypatch):
    picture, count = Arm.picture, iter(range(1000))
    frozen = picture(Arm(1))
    monkeypatch.setattr(Arm, 'picture', lambda self: (
        frozen if 20 <= next(count) < 35 else picture(self)))
    messages = drive(ARM, seed=1, policy=bundle().policy, steering=EVERY_2)
    report = replay(write_bag(tmp_path / 'bag', messages, 'mcap'), bundle(), settings=SETTINGS)
    # The 11th equal picture is the 10th repetition.
    assert report.figures['input']['front']['unfit_ticks'] == 5
    assert report.figures['fit_ticks'] == report.figures['as_executed']['ticks'] == 55
    assert np.isnan(report.episodes[0].executed[30:35]).all()
    assert np.isfinite(report.episodes[0].executed[35:]).all()


def test_a_policy_may_see_pictures_alone(tmp_path):
    robot = contract(CAMERA, (
        '\n      workspace: {observation: tool, low: [-0.3, -0.3, 0.0], high: [0.3, 0.3, 1.0]}',
        '')).subset(['front'])
    messages = drive(robot, seed=1, policy=bundle(robot).policy, steering=EVERY_2)
    figures = replay(write_bag(tmp_path / 'bag', messages, 'mcap'), bundle(robot),
                     settings=SETTINGS).figures
    assert list(figures['input']) == ['front']
    assert figures['as_executed']['ticks'] == 60
    assert max(figures['as_executed']['max_abs']) < 1e-6


def test_a_damaged_frame_is_told_with_its_file(tmp_path, own_run):
    bag = write_bag(tmp_path / 'bag', own_run, 'mcap')
    path = convert_bag(bag, ARM, tmp_path / 'dataset')[0]
    with h5py.File(path, 'r+') as file:
        file['stream/front/data'][:200] = 0
    with pytest.raises(EpisodeError, match=f'{path}: frame 0 does not decode as jpeg'):
        replay(path, bundle())
