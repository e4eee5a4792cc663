"""A pose's rotation begins where it is observed and turns no faster than its limits."""

from functools import partial

from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.contract import parse_contract
from lps_ros.control.limits import CommandLimiter
from lps_ros.control.limits import CommandRefused
from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import MS
from pilot_rig import Rig
from pilot_rig import TASK
from pilot_rig import texts
from pilot_rig import TimeTeller
import pytest

# 0.4 rad/s at 20 Hz.
_TURN = 0.02
_START = 'start: {observation: tool, within: [0.1, 0.1, 0.1, 4], lag: [0.1, 0.1, 0.1, 4]}'
_CONTRACT = f"""
name: pose
rate_hz: 20
observations:
  - {{key: tool, topic: tool, type: geometry_msgs/msg/PoseStamped, frame_id: base, rotation: yaw,
     max_age_s: 0.1}}
actions:
  - key: gripper
    topic: gripper
    type: std_msgs/msg/Float64MultiArray
    names: [opening]
    scale: {{low: [0.0], high: [1.0]}}
    limits: {{step: [0.1]}}
    stop: hold
  - key: pose
    topic: pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base
    scale: {{low: [-1, -1, -1, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]}}
    limits:
      step: [0.01, 0.01, 0.01, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
      velocity: [1, 1, 1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
      {_START}
    stop: hold
{TASK}
"""
_LEVEL = np.array([1.0, 0, 0, 0, 1, 0])
_LIMITER = CommandLimiter(parse_contract(_CONTRACT))
_COLUMNS = st.lists(st.floats(-1, 1).map(partial(round, ndigits=3)), min_size=6, max_size=6)


def about_z(angle):
    return np.array([np.cos(angle), np.sin(angle), 0, -np.sin(angle), np.cos(angle), 0])


def spans(columns):
    first, second = np.reshape(columns, (2, 3))
    return np.linalg.norm(np.cross(first, second)) > 1e-3


def angle(first, second):
    """Return the angle (rad) between two rotations of orthonormal columns (6,)."""
    a, b = (np.column_stack([m[:3], m[3:], np.cross(m[:3], m[3:])]) for m in (first, second))
    # Of matrices that differ by a turn; exact for small ones.
    return 2 * np.arcsin(min(1.0, np.linalg.norm(a - b) / np.sqrt(8)))


def command(columns, opening=0.5):
    return np.array([opening, 0.0, 0.0, 0.0, *columns])


class PoseRig(Rig):
    """The tool stands at the origin, turned by `turned` about z; the plan wants `wants`."""

    def __init__(self, wants=_LEVEL, *, turned=0.0, contract=_CONTRACT, horizon=3, **how):
        super().__init__(contract, horizon=horizon, planner=TimeTeller(horizon, 10), **how)
        self.turned = turned
        self.want(wants)

    def want(self, columns):
        self.planner.actions = np.tile(command(columns, opening=0.0), (self.planner.horizon, 1))

    def observe(self, time_ms, value=None):
        at = [0, 0, 0, 0, 0, np.sin(0.5 * self.turned), np.cos(0.5 * self.turned)]
        self.pilot.gate.accept('tool', np.array(at), stamp_ns=None,
                               received_ns=round(time_ms * MS))

    def turns(self, first, last):
        """Return the rotations (n, 6) that are commanded."""
        return np.array([self.tick(tick).command[4:] for tick in range(first, last + 1)])


@settings(max_examples=200, deadline=None)
@given(wanted=st.lists(_COLUMNS.filter(spans), min_size=1, max_size=8),
       begin=_COLUMNS.filter(spans), periods=st.floats(0, 1))
@example(wanted=[[-1, 0, 0, 0, -1, 0]] * 3, begin=[1, 0, 0, 0, 1, 0], periods=1.0)
@example(wanted=[[-1, 0.05, 0, -0.05, -1, 0]] * 3, begin=[1, 0, 0, 0, 1, 0], periods=1.0)
def test_no_command_turns_farther_than_a_step_whatever_is_wanted(wanted, begin, periods):
    before, _ = _LIMITER.apply(command(begin), _LIMITER.at_rest, {})
    for columns in wanted:
        goal, _ = _LIMITER.apply(command(columns), _LIMITER.at_rest, {})
        sent, notes = _LIMITER.apply(command(columns), before, {}, periods=periods)
        assert np.abs(sent[4:]).max() <= 1 + 1e-12
        turn, whole = angle(before[4:], sent[4:]), angle(before[4:], goal[4:])
        # All of what it may, the shortest way.
        assert turn == pytest.approx(min(whole, _TURN * periods), abs=1e-6)
        assert angle(sent[4:], goal[4:]) == pytest.approx(whole - turn, abs=1e-6)
        assert bool(notes) == (whole > _TURN * periods + 1e-6) or (
            abs(whole - _TURN * periods) < 3e-6)
        before = sent


@settings(max_examples=100, deadline=None)
@given(wanted=st.lists(_COLUMNS.filter(spans), min_size=1, max_size=8))
def test_what_follows_a_command_turns_as_each_would(wanted):
    first, *rest = np.array([command(columns) for columns in wanted])
    one_by_one = [_LIMITER.apply(first, _LIMITER.at_rest, {})[0]]
    for row in rest:
        one_by_one.append(_LIMITER.apply(row, one_by_one[-1], {})[0])
    together = _LIMITER.follow(one_by_one[0], np.reshape(rest, (-1, 10)), {})
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-9)


def test_a_turn_that_is_limited_is_one_note_and_what_a_network_gives_is_none():
    _, notes = _LIMITER.apply(command(about_z(1.5)), command(_LEVEL), {})
    assert notes == ['pose.rotation 1.5 limited to 0.02 by step']
    sent, notes = _LIMITER.apply(command([0.9, 0.01, 0, 0.1, 0.8, 0]), command(_LEVEL), {})
    assert notes == [] and angle(sent[4:], about_z(np.arctan2(0.01, 0.9))) < 1e-9


def test_a_rotation_that_is_none_is_refused_unless_another_channel_is_commanded():
    with pytest.raises(CommandRefused, match="action 'pose': rotation of a pose: found two "
                       'parallel or zero columns'):
        _LIMITER.apply(command([1, 0, 0, 1, 0, 0]), command(_LEVEL), {})
    sent, _ = _LIMITER.apply(command(np.zeros(6), 0.55), command(_LEVEL), {}, keys=['gripper'])
    np.testing.assert_array_equal(sent, command(_LEVEL, 0.55))


@settings(max_examples=60, deadline=None)
@given(wants=_COLUMNS.filter(spans), turned=st.floats(-3.1, 3.1),
       ramp_s=st.sampled_from([0.0, 0.2, 0.5]), then=_COLUMNS.filter(spans),
       join=st.sampled_from(['replace', 'ensemble']))
def test_a_motion_begins_at_the_observed_rotation_and_never_leaps(
        wants, turned, ramp_s, then, join):
    rig = PoseRig(wants, turned=turned, ramp_s=ramp_s,
                  steering=Steering(mode='steered', candidates=4, join=join, replan_every=1))
    first = rig.turns(1, 1)[0]
    goal = _LIMITER.orientations.normalised(command(wants))[4:]
    share = 1 / max(1, round(ramp_s * 20))
    assert angle(about_z(turned), first) <= min(
        _TURN, share * angle(about_z(turned), goal)) + 1e-6
    rotations = [about_z(turned), first, *rig.turns(2, 12)]
    rig.want(then)
    rotations += [*rig.turns(13, 25)]
    assert max(map(angle, rotations, rotations[1:])) <= _TURN + 1e-6


def test_a_ramp_leads_the_rotation_in_the_shortest_way():
    free = _CONTRACT.replace('0.1, 0.1, 0.1, 0.1, 0.1, 0.1]', '9, 9, 9, 9, 9, 9]').replace(
        '0.4, 0.4, 0.4, 0.4, 0.4, 0.4]', '99, 99, 99, 99, 99, 99]')
    rig = PoseRig(about_z(-3.0), turned=3.0, ramp_s=0.2, contract=free)
    expected = [about_z(3.0 + share * (2 * np.pi - 6.0)) for share in (0.25, 0.5, 0.75, 1, 1)]
    np.testing.assert_allclose(rig.turns(1, 5), expected, atol=1e-6)


def test_a_chunk_that_is_told_turns_within_its_limits_too():
    chunk = PoseRig(about_z(1.0), turned=0.2).tick(1).chunks[1]
    turns = [point['transforms'][0]['rotation'] for point in chunk.content['points']]
    assert [2 * np.arctan2(q['z'], q['w']) for q in turns] == pytest.approx([0.22, 0.24, 0.26])


@pytest.mark.parametrize('turned', [0.0, 2.0])
def test_a_first_command_turned_too_far_is_refused_and_disarms(turned):
    close = _CONTRACT.replace('within: [0.1, 0.1, 0.1, 4]', 'within: [0.1, 0.1, 0.1, 0.5]')
    assert PoseRig(about_z(turned + 0.49), turned=turned, contract=close).tick(1).acting
    rig = PoseRig(about_z(turned - 0.51), turned=turned, contract=close)
    decision = rig.tick(1)
    assert not decision.acting and not rig.authority.armed
    assert texts(decision) == [
        'pose.rotation begins 0.51 from the observed one, expected at most 0.5; bring the robot '
        'to where demonstrations start']


def test_a_tool_that_was_turned_while_it_stood_is_not_sent_back():
    rig = PoseRig(about_z(0.1), contract=_CONTRACT.replace('0.1, 4], lag', '0.1, 0.5], lag'))
    assert angle(rig.turns(1, 8)[-1], about_z(0.1)) < 1e-6
    rig.pilot.stop(rig.now_ns)
    rig.turned = 0.3  # it sags
    assert angle(rig.turns(9, 9)[0], about_z(0.1)) < 1e-6
    rig.pilot.stop(rig.now_ns)
    rig.turned = 2.0
    rig.want(about_z(1.8))
    assert angle(rig.turns(50, 50)[0], about_z(1.98)) < 1e-6


def test_a_tool_that_does_not_turn_is_not_commanded_farther():
    rig = PoseRig(about_z(3.0), contract=_CONTRACT.replace(
        'lag: [0.1, 0.1, 0.1, 4]', 'lag: [0.1, 0.1, 0.1, 0.05]'))
    rig.turns(1, 3)
    decision = rig.tick(4)
    assert not decision.acting and not rig.authority.armed
    assert texts(decision) == [
        'pose.rotation does not follow: observed 0.06 away, expected at most 0.05 apart; see '
        'whether its controller is active and no protective stop holds the arm']


def test_a_person_turns_the_tool_from_where_it_is_within_its_limits():
    rig = PoseRig(turned=0.5, takes_ms=3.0, armed=False)
    rig.now_ns = 100 * MS
    before = about_z(0.5)
    for passed_ms in (0, 20, 50, 500):
        rig.now_ns += passed_ms * MS
        rig.observe(rig.now_ns / MS)
        wants = np.array([0, 0, 0, *about_z(2.5)])
        message = rig.pilot.teleoperate('pose', wants, rig.now_ns)[-1]
        q = message.content['pose']['orientation']
        now = about_z(2 * np.arctan2(q['z'], q['w']))
        # The first one comes after a whole period without a command.
        share = min(1.0, passed_ms / 50) if passed_ms else 1.0
        assert angle(before, now) == pytest.approx(share * _TURN, abs=1e-6)
        before = now
