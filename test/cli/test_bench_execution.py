"""`lps bench execution`: plans that take time beside the motion, in simulated time."""

import json
from pathlib import Path
from types import SimpleNamespace

from lps_ros.cli.main import main
from lps_ros.cli.simulated_execution import DelayedInference
from lps_ros.cli.simulated_execution import FreeRunningRobot
from lps_ros.contract import load_contract
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import Steering
from lps_ros.errors import UserError
from lps_ros.share import share_path
import numpy as np
import pytest

BUNDLE = Path(__file__).parents[2] / 'models' / 'ur5e_cube'
SEEN = load_contract(share_path('config/ur5e_cube.yaml'))
CONTRACT = SEEN.subset(spec.key for spec in SEEN.observations if spec.image is None)
STEERING = Steering(mode='prior', replan_every=2)


class Still:
    """A policy that commands no motion, and counts its plans."""

    def __init__(self):
        self.plans = 0

    def generator(self, seed):
        return None

    def plan(self, observation, images=(), **options):
        self.plans += 1
        return SimpleNamespace(actions=np.zeros((5, 5), np.float32))


@pytest.fixture(scope='module')
def robot():
    return FreeRunningRobot(CONTRACT)


def bench(*arguments) -> int:
    return main(['bench', 'execution', *map(str, arguments)])


def test_a_plan_is_there_its_delay_after_it_was_asked_for():
    now = SimpleNamespace(ns=1_000)
    inference = DelayedInference(Still(), 500, lambda: now.ns)
    assert inference.poll() is None
    inference.submit(PlanRequest(number=3, tick=1, observation=np.zeros(1), steering=STEERING))
    assert inference.due_ns == 1_500
    now.ns = 1_499
    assert inference.poll() is None
    now.ns = 1_500
    assert inference.poll().number == 3
    assert inference.poll() is None and inference.due_ns is None


@pytest.mark.parametrize('delay_s, late', [(0.0, 0), (0.05, 1), (0.1, 2)])
def test_beside_the_motion_late_actions_are_dropped_and_none_is_missing(robot, delay_s, late):
    policy = Still()
    episode = robot.run(3, policy, horizon=5, delay_s=delay_s, steering=STEERING,
                        stops_to_think=False)
    assert not episode.success and episode.steps == 200
    assert (episode.starved, episode.skipped, episode.disarms) == (0, 0, 0)
    assert policy.plans == pytest.approx(100, abs=3)
    # The first plan, which nobody could ask for earlier, comes one tick later.
    assert episode.dropped == pytest.approx(late * policy.plans, abs=4)


def test_who_stops_to_think_stands_meanwhile(robot):
    policy = Still()
    episode = robot.run(3, policy, horizon=5, delay_s=0.1, steering=STEERING,
                        stops_to_think=True)
    # Two ticks go by between a chunk's last action and the next one's first.
    assert policy.plans == pytest.approx(200 / 7, abs=2)
    assert episode.starved == pytest.approx(2 * policy.plans, abs=4)
    assert episode.dropped == episode.disarms == 0


def test_too_slow_a_plan_stops_the_robot_and_disarms(robot):
    episode = robot.run(3, Still(), horizon=5, delay_s=0.2, steering=STEERING,
                        stops_to_think=False)
    assert episode.disarms > 10
    assert episode.starved > 100


def test_the_same_seed_gives_the_same_episode(robot):
    from lps_ros.learning.bundle import load_bundle
    import torch
    torch.set_num_threads(1)
    policy = load_bundle(BUNDLE).policy
    episodes = [robot.run(seed, policy, horizon=5, delay_s=0.05, steering=STEERING,
                          stops_to_think=False) for seed in (7, 8, 7)]
    assert episodes[0] == episodes[2] != episodes[1]


def test_figures_are_printed_and_written(tmp_path, capsys):
    file = tmp_path / 'figures.json'
    assert bench('--bundle', BUNDLE, '--episodes', 1, '--seed', 30000, '--delays-ms', '0,100',
                 '--join', 'latent', '--candidates', 4, '--json', file) == 0
    content = json.loads(file.read_text(encoding='utf-8'))
    assert content['horizon'] == 5 and content['steering']['candidates'] == 4
    assert content['seeds'] == [30000, 30000]
    rows = [(row['execution'], row['join'], row['delay_ms']) for row in content['results']]
    assert rows == [('async', 'latent', 0), ('async', 'latent', 100),
                    ('stops_to_think', None, 0), ('stops_to_think', None, 100)]
    for row in content['results']:
        assert row['episodes'] == len(row['success_steps']) == 1
        assert row['success'] == (row['success_steps'][0] is not None)
        assert row['roughness'] > 0 and row['skipped'] == 0
    assert content['results'][1]['dropped'] > 10 > content['results'][0]['dropped']
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.parametrize('arguments, message', [
    (('--execution', 'sync'), "--execution has 'sync', expected some of async, stops_to_think"),
    (('--join', 'mean'), "--join has 'mean', expected some of replace, ensemble, latent"),
    (('--join', 'latent', '--candidates', '1', '--join-steps', '0'),
     '--join-steps is 0, expected 1 or more: one candidate leaves nothing to choose from'),
    (('--join-weight', '-1'), '--join-weight is -1.0, expected a number from 0 on'),
    (('--candidates', '0'), '--candidates is 0, expected 1 to 1024'),
    (('--bundle', 'nowhere'), 'nowhere/policy.json: cannot read'),
])
def test_bad_input_is_one_line(capsys, arguments, message):
    assert bench('--episodes', 1, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error


def test_a_camera_is_refused():
    with pytest.raises(UserError, match='expected some of joint_states'):
        FreeRunningRobot(SEEN).run(
            3, Still(), horizon=5, delay_s=0.0, steering=STEERING, stops_to_think=False)
