"""A channel with `send: chunk`: what follows a command is sent with it, and ended by a stop."""

from lps_ros.control.authority import Source
from lps_ros.control.gates import Reason
from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import acting
from pilot_rig import LATE_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import speed
from pilot_rig import texts
import pytest
from trajectory_rig import ArmRig
from trajectory_rig import holds_at
from trajectory_rig import HORIZON
from trajectory_rig import keys_of
from trajectory_rig import person
from trajectory_rig import SPEED
from trajectory_rig import STEP
from trajectory_rig import TEXT
from trajectory_rig import Trajectory


def test_every_tick_sends_its_command_and_the_rest_of_the_chunk():
    path = np.outer(np.arange(1, 7), [0.05, -0.04])
    rig = ArmRig(wants=path)
    decisions = rig.serve(1, 6)
    for tick, decision in enumerate(decisions, 1):
        arm = Trajectory(decision.messages)
        assert arm.topic == 'arm_controller/joint_trajectory' and arm.joints == ['a', 'b']
        assert arm.stamp_ns == (tick * PERIOD_MS + LATE_MS) * MS
        assert arm.times_ms == [PERIOD_MS * n for n in range(1, 8 - tick)]
        np.testing.assert_allclose(arm.positions, path[tick - 1:], atol=1e-6)
        np.testing.assert_array_equal(arm.positions[0], decision.command[:2])
        np.testing.assert_array_equal(arm.row, decision.command[:2])
        # Also the first: what came before it is known.
        np.testing.assert_allclose(
            arm.velocities, [*[[1.0, -0.8]] * (6 - tick), [0.0, 0.0]], atol=1e-6)


def test_the_other_channels_are_sent_their_command_alone():
    _, hand, twist = ArmRig().tick(1).messages
    assert hand.content['points'] == [
        {'positions': [0.5], 'time_from_start': {'sec': 0, 'nanosec': PERIOD_MS * MS}}]
    assert speed(twist) == pytest.approx(0.4)


@pytest.mark.parametrize('ramp_s', [0.0, 0.2])
def test_what_is_sent_ahead_is_what_is_commanded_then(ramp_s):
    rig = ArmRig(wants=(0.4, -0.3), ramp_s=ramp_s)
    decisions = rig.serve(1, 6)
    commands = np.array([decision.command[:2] for decision in decisions])
    assert 0.0 < abs(commands[0]).max() <= STEP
    for i, decision in enumerate(decisions):
        np.testing.assert_allclose(
            Trajectory(decision.messages).positions, commands[i:], atol=1e-6)


def test_an_ensemble_is_sent_as_it_will_be_executed():
    rig = ArmRig(steering=Steering(mode='prior', replan_every=2, join='ensemble'))
    rig.serve(1, 2)
    rig.want((-0.15, 0.3))
    ahead = Trajectory(rig.tick(3).messages).positions
    rig.pilot.steering = Steering(mode='prior', join='ensemble')
    commands = [decision.command[:2] for decision in rig.serve(4, 8)]
    np.testing.assert_allclose(ahead[1:], commands, atol=1e-6)
    # Of the two until the older one ends, within the limits.
    np.testing.assert_allclose(ahead[3:], [[0.0, 0.1], [-0.1, 0.2], [-0.15, 0.3]], atol=1e-6)


def test_every_point_is_within_the_limits():
    rng = np.random.default_rng(0)
    rig = ArmRig(wants=(0.4, -0.4), steering=Steering(mode='prior', replan_every=1))
    before = np.zeros(2)
    for tick in range(1, 60):
        arm = Trajectory(rig.tick(tick).messages)
        assert abs(np.diff(arm.positions, axis=0, prepend=before[None])).max() <= STEP + 1e-9
        assert abs(arm.positions).max() <= 2.0 and abs(arm.velocities).max() <= SPEED / 1.5 + 1e-9
        before = arm.positions[0]
        rig.want(rng.uniform(-3, 3, (HORIZON, 2)))
    assert abs(before).max() > 0.5


def test_a_new_chunk_is_told_as_it_is_sent():
    rig = ArmRig()
    decision = rig.tick(1)
    told = Trajectory(decision.chunks)
    assert told.topic == 'chunk/arm'
    np.testing.assert_array_equal(told.positions, Trajectory(decision.messages).positions)
    assert rig.tick(2).chunks == ()


@pytest.mark.parametrize(('send', 'times'), [('point', 0), ('chunk', 4)])
def test_what_follows_is_only_worked_out_where_it_is_sent(send, times, monkeypatch):
    rig = ArmRig(contract=TEXT.replace('send: chunk', f'send: {send}'))
    rig.pilot.shows_chunks = False
    ahead, calls = rig.pilot.schedule.ahead, []
    monkeypatch.setattr(rig.pilot.schedule, 'ahead',
                        lambda tick, **how: (calls.append(tick), ahead(tick, **how))[1])
    rig.serve(1, 4)
    assert len(calls) == times


def _disarm(rig):
    rig.authority.disarm('by request')
    return rig.tick(4)


def _e_stop(rig):
    rig.now_ns += 20 * MS
    rig.authority.press_stop(True)
    return rig.pilot.halt(Reason(subject='authority', text='the e-stop is pressed'), rig.now_ns)


def _deactivate(rig):
    rig.now_ns += 20 * MS

    class Stopped:
        acting, messages = False, rig.pilot.stop(rig.now_ns)
    return Stopped


def _no_number(rig):
    rig.at = (np.nan, 0.0)
    return rig.tick(4)


def _misshapen_plan(rig):
    rig.planner.actions = np.zeros((2, 2))
    rig.pilot.steering = Steering(mode='prior', replan_every=1)
    return rig.tick(4)


# A period or 20 ms after the last tick, whose chunk goes on from 0.2 by 0.1 a period.
@pytest.mark.parametrize(('cause', 'at'), [
    (_disarm, 0.3), (_e_stop, 0.24), (_deactivate, 0.24), (_no_number, 0.3),
    (_misshapen_plan, 0.3)])
def test_a_stop_ends_the_chunk_half_a_step_from_where_it_has_got_to(cause, at):
    rig = ArmRig(wants=(0.5, -0.5))
    rig.serve(1, 3)
    stop = cause(rig)
    assert not stop.acting and holds_at(stop.messages, [at + STEP / 2, -at - STEP / 2])


def test_a_joint_that_is_about_to_turn_does_not_stop_the_others_at_once():
    """Half a period is left to them, 0.5 ms before the turn too."""
    rig = ArmRig(wants=[[0.1, 0.01], [0.2, 0.02], [0.1, 0.03], [0.0, 0.04], [0.0, 0.05],
                        [0.0, 0.06]])
    rig.tick(1)
    rig.now_ns += round(99.5 * MS)
    arm = Trajectory(rig.pilot.stop(rig.now_ns))
    assert arm.times_ms == pytest.approx([25.0])
    # From 0.0199 at 0.2 rad/s, half as far as that leads.
    assert arm.positions[0] == pytest.approx([0.2, 0.0199 + 0.5 * 0.2 * 0.025], abs=1e-6)


@pytest.mark.parametrize(('path', 'after_ms', 'at', 'within_ms'), [
    ([0.1, 0.2, 0.3, 0.3, 0.3, 0.3], 150, 0.3, 50.0),  # it rests there already
    ([0.1, 0.2, 0.3, 0.3, 0.3, 0.3], 125, 0.3, 45.0),  # at 0.2625, 2.5 rad/s
    ([0.1, 0.2, 0.3, 0.2, 0.1, 0.0], 125, 0.3, 45.0),  # where it would turn
    ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 40, 0.1, 25.0),  # at 0.0896, 1.92 rad/s
    ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 295, 0.6, 25.0),  # at 0.5981, 0.74 rad/s
])
def test_a_stop_does_not_lead_beyond_where_the_chunk_leads(path, after_ms, at, within_ms):
    rig = ArmRig(wants=np.outer(path, [1, -1]))
    rig.tick(1)
    rig.now_ns += after_ms * MS
    assert holds_at(rig.pilot.stop(rig.now_ns), [at, -at], within_ms)


def test_stale_input_ends_the_chunk_where_it_has_got_to():
    rig = ArmRig(wants=(0.5, -0.5), takes_ms=3.0)
    decisions = rig.run(1, 4)
    assert acting(decisions) == [2, 3, 4]
    decisions |= rig.run(5, 10, observe=False)
    last = acting(decisions)[-1]
    assert last < 7 and holds_at(decisions[last + 1].messages, decisions[last].command[:2])
    assert all(decisions[tick].messages == () for tick in range(last + 2, 11))


def test_a_chunk_that_is_used_up_ends_at_rest_and_then_stops():
    rig = ArmRig(takes_ms=3.0)
    decisions = rig.run(1, 4)
    rig.inference.takes_ms = 1000.0
    decisions |= rig.run(5, 20)
    last = acting(decisions)[-1]
    arm = Trajectory(decisions[last].messages)
    assert arm.times_ms == [PERIOD_MS] and not arm.velocities.any()
    assert 'no action is left' in texts(decisions[last + 1])[0]
    assert holds_at(decisions[last + 1].messages, decisions[last].command[:2])


def test_after_ticks_that_were_not_served_it_goes_on_and_stops_where_it_has_got_to():
    path = np.outer(np.arange(1, 7), [0.1, -0.1])
    for stops in (False, True):
        rig = ArmRig(wants=path)
        rig.tick(1)
        if stops:
            rig.authority.disarm('by request')
            assert holds_at(rig.tick(4).messages, path[2] + [STEP / 2, -STEP / 2])
        else:
            # Only a step further than the third, not than the first.
            np.testing.assert_allclose(rig.tick(4).command[:2], path[3], atol=1e-6)
            assert rig.pilot.schedule.skipped == 2


# Where it turns round it has to brake too.
_TURN = STEP / 2 * (1 - 2 / 3 + (1 + 2 / 3) ** 0.5)


@pytest.mark.parametrize('late_ms', [-10, 0, 1, 24])
def test_a_tick_that_is_served_late_begins_from_where_the_chunk_has_got_to(late_ms):
    rig = ArmRig(wants=(0.5, -0.5), steering=Steering(mode='prior', replan_every=1))
    rig.serve(1, 3)
    rig.now_ns += (PERIOD_MS + late_ms) * MS
    rig.observe(4 * PERIOD_MS)
    rig.want((-0.5, 0.5))
    place = 0.3 + late_ms / PERIOD_MS * STEP
    assert rig.pilot.tick(4, rig.clock_ns).command[:2] == pytest.approx(
        [place - _TURN, _TURN - place])


_CLOCK = Reason(subject='clock', text='it jumped', disarms=True)
_JUMPS_MS = [60_000, 400, 150, -1000]


@pytest.mark.parametrize('jump_ms', _JUMPS_MS)
@pytest.mark.parametrize('looks', ['tick', 'watch'])
def test_a_clock_that_jumps_does_not_hide_where_the_chunk_has_got_to(looks, jump_ms):
    rig = ArmRig(wants=(0.5, -0.5))
    rig.serve(1, 2)
    rig.now_ns += PERIOD_MS * MS
    rig.jump(jump_ms)
    if looks == 'tick':
        stop = rig.pilot.tick(3 + jump_ms // PERIOD_MS, rig.clock_ns)
        assert texts(stop)
        assert 'arm' not in keys_of(rig.pilot.halt(_CLOCK, rig.now_ns).messages)
    else:
        stop = rig.pilot.halt(_CLOCK, rig.now_ns)
    assert holds_at(stop.messages, [0.25, -0.25])


@pytest.mark.parametrize('jump_ms', [30, 95, -30])
def test_a_step_of_the_clock_is_no_step_of_the_command(jump_ms):
    rig = ArmRig(wants=np.outer(np.arange(1, 7), [0.1, -0.1]))
    before = rig.serve(1, 3)[-1].command[:2]
    rig.now_ns += PERIOD_MS * MS
    rig.jump(jump_ms)
    tick = rig.now_ns // (PERIOD_MS * MS)
    rig.observe(tick * PERIOD_MS)
    command = rig.pilot.tick(tick, rig.clock_ns).command
    assert command is not None and abs(command[:2] - before).max() <= STEP + 1e-9


def test_a_clock_that_stands_still_does_not_hide_where_the_chunk_has_got_to():
    rig = ArmRig(wants=np.outer(np.arange(1, 7), [0.1, -0.1]))
    rig.tick(1)
    rig.jumped_ns -= 5 * PERIOD_MS * MS
    assert holds_at(rig.pilot.halt(_CLOCK, rig.now_ns).messages, [0.55, -0.55])


def test_a_chunk_that_should_be_over_is_ended_where_the_clock_is_in_doubt():
    rig = ArmRig(wants=np.outer(np.arange(1, 7), [0.1, -0.1]))
    rig.tick(1)
    rig.now_ns += 10 * PERIOD_MS * MS
    rig.jump(-1000)
    assert holds_at(rig.pilot.halt(_CLOCK, rig.now_ns).messages, [0.6, -0.6])


@pytest.mark.parametrize('jump_ms', _JUMPS_MS)
def test_a_simulated_clock_that_jumped_ends_the_chunk_at_the_command_sent_last(jump_ms):
    for tick_first in (False, True):
        rig = ArmRig(wants=(0.5, -0.5))
        rig.pilot.steady_s = None
        command = rig.serve(1, 2)[-1].command
        rig.now_ns += (PERIOD_MS + jump_ms) * MS
        messages = []
        if tick_first:
            messages += rig.pilot.tick(3 + jump_ms // PERIOD_MS, rig.clock_ns).messages
        messages += rig.pilot.halt(_CLOCK, rig.now_ns).messages
        if tick_first and jump_ms == 150:
            continue  # a clock may skip so much; the arm goes by it too
        assert Trajectory(messages).positions == pytest.approx(np.array([command[:2]]))
        rig.run(30, 33, observe=False)
        # The simulator may have begun again.
        assert 'arm' not in keys_of(rig.pilot.halt(_CLOCK, rig.now_ns).messages)


def test_nothing_is_sent_where_nothing_is_under_way():
    rig = ArmRig(armed=False)
    assert keys_of(rig.tick(1).messages) == ['twist']  # never commanded
    assert keys_of(rig.pilot.stop(rig.now_ns)) == ['twist']
    rig.authority.arm()
    rig.serve(2, 4)
    assert keys_of(rig.pilot.stop(rig.now_ns)) == ['arm', 'twist']
    # It may have been moved since.
    assert keys_of(rig.pilot.stop(rig.now_ns)) == ['twist']


def test_a_chunk_that_has_long_ended_is_not_sent_again():
    rig = ArmRig()
    command = rig.serve(1, 1)[0].command
    rig.authority.disarm('by request')
    assert keys_of(rig.tick(9).messages) == ['twist']
    # That is where it ended all the same.
    rig.authority.arm()
    rig.at = (0.3, -0.3)
    rig.want((0.6, -0.6))
    assert abs(command[0]) == pytest.approx(0.1)
    assert rig.tick(10).command[:2] == pytest.approx([0.4, -0.4])


def test_after_a_stop_the_limits_count_from_where_it_held():
    rig = ArmRig(wants=(1.0, -1.0), at=(0.6, -0.6))
    held = Trajectory(
        (rig.serve(1, 3), rig.pilot.stop(rig.now_ns))[1]).positions[0]
    assert held == pytest.approx([0.8 + STEP / 2, -0.8 - STEP / 2])
    rig.at = held + [0.02, -0.02]
    rig.want((1.2, -1.2))
    again = rig.tick(5)
    assert again.command[:2] == pytest.approx(held + [STEP, -STEP])
    assert Trajectory(again.messages).velocities[0] == pytest.approx([2.0, -2.0])


def test_what_comes_while_it_brakes_goes_on_from_there():
    rig = ArmRig(wants=(1.0, -1.0), at=(0.6, -0.6))
    rig.serve(1, 3)
    rig.now_ns += 25 * MS
    rig.pilot.stop(rig.now_ns)
    # From 0.85 at 2 rad/s to 0.9; after half of it.
    assert rig.tick(4).command[:2] == pytest.approx([0.8875 + STEP, -0.8875 - STEP])


def test_a_person_moves_the_arm_point_by_point():
    rig = ArmRig(wants=(0.5, -0.5))
    command = rig.serve(1, 3)[-1].command[:2]
    rig.now_ns += 25 * MS
    twist, arm = person(rig)
    assert (twist.key, speed(twist)) == ('twist', 0.0)
    # From half of its step on a whole one; nothing is known of what follows.
    position = command + [STEP / 2, -STEP / 2]
    assert arm.content['points'] == [
        {'positions': pytest.approx(position.tolist()),
         'time_from_start': {'sec': 0, 'nanosec': PERIOD_MS * MS}}]
    assert rig.tick(4).source == Source.TELEOP
    assert keys_of(rig.pilot.stop(rig.now_ns)) == ['twist']


def test_a_person_who_takes_another_channel_ends_the_chunk():
    rig = ArmRig(wants=(0.5, -0.5))
    before, command = (decision.command[:2] for decision in rig.serve(1, 3)[1:])
    rig.now_ns += 20 * MS
    *stop, hand = person(rig, 'hand', [0.7])
    place = command - 0.6 * (command - before)
    assert holds_at(stop, place + [STEP / 2, -STEP / 2])
    assert hand.key == 'hand' and hand.content['points'][0]['positions'] == [0.7]
    # It is on its way there: after a tenth of the period at 0.095 of the step.
    rig.now_ns += 5 * MS
    arm, = person(rig)
    assert arm.content['points'][0]['positions'] == pytest.approx(
        place + [1.095 * STEP, -1.095 * STEP])
    rig.now_ns += 5 * MS
    arm, = person(rig)
    assert arm.content['points'][0]['positions'] == pytest.approx(
        place + [1.195 * STEP, -1.195 * STEP])


@pytest.mark.parametrize(('after_ms', 'place'), [(130, 0.26), (150, 0.3), (170, 0.34), (400, 0.6)])
def test_a_person_who_comes_late_in_a_chunk_goes_on_from_where_it_has_got_to(after_ms, place):
    rig = ArmRig(wants=np.outer(np.arange(1, 7), [0.1, -0.1]))
    rig.tick(1)
    rig.at = (place, -place)  # by then
    rig.now_ns += after_ms * MS
    messages = person(rig)
    assert messages[-1].content['points'][0]['positions'] == pytest.approx(
        [place + STEP, -place - STEP])
