"""One decision per control tick, where time waits for the plan."""

from lps_ros.control.authority import Source
from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import ARM
from pilot_rig import is_the_stop
from pilot_rig import MS
from pilot_rig import Rig
from pilot_rig import speed
import pytest


@pytest.fixture
def rig():
    """Return a pilot whose chunks of three say linear.x 0.1, 0.2, 0.3 of the scale."""
    rig = Rig()
    rig.planner.actions = np.array([[0.1, 0.0], [0.2, 0.0], [0.3, 0.0]])
    return rig


def test_the_chunk_is_played_in_physical_units_and_replanned(rig):
    decisions = [rig.tick(tick, value=tick) for tick in range(10, 14)]
    np.testing.assert_allclose(
        [speed(d.messages[0]) for d in decisions], [0.2, 0.4, 0.6, 0.2], rtol=1e-6)
    assert [(value, how['mode'], how['candidates'], how['strength'])
            for value, how in rig.planner.asked] == [
        (10.0, 'steered', 4, 1.0), (13.0, 'steered', 4, 1.0)]
    assert [(d.step.chunk, d.step.index) for d in decisions] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert all(d.acting and d.source == Source.POLICY and len(d.messages) == 2 for d in decisions)
    assert [d.plan.number for d in decisions] == [0, 0, 0, 1]


def test_commands_are_stamped_with_the_time_they_are_made(rig):
    assert rig.tick(30).messages[0].content['header']['stamp'] == {
        'sec': 1, 'nanosec': 501 * MS}


def test_a_new_chunk_is_given_as_a_whole_stamped_and_timed(rig):
    twist, gripper = rig.tick(20).chunks
    assert twist.type == 'trajectory_msgs/msg/MultiDOFJointTrajectory'
    assert gripper.type == 'trajectory_msgs/msg/JointTrajectory'
    assert twist.content['header'] == {'stamp': {'sec': 1, 'nanosec': 0}, 'frame_id': 'base_link'}
    points = twist.content['points']
    np.testing.assert_allclose(
        [point['velocities'][0]['linear']['x'] for point in points], [0.2, 0.4, 0.6], rtol=1e-6)
    assert [point['time_from_start']['nanosec'] for point in points] == [
        50 * MS, 100 * MS, 150 * MS]
    assert rig.tick(21).chunks == ()


def test_commands_and_chunks_stay_within_the_limits(rig):
    rig.planner.actions = np.full((3, 2), 0.9)
    decision = rig.tick(1)
    assert speed(decision.messages[0]) == 1.0
    assert decision.notes == ('twist.linear.x 1.8 limited to 1 by range',)
    assert all(point['velocities'][0]['linear']['x'] == 1.0
               for point in decision.chunks[0].content['points'])


def test_the_points_of_a_chunk_keep_the_step_limit_among_themselves():
    rig = Rig(_STEPPING)
    rig.planner.actions = np.ones((3, 2))
    decision = rig.tick(1)
    np.testing.assert_allclose([point['velocities'][0]['linear']['x']
                                for point in decision.chunks[0].content['points']], [.1, .2, .3])
    np.testing.assert_allclose(decision.command, [0.1, 0.08])


def test_replan_every_and_mode_take_effect_at_the_next_tick(rig):
    rig.tick(1)
    rig.pilot.steering = Steering(mode='prior', candidates=1, strength=0.5, replan_every=1)
    rig.tick(2)
    rig.tick(3)
    assert [(how['mode'], how['candidates'], how['strength']) for _, how in rig.planner.asked] == [
        ('steered', 4, 1.0), ('prior', 1, 0.5), ('prior', 1, 0.5)]


def test_latents_are_drawn_from_the_seed_and_go_on(rig):
    rig.pilot.begin(seed=5)
    for tick in range(1, 8):
        rig.tick(tick)
    rig.pilot.planner.reseed(6)
    rig.tick(8)
    rig.tick(10)
    assert [how['rng'] for _, how in rig.planner.asked] == ['rng 5'] * 3 + ['rng 6']
    assert [request.seed for request in rig.inference.requests] == [5, None, None, 6]


def test_skipped_ticks_move_on_in_the_chunk(rig):
    rig.tick(1)
    assert rig.tick(3).step.index == 2
    assert rig.pilot.schedule.skipped == 1


def test_beginning_afresh_gives_the_same_run(rig):
    runs = []
    for first in (0, 100):
        rig.pilot.begin(seed=0)
        runs.append([speed(rig.tick(first + tick).messages[0]) for tick in range(5)])
    assert runs[0] == runs[1]
    assert len(rig.planner.asked) == 4
    assert rig.pilot.planner.counts.asked == 2


def test_a_plan_that_takes_long_is_not_late_where_time_waits(rig):
    rig.pilot.gate.reasons = lambda *_: []
    rig.inference.takes_ms = 400.0
    rig.pilot.steering = Steering(mode='prior', replan_every=1, join='latent', join_steps=3)
    steps = [rig.tick(tick).step.index for tick in range(1, 6)]
    assert steps == [0] * 5
    assert [request.join_at for request in rig.inference.requests] == [0] * 5
    assert (rig.pilot.planner.counts.late, rig.pilot.schedule.dropped) == (0, 0)


def test_a_tick_that_was_refused_may_be_served_again(rig):
    """In lock-step time stands still until what it lacked is there, or until it is armed."""
    assert not rig.tick(1, observe=False).acting
    assert rig.tick(1).step.index == 0
    rig.authority.disarm('by request')
    assert is_the_stop(rig.tick(2))
    rig.authority.arm()
    assert [rig.tick(tick).step.index for tick in (2, 3, 4)] == [0, 1, 2]
    assert (rig.pilot.planner.counts.late, rig.pilot.schedule.dropped) == (0, 0)


def test_a_simulator_that_began_again_is_commanded_once_it_is_armed(rig):
    rig.tick(50)
    assert not rig.tick(20).acting and not rig.authority.armed
    rig.authority.arm()
    assert rig.tick(20).step.index == 0


def test_an_observation_that_ages_while_planning_is_refused(rig):
    rig.inference.takes_ms = 2000.0
    decision = rig.tick(1)
    assert is_the_stop(decision) and 'old' in str(decision.reasons[0])


def test_a_stop_between_ticks_is_sent_and_the_next_tick_begins_afresh(rig):
    rig.tick(1)
    assert [message.key for message in rig.pilot.stop(75 * MS)] == ['twist']
    assert rig.tick(2).step.index == 0


_STEPPING = ARM.replace(
    'limits: {low: [-1], high: [1]}', 'limits: {low: [-1], high: [1], step: [0.1]}').replace(
    'stop: hold', 'limits: {step: [0.002]}\n    stop: hold')


def test_a_held_channel_keeps_its_step_limit_across_a_stop():
    rig = Rig(_STEPPING)
    rig.planner.actions = np.zeros((3, 2))
    before = rig.tick(1).command
    assert is_the_stop(rig.tick(20, observe=False))
    rig.planner.actions = np.ones((3, 2))
    # The twist came to rest, the gripper stayed where it was told to be.
    assert rig.tick(21).command == pytest.approx([0.1, before[1] + 0.002])


def test_a_command_that_was_never_sent_is_not_in_force():
    rig = Rig(_STEPPING)
    rig.planner.actions = np.zeros((3, 2))
    before = rig.tick(1).command
    rig.planner.actions = np.ones((3, 2))
    rig.inference.takes_ms = 200.0
    assert not rig.tick(4).acting
    rig.inference.takes_ms = 0.0
    assert rig.tick(21).command == pytest.approx([0.1, before[1] + 0.002])


def test_the_stop_after_an_error_is_stamped_when_it_is_made(rig):
    assert rig.tick(1).acting
    rig.planner.error = RuntimeError('no')
    rig.inference.takes_ms = 49.0
    decision = rig.tick(4)
    assert decision.messages[0].content['header']['stamp'] == {'sec': 0, 'nanosec': 250 * MS}
