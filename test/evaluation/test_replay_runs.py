"""A policy's own run replays without error, anything else does not; both storages agree."""

from dataclasses import replace
from types import SimpleNamespace

from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import Steering
from lps_ros.data import BagError
from lps_ros.data import EpisodeError
from lps_ros.data.convert import convert_bag
from lps_ros.data.messages import decode
from lps_ros.data.messages import typestore
from lps_ros.errors import UserError
from lps_ros.evaluation.replay import replay
from lps_ros.evaluation.replay import ReplaySettings
from lps_ros.joining import JOIN_STEPS
import numpy as np
import pytest
from replay_recordings import contract
from replay_recordings import drive
from replay_recordings import operator
from replay_recordings import random_bundle
from replay_recordings import write_bag

CONTRACT = contract()
FREE = contract(('step: [0.3, 0.3, 2.0]', 'low: [-1, -1, -6]'),
                ('workspace: {observation: tool, low: [-0.3, -0.3, 0.0], high: [0.3, 0.3, 1.0]}',
                 'high: [1, 1, 6]'))
BUNDLE = random_bundle(CONTRACT)
POLICY = BUNDLE.policy
STORAGES = ('sqlite3', 'mcap')
EVERY_3 = Steering(mode='steered', replan_every=3)


def own_run(**options) -> list:
    """Return two episodes of the policy's own run, planning every third tick."""
    return [message for seed in (1, 2) for message in drive(
        CONTRACT, seed=seed, policy=POLICY, **{'steering': EVERY_3, **options})]


def settled(figures: dict) -> dict:
    """Return the figures without what differs between machines and files."""
    return {key: value for key, value in figures.items() if key not in ('planning', 'source')}


@pytest.mark.parametrize('storage', STORAGES)
def test_own_run_replays_without_error(tmp_path, storage):
    bag = write_bag(tmp_path / 'bag', own_run(), storage)
    figures = replay(bag, BUNDLE, settings=ReplaySettings(replan_every=3)).figures
    executed = figures['as_executed']
    assert executed['ticks'] == figures['ticks'] == 120
    assert max(executed['max_abs']) < 1e-9
    assert executed['limited_ticks'] > 0
    assert figures['fit_ticks'] == 120
    assert [each['source'] for each in figures['episodes']] == ['policy', 'policy']


@pytest.mark.parametrize('storage', STORAGES)
def test_other_plan_ticks_or_another_policy_do_not_fit(tmp_path, storage):
    bag = write_bag(tmp_path / 'bag', own_run(), storage)
    for bundle, every in ((BUNDLE, 4), (random_bundle(CONTRACT, seed=1), 3)):
        figures = replay(bag, bundle, settings=ReplaySettings(replan_every=every)).figures
        assert figures['as_executed']['rmse_of_half_range'] > 0.1


def test_both_storages_give_the_same_figures(tmp_path):
    messages = own_run() + drive(CONTRACT, seed=3, command=operator(3))
    figures = [settled(replay(write_bag(tmp_path / storage, messages, storage), BUNDLE).figures)
               for storage in STORAGES]
    assert figures[0] == figures[1]


@pytest.mark.parametrize('storage', STORAGES)
def test_operators_run_differs_from_the_policy(tmp_path, storage):
    bag = write_bag(tmp_path / 'bag', drive(CONTRACT, seed=3, command=operator(3)), storage)
    figures = replay(bag, BUNDLE).figures
    assert figures['as_executed']['rmse_of_half_range'] > 0.1
    assert figures['episodes'][0]['source'] == 'teleop'


@pytest.mark.parametrize('storage', STORAGES)
def test_perturbed_commands_show_their_perturbation(tmp_path, storage):
    messages = []
    for message in own_run():
        if message.topic == 'servo_node/delta_twist_cmds':
            twist = decode(message.type, message.cdr)
            twist.twist.linear.x += 0.05
            twist.twist.angular.z -= 0.5
            message = replace(message, cdr=bytes(
                typestore().serialize_cdr(twist, message.type)))
        messages.append(message)
    bag = write_bag(tmp_path / 'bag', messages, storage)
    figures = replay(bag, BUNDLE, settings=ReplaySettings(replan_every=3)).figures
    assert figures['dimensions'] == [
        'twist.linear.x', 'twist.linear.y', 'twist.angular.z', 'gripper.opening']
    assert figures['units'] == ['m/s', 'm/s', 'rad/s', 'm']
    for name in ('rmse', 'mean_abs', 'max_abs'):
        assert figures['as_executed'][name] == pytest.approx([0.05, 0.0, 0.5, 0.0], abs=1e-9)
    assert figures['as_executed']['bias'] == pytest.approx([-0.05, 0.0, 0.5, 0.0], abs=1e-9)


def test_random_latents_are_repeated_from_what_the_start_event_says(tmp_path):
    messages = []
    for seed in (1, 2):
        steering = {'mode': 'prior', 'candidates': 4, 'replan_every': 2, 'join': 'ensemble'}
        messages += drive(CONTRACT, seed=seed, policy=POLICY, steering=Steering(**steering),
                          details={'policy': {**steering, 'seed': seed}})
    bag = write_bag(tmp_path / 'bag', messages, 'mcap')
    report = replay(bag, BUNDLE)
    assert max(report.figures['as_executed']['max_abs']) < 1e-9
    assert report.figures['settings'] == {
        'mode': 'prior', 'candidates': 4, 'strength': 1.0, 'replan_every': 2,
        'join': 'ensemble', 'join_steps': JOIN_STEPS, 'join_weight': 1.0}
    other = replay(bag, BUNDLE, settings=ReplaySettings(seed=7))
    assert other.figures['as_executed']['rmse_of_half_range'] > 0.01


def test_plans_are_aligned_with_the_first_recorded_command(tmp_path):
    bag = write_bag(tmp_path / 'bag', own_run(begin=7), 'mcap')
    report = replay(bag, BUNDLE, settings=ReplaySettings(replan_every=3))
    assert report.figures['as_executed']['ticks'] == 2 * 53
    assert max(report.figures['as_executed']['max_abs']) < 1e-9
    assert np.isnan(report.episodes[0].executed[:7]).all()


def test_own_run_with_a_gap_in_its_input_replays_without_error(tmp_path):
    messages = own_run(leave_out=lambda topic, tick: topic == 'cube_pose' and 20 <= tick < 30)
    figures = replay(write_bag(tmp_path / 'bag', messages, 'sqlite3'), BUNDLE,
                     settings=ReplaySettings(replan_every=3)).figures
    # 0.1 s old is allowed and ticks are served 1 ms late, so 1 of the 10 without a message is fit.
    assert figures['input']['cube']['stale_ticks'] == 18
    assert figures['input']['cube']['messages'] == 100
    assert figures['input']['cube']['age_max_s'] == pytest.approx(0.501)
    assert figures['input']['tool']['stale_ticks'] == 0
    assert figures['fit_ticks'] == figures['as_executed']['ticks'] == 102
    assert max(figures['as_executed']['max_abs']) < 1e-9


def test_a_plain_bag_is_replayed_as_a_whole(tmp_path):
    messages = drive(CONTRACT, seed=1, policy=POLICY, steering=EVERY_3, marked=False)
    figures = replay(write_bag(tmp_path / 'bag', messages, 'mcap'), BUNDLE,
                     settings=ReplaySettings(replan_every=3)).figures
    assert figures['ticks'] == figures['as_executed']['ticks'] == 59
    assert max(figures['as_executed']['max_abs']) < 1e-9
    assert figures['episodes'][0]['outcome'] == 'unmarked'


def test_dataset_and_episode_file_give_the_bags_figures(tmp_path):
    bag = write_bag(tmp_path / 'bag', own_run(), 'mcap')
    paths = convert_bag(bag, CONTRACT, tmp_path / 'dataset')
    from_bag = settled(replay(bag, BUNDLE).figures)
    assert settled(replay(tmp_path / 'dataset', BUNDLE).figures) == from_bag
    one = replay(paths[0], BUNDLE).figures
    assert one['episodes'] == from_bag['episodes'][:1]
    assert settled(replay(bag, BUNDLE, episodes=1).figures) == settled(one)


def test_open_loop_compares_step_by_step_with_what_followed(tmp_path):
    plan = np.array([[0.1 * step, 0.0, 0.0, 0.0] for step in range(5)], np.float32)
    policy = SimpleNamespace(
        horizon=5, q_values=POLICY.q_values, generator=POLICY.generator,
        plan=lambda observation, **options: SimpleNamespace(actions=plan))
    messages = drive(FREE, seed=1, ticks=20, command=lambda tick, position: np.array(
        [0.01 * tick, 0.0, 0.0, 0.0425]))
    figures = replay(write_bag(tmp_path / 'bag', messages, 'mcap'),
                     SimpleNamespace(contract=FREE, policy=policy, metadata={})).figures
    open_loop = figures['open_loop']
    for step in range(5):
        errors = 0.1 * step - 0.01 * np.arange(step, 20)
        assert open_loop['rmse_per_step'][step] == pytest.approx(
            [np.sqrt(np.mean(errors ** 2)), 0.0, 0.0, 0.0], abs=1e-7)
        assert open_loop['mean_abs_per_step'][step][0] == pytest.approx(
            np.mean(np.abs(errors)), abs=1e-7)
    # The critics rate a chunk by minus its squared size, the second one 1 lower.
    recorded = [-sum((0.01 * tick) ** 2 for tick in range(k, k + 5)) for k in range(16)]
    assert figures['q']['ticks'] == 16
    assert figures['q']['policy']['min'] == pytest.approx(-0.3 - 1.0, abs=1e-6)
    assert figures['q']['recorded']['mean'] == pytest.approx(np.mean(recorded) - 0.5, abs=1e-6)
    assert figures['q']['higher'] == 0.0


def test_input_outside_the_training_data_is_told(tmp_path):
    bag = write_bag(tmp_path / 'bag', drive(CONTRACT, seed=1, command=operator(1)), 'mcap')
    inside = replay(bag, BUNDLE)
    assert inside.figures['unfamiliar'] == {'ticks': 0, 'farthest': []}
    seen = inside.episodes[0].observations
    statistics = {'min': seen.min(axis=0).tolist(), 'max': seen.max(axis=0).tolist()}
    names = ObservationEncoder(CONTRACT).names
    row = names.index('tool.position.y')
    low, high = np.sort(seen[:, row])[[3, -1]]
    statistics['min'][row] = float(low)
    bundle = SimpleNamespace(contract=CONTRACT, policy=POLICY,
                             metadata={'observation_statistics': statistics})
    unfamiliar = replay(bag, bundle).figures['unfamiliar']
    assert unfamiliar['ticks'] == 3
    (only,) = unfamiliar['farthest']
    assert (only['name'], only['ticks']) == ('tool.position.y', 3)
    assert only['beyond'] == pytest.approx((low - seen[:, row].min()) / (high - low), rel=1e-5)


def test_doubts_of_the_plans_are_told(tmp_path):
    bag = write_bag(tmp_path / 'bag', drive(CONTRACT, seed=1, command=operator(1)), 'mcap')
    told = replay(bag, BUNDLE).figures['doubt']
    assert told == {'unfamiliarity': None, 'disagreement': None}
    values = iter(range(1000))

    def plan(observation, images=(), **options):
        number = next(values)
        return SimpleNamespace(
            actions=POLICY.plan(observation, **options).actions, disagreement=0.5,
            unfamiliarity=2.0 if number % 20 == 0 else 0.25)

    policy = SimpleNamespace(horizon=5, q_values=POLICY.q_values, generator=POLICY.generator,
                             plan=plan)
    report = replay(bag, SimpleNamespace(contract=CONTRACT, policy=policy, metadata={}))
    told = report.figures['doubt']
    assert told['unfamiliarity'] == {
        'ticks': 60, 'median': 0.25, 'p99': 2.0, 'max': 2.0, 'ticks_above_1': 3}
    assert told['disagreement'] == {'ticks': 60, 'median': 0.5, 'p99': 0.5, 'max': 0.5}
    assert report.figures['planning']['plans'] == 12
    assert '!!  Unfamiliarity, 1 at the edge of the training data, is above 1 at 3 of 60' in (
        report.text())


def test_the_robots_contract_decides_on_limits_and_ages(tmp_path):
    bag = write_bag(tmp_path / 'bag', own_run(), 'mcap')
    settings = ReplaySettings(replan_every=3)
    slower = contract(('step: [0.3, 0.3, 2.0]', 'step: [0.3, 0.3, 0.1]'))
    executed = replay(bag, BUNDLE, contract=slower, settings=settings).figures['as_executed']
    assert executed['largest_change'][2] == pytest.approx(0.1)
    assert executed['limited']['twist.angular.z by step'] > 100
    assert executed['recorded_largest_change'][2] > 1.0
    aged = contract(('elbow]\n    max_age_s: 0.1', 'elbow]\n    max_age_s: 0.0005'))
    figures = replay(bag, BUNDLE, contract=aged, settings=settings).figures
    assert figures['input']['joints']['stale_ticks'] == figures['ticks'] == 120
    assert figures['fit_ticks'] == figures['as_executed']['ticks'] == 0


def test_what_was_recorded_need_not_follow_the_policy(tmp_path):
    bag = write_bag(tmp_path / 'bag', drive(CONTRACT, seed=3, command=operator(3)), 'mcap')
    start = 'start: {observation: joints, names: [elbow], within: [100], lag: [0.001]}'
    followed = contract(('high: [0.085]}', f'high: [0.085]}}\n    limits: {{{start}}}'))
    executed = replay(bag, BUNDLE, contract=followed).figures['as_executed']
    assert executed['ticks'] == 60


def test_the_policy_may_see_less_than_was_recorded(tmp_path):
    load = """
  - key: load
    topic: load
    type: std_msgs/msg/Float64MultiArray
    names: [x]
    max_age_s: 0.1
    required: false
derived:"""
    more = contract(('\nderived:', load))
    bag = write_bag(tmp_path / 'bag', drive(more, seed=1, command=operator(1)), 'mcap')
    dataset = tmp_path / 'dataset'
    convert_bag(bag, None, dataset)
    figures = [settled(replay(source, BUNDLE).figures) for source in (bag, dataset)]
    assert figures[0] == figures[1]
    assert list(figures[0]['input']) == ['joints', 'tool', 'cube']
    with pytest.raises(UserError, match='observations.load: bundle .*MultiArray, here none'):
        replay(write_bag(tmp_path / 'less', drive(CONTRACT, seed=1, command=operator(1)), 'mcap'),
               SimpleNamespace(contract=more, policy=POLICY, metadata={}))


def test_another_data_contract_is_refused_with_the_difference(tmp_path):
    slow = contract(('rate_hz: 20', 'rate_hz: 10'))
    bag = write_bag(tmp_path / 'bag', drive(slow, seed=1, command=operator(1)), 'mcap')
    with pytest.raises(UserError, match=r'rate_hz: bundle 20(\.0)?, here 10') as caught:
        replay(bag, BUNDLE)
    assert '\n' not in str(caught.value)
    with pytest.raises(UserError, match='contract point_arm: other data'):
        replay(bag, BUNDLE, contract=slow)


def test_what_cannot_be_replayed_is_said_in_one_line(tmp_path):
    messages = own_run()
    with pytest.raises(UserError, match='nothing_here: not found; expected a rosbag2'):
        replay(tmp_path / 'nothing_here', BUNDLE)
    text = tmp_path / 'notes.txt'
    text.write_text('no bag', encoding='utf-8')
    with pytest.raises(BagError, match='expected a rosbag2 folder'):
        replay(text, BUNDLE)
    (tmp_path / 'empty' / 'success').mkdir(parents=True)
    with pytest.raises(UserError, match='dataset without episodes'):
        replay(tmp_path / 'empty', BUNDLE)
    lacking = write_bag(tmp_path / 'lacking', [
        message for message in messages if message.topic != 'cube_pose'], 'sqlite3')
    with pytest.raises(BagError, match="no topic 'cube_pose'.*only .*/joint_states"):
        replay(lacking, BUNDLE)
    damaged = tmp_path / 'damaged.hdf5'
    path = convert_bag(write_bag(tmp_path / 'bag', messages, 'mcap'), CONTRACT, tmp_path / 'd')[0]
    damaged.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(EpisodeError, match='truncated'):
        replay(damaged, BUNDLE)
