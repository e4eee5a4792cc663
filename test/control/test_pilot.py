"""One decision per control tick."""

from types import SimpleNamespace

from lps_ros.contract import parse_contract
from lps_ros.control.pilot import Pilot
from lps_ros.control.pilot import Steering
import numpy as np
import pytest

_MS = 1_000_000
_CONTRACT = parse_contract("""
name: arm
rate_hz: 20
observations:
  - {key: force, topic: force, type: std_msgs/msg/Float64MultiArray, names: [x], max_age_s: 0.1}
actions:
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x]
    scale: {low: [-2], high: [2]}
    limits: {low: [-1], high: [1]}
    stop: zeros
  - key: gripper
    topic: gripper
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {low: [0.0], high: [0.08]}
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
""")


class _Planner:
    """Plans chunks of three: linear.x 0.1, 0.2, 0.3 of the scale; keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.actions = np.array([[0.1, 0.0], [0.2, 0.0], [0.3, 0.0]], np.float32)
        self.error = None

    def plan(self, observation, images=(), *, mode, candidates, strength, rng):
        self.asked.append((float(observation[0]), mode, candidates, strength, rng))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(actions=self.actions)


@pytest.fixture
def planner():
    return _Planner()


@pytest.fixture
def pilot(planner):
    pilot = Pilot(_CONTRACT, planner, horizon=3, steering=Steering(mode='steered', candidates=4))
    pilot.begin('rng')
    return pilot


def _tick(pilot, tick, value=1.0):
    """Serve a tick 1 ms late, with an observation of that tick unless value is None."""
    time_ns = tick * 50 * _MS
    if value is not None:
        pilot.gate.accept('force', np.array([value]), stamp_ns=None, received_ns=time_ns)
    return pilot.tick(tick, lambda: time_ns + _MS)


def _stops(message):
    return message.content['twist']['linear']['x'] == 0.0


def _speed(decision):
    return decision.messages[0].content['twist']['linear']['x']


def test_an_observation_that_ages_while_planning_is_refused(pilot, planner):
    time_ns = [50 * _MS]
    plan = planner.plan

    def slow(*arguments, **named):
        time_ns[0] += 2000 * _MS
        return plan(*arguments, **named)

    planner.plan = slow
    pilot.gate.accept('force', np.array([1.0]), stamp_ns=None, received_ns=50 * _MS)
    decision = pilot.tick(1, lambda: time_ns[0])
    assert not decision.acting and 'old' in str(decision.reasons[0])
    assert all(_stops(message) for message in decision.messages)


def test_the_chunk_is_played_in_physical_units_and_replanned(pilot, planner):
    decisions = [_tick(pilot, tick, value=tick) for tick in range(10, 14)]
    np.testing.assert_allclose([_speed(d) for d in decisions], [0.2, 0.4, 0.6, 0.2], rtol=1e-6)
    assert planner.asked == [
        (10.0, 'steered', 4, 1.0, 'rng'), (13.0, 'steered', 4, 1.0, 'rng')]
    assert [d.plan_s is not None for d in decisions] == [True, False, False, True]
    assert [(d.step.chunk, d.step.index) for d in decisions] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert all(d.acting and len(d.messages) == 2 for d in decisions)


def test_commands_are_stamped_with_the_time_they_are_made(pilot):
    stamp = _tick(pilot, 30).messages[0].content['header']['stamp']
    assert stamp == {'sec': 1, 'nanosec': 501 * _MS}


def test_a_new_chunk_is_given_as_a_whole_stamped_and_timed(pilot):
    decision = _tick(pilot, 20)
    twist, gripper = decision.chunks
    assert twist.type == 'trajectory_msgs/msg/MultiDOFJointTrajectory'
    assert gripper.type == 'trajectory_msgs/msg/JointTrajectory'
    assert twist.content['header'] == {'stamp': {'sec': 1, 'nanosec': 0}, 'frame_id': 'base_link'}
    points = twist.content['points']
    np.testing.assert_allclose(
        [point['velocities'][0]['linear']['x'] for point in points], [0.2, 0.4, 0.6], rtol=1e-6)
    assert [point['time_from_start']['nanosec'] for point in points] == [
        50 * _MS, 100 * _MS, 150 * _MS]
    assert _tick(pilot, 21).chunks == ()


def test_commands_and_chunks_stay_within_the_limits(pilot, planner):
    planner.actions = np.full((3, 2), 0.9, np.float32)
    decision = _tick(pilot, 1)
    assert _speed(decision) == 1.0
    assert decision.notes == ('twist.linear.x 1.8 limited to 1 by range',)
    assert all(point['velocities'][0]['linear']['x'] == 1.0
               for point in decision.chunks[0].content['points'])


def test_replan_every_and_mode_take_effect_at_the_next_tick(pilot, planner):
    _tick(pilot, 1)
    pilot.steering = Steering(mode='prior', candidates=1, strength=0.5, replan_every=1)
    _tick(pilot, 2)
    _tick(pilot, 3)
    assert [asked[1:4] for asked in planner.asked] == [
        ('steered', 4, 1.0), ('prior', 1, 0.5), ('prior', 1, 0.5)]


def test_missing_input_stops_once_and_says_why(pilot, planner):
    first, second = _tick(pilot, 1, value=None), _tick(pilot, 2, value=None)
    assert [message.key for message in first.messages] == ['twist']
    assert _speed(first) == 0.0
    assert second.messages == ()
    assert not first.acting
    assert 'missing' in str(second.reasons[0])
    assert planner.asked == []


def test_stale_input_stops_and_acting_goes_on_with_a_fresh_chunk(pilot, planner):
    assert _tick(pilot, 1).acting
    assert _tick(pilot, 2).step.index == 1
    stopped = [_tick(pilot, tick, value=None) for tick in (3, 4, 5)]
    # The observation of tick 2 is 51 ms old at tick 3 and 101 ms old at tick 4.
    assert [d.acting for d in stopped] == [True, False, False]
    assert [len(d.messages) for d in stopped] == [2, 1, 0]
    resumed = _tick(pilot, 6)
    assert resumed.acting
    assert resumed.step.index == 0
    assert len(planner.asked) == 2


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_non_finite_observation_is_not_acted_on(pilot, planner, value):
    decision = _tick(pilot, 1, value=value)
    assert not decision.acting
    assert planner.asked == []


def test_an_observation_beyond_float32_is_not_acted_on(pilot, planner):
    with np.errstate(over='ignore'):
        decision = _tick(pilot, 1, value=1e300)
    assert str(decision.reasons[0]) == 'the encoded observation has a non-finite value'


def test_a_non_finite_chunk_is_refused_as_a_whole(pilot, planner):
    planner.actions = np.array([[0.1, 0.0], [0.2, 0.0], [np.nan, 0.0]])
    decision = _tick(pilot, 1)
    assert str(decision.reasons[0]) == 'planned chunk has a non-finite value'
    assert _speed(decision) == 0.0
    assert decision.chunks == ()


def test_a_chunk_of_another_shape_is_refused(pilot, planner):
    planner.actions = np.zeros((2, 2))
    assert 'expected (3, 2)' in str(_tick(pilot, 1).reasons[0])


def test_an_error_in_the_network_ends_in_a_stop_with_one_line(pilot, planner):
    _tick(pilot, 1)
    planner.error = RuntimeError('first\n  second')
    decision = _tick(pilot, 4)
    assert str(decision.reasons[0]) == 'no command could be made: RuntimeError: first second'
    assert not decision.reasons[0].stale
    assert _speed(decision) == 0.0
    planner.error = None
    assert _tick(pilot, 5).step.index == 0


def test_skipped_ticks_move_on_in_the_chunk(pilot):
    _tick(pilot, 1)
    assert _tick(pilot, 3).step.index == 2


def test_beginning_afresh_gives_the_same_run(pilot, planner):
    runs = []
    for first in (0, 100):
        pilot.begin('rng')
        runs.append([_speed(_tick(pilot, first + tick)) for tick in range(5)])
    assert runs[0] == runs[1]
    assert len(planner.asked) == 4


def test_stop_is_asked_for_once_more_on_deactivation(pilot):
    _tick(pilot, 1)
    assert [message.key for message in pilot.stop(200 * _MS)] == ['twist']
    assert _tick(pilot, 2, value=None).step.index == 0


def test_warm_up_plans_from_zeros_and_times_it(planner):
    clock = iter((1.0, 1.25))
    pilot = Pilot(_CONTRACT, planner, horizon=3, steering=Steering(mode='prior'),
                  steady_s=lambda: next(clock))
    assert pilot.plan_once('warm') == 0.25
    assert planner.asked == [(0.0, 'prior', 1, 1.0, 'warm')]


def test_a_held_channel_keeps_its_step_limit_across_a_stop(planner):
    pilot = _stepping_pilot(planner)
    before = _tick(pilot, 1).command
    _tick(pilot, 20, value=None)
    planner.actions = np.ones((3, 2), np.float32)
    after = _tick(pilot, 21).command
    # The twist came to rest, the gripper stayed where it was told to be.
    assert after == pytest.approx([0.1, before[1] + 0.002])


def test_a_command_that_was_never_sent_is_not_in_force(planner):
    pilot = _stepping_pilot(planner)
    before = _tick(pilot, 1).command
    planner.actions = np.ones((3, 2), np.float32)
    pilot.gate.accept('force', np.array([1.0]), stamp_ns=None, received_ns=200 * _MS)
    times_ns = iter([201 * _MS, 202 * _MS])
    assert not pilot.tick(4, lambda: next(times_ns, 400 * _MS)).acting
    after = _tick(pilot, 21).command
    assert after == pytest.approx([0.1, before[1] + 0.002])


def _stepping_pilot(planner):
    contract = parse_contract(
        _CONTRACT.text.replace('limits: {low: [-1], high: [1]}',
                               'limits: {low: [-1], high: [1], step: [0.1]}')
        .replace('stop: hold', 'limits: {step: [0.002]}\n    stop: hold'))
    pilot = Pilot(contract, planner, horizon=3, steering=Steering(mode='steered'))
    pilot.begin('rng')
    return pilot


def test_a_slow_plan_is_told_even_when_it_is_refused(pilot):
    pilot.gate.accept('force', np.array([1.0]), stamp_ns=None, received_ns=50 * _MS)
    times_ns = iter([51 * _MS, 52 * _MS])
    decision = pilot.tick(1, lambda: next(times_ns, 400 * _MS))
    assert not decision.acting and decision.plan_s is not None


def test_the_stop_after_an_error_is_stamped_when_it_is_made(pilot, planner):
    assert _tick(pilot, 1).acting
    planner.error = RuntimeError('no')
    pilot.gate.accept('force', np.array([1.0]), stamp_ns=None, received_ns=200 * _MS)
    times_ns = iter([201 * _MS])
    decision = pilot.tick(4, lambda: next(times_ns, 300 * _MS))
    stamp = decision.messages[0].content['header']['stamp']
    assert stamp == {'sec': 0, 'nanosec': 300 * _MS}


def test_a_clock_that_jumps_back_stops_although_old_rows_would_fit(pilot):
    for tick in range(1, 41):
        assert _tick(pilot, tick).acting
    decisions = [_tick(pilot, tick, value=None) for tick in range(10, 40)]
    assert 'jumped back' in str(decisions[0].reasons[0]) and _stops(decisions[0].messages[0])
    assert not any(decision.acting for decision in decisions)
    assert _tick(pilot, 41).acting
