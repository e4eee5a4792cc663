"""People win: e-stop, dead-man switch, teleoperation; what they command is limited too."""

from lps_ros.control.authority import AuthorityLimits
from lps_ros.control.authority import Source
from lps_ros.control.limits import CommandRefused
import numpy as np
from pilot_rig import acting
from pilot_rig import ARM
from pilot_rig import is_the_stop
from pilot_rig import LATE_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import speed
from pilot_rig import TASK
from pilot_rig import texts
from pilot_rig import TimeTeller
import pytest
from test_pilot_start import BY_NAME
from test_pilot_start import BY_OFFSET
from test_pilot_start import JointRig


@pytest.fixture
def rig():
    """Return a rig that acts beside its network, up to tick 10."""
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    assert rig.run(1, 10)[10].acting
    return rig


def test_disarmed_from_the_start_it_stops_and_asks_for_nothing():
    rig = Rig(takes_ms=3.0, armed=False)
    decisions = rig.run(1, 5)
    assert is_the_stop(decisions[1]) and texts(decisions[1]) == ['disarmed: not armed yet']
    assert all(decision.messages == () for decision in list(decisions.values())[1:])
    assert rig.inference.requests == []
    rig.authority.arm()
    assert acting(rig.run(6, 10)) == [7, 8, 9, 10]


def test_the_e_stop_wins_over_the_policy_at_the_next_tick(rig):
    rig.authority.press_stop(True)
    decisions = rig.run(11, 20)
    assert is_the_stop(decisions[11]) and acting(decisions) == []
    assert texts(decisions[11]) == ['the e-stop is pressed']
    rig.authority.press_stop(False)
    assert acting(rig.run(21, 30)) == []
    rig.authority.arm()
    decisions = rig.run(31, 35)
    assert acting(decisions) == [32, 33, 34, 35] and decisions[32].plan.tick >= 31


def test_the_e_stop_wins_over_a_person(rig):
    assert rig.pilot.teleoperate('twist', np.array([0.5]), rig.now_ns)
    rig.authority.press_stop(True)
    assert rig.pilot.teleoperate('twist', np.array([0.5]), rig.now_ns) == ()
    assert is_the_stop(rig.run(11, 11)[11])


def test_a_released_dead_man_switch_stops_and_held_again_lets_it_go_on():
    rig = Rig(horizon=6, takes_ms=3.0, planner=TimeTeller(6),
              limits=AuthorityLimits(dead_man_s=0.2))
    rig.authority.hold_switch(True, rig.now_ns)
    assert acting(rig.run(1, 10)) == [2, 3]  # for 0.2 s
    rig.authority.hold_switch(True, rig.now_ns)
    assert acting(rig.run(11, 12))
    rig.authority.hold_switch(False, rig.now_ns)
    assert rig.pilot.teleoperate('twist', np.array([0.5]), rig.now_ns) == ()
    decisions = rig.run(13, 100)
    assert is_the_stop(decisions[13]) and acting(decisions) == []
    assert rig.authority.armed
    rig.authority.hold_switch(True, rig.now_ns)
    assert acting(rig.run(101, 103))


def _teleoperate(rig, *, value=0.5, key='twist'):
    return rig.pilot.teleoperate(key, np.array([value]), rig.now_ns)


def test_a_person_takes_over_at_once_and_the_rest_is_stopped(rig):
    opening = rig.run(11, 11)[11].command[1]
    messages = rig.pilot.teleoperate('gripper', np.array([0.03]), rig.now_ns)
    assert [message.key for message in messages] == ['twist', 'gripper']
    assert speed(messages[0]) == 0.0 and messages[1].content['data'] == [0.03]
    assert opening != 0.03
    decision = rig.run(12, 12)[12]
    assert (decision.source, decision.messages, decision.acting) == (Source.TELEOP, (), False)


def test_while_a_person_commands_only_their_messages_are_sent_and_nothing_is_planned(rig):
    asked = len(rig.inference.requests)
    for tick in range(11, 31):
        messages = _teleoperate(rig)
        assert [message.key for message in messages] == ['twist']
        assert speed(messages[0]) == 0.5
        assert rig.run(tick, tick)[tick].messages == ()
    assert len(rig.inference.requests) == asked


def test_a_person_hands_back_through_a_stop_and_a_fresh_chunk():
    rig = Rig(horizon=12, takes_ms=30.0, planner=TimeTeller(12), ramp_s=0.5)
    rig.run(1, 20)
    for tick in range(21, 31):
        _teleoperate(rig)
        rig.run(tick, tick)
    decisions = rig.run(31, 60)
    ended = [tick for tick in decisions if decisions[tick].source != Source.TELEOP][0]
    assert ended == 36  # 0.3 s after the last command
    assert is_the_stop(decisions[ended])
    first = acting(decisions)[0]
    assert acting(decisions) == list(range(first, 61)) and decisions[first].plan.tick >= ended
    # From rest, a tenth of it more at each tick.
    assert decisions[first].command[0] == pytest.approx(2e-3 * first / 10)
    assert decisions[first + 9].command[0] == pytest.approx(2e-3 * (first + 9))


def test_a_plan_from_before_a_person_took_over_is_not_executed():
    rig = Rig(horizon=20, takes_ms=300.0, planner=TimeTeller(20),
              limits=AuthorityLimits(teleop_s=0.05))
    rig.run(1, 2)
    _teleoperate(rig)
    decisions = rig.run(3, 20)
    assert decisions[acting(decisions)[0]].plan.tick >= 4


def test_a_person_may_move_a_robot_that_is_not_armed():
    rig = Rig(takes_ms=3.0, armed=False)
    rig.run(1, 3)
    assert speed(_teleoperate(rig)[-1]) == 0.5
    decisions = rig.run(4, 20)
    assert decisions[4].source == Source.TELEOP and acting(decisions) == []
    assert [tick for tick in decisions if is_the_stop(decisions[tick])] == [10]


_LIMITED = ARM.replace('limits: {low: [-1], high: [1]}',
                       'limits: {low: [-1], high: [1], velocity: [2]}')


def test_a_persons_commands_keep_range_and_velocity_however_fast_they_come():
    rig = Rig(_LIMITED, takes_ms=3.0, armed=False)
    rig.run(1, 2)
    began_ns, speeds = rig.now_ns, [0.0]
    for _ in range(600):
        rig.now_ns += MS
        rig.observe(rig.now_ns / MS)
        speeds.append(speed(_teleoperate(rig, value=5.0)[-1]))
        # Two a second, and a whole period's worth for the first one.
        assert speeds[-1] <= 2.0 * (rig.now_ns - began_ns) * 1e-9 + 0.1 + 1e-9
    assert speeds[-1] == 1.0 and max(np.diff(speeds)[1:]) <= 0.002 + 1e-9


def test_after_a_pause_a_step_is_that_of_one_period():
    rig = Rig(_LIMITED, takes_ms=3.0, armed=False)
    rig.run(1, 2)
    _teleoperate(rig, value=0.0)
    rig.now_ns += 250 * MS
    assert speed(_teleoperate(rig, value=5.0)[-1]) == pytest.approx(0.1)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_cannot_be_made_safe_is_refused_and_commands_nothing(rig, value):
    with pytest.raises(CommandRefused, match='non-finite value in twist.linear.x'):
        _teleoperate(rig, value=value)
    assert rig.authority.source(rig.now_ns)[0] == Source.POLICY


def test_a_person_who_is_refused_stops_the_policy_which_goes_on_when_they_have_let_go(rig):
    for tick in range(11, 31):
        rig.authority.refuse(rig.now_ns)
        decision = rig.run(tick, tick)[tick]
        assert texts(decision) == ['a command of teleoperation was refused']
        assert is_the_stop(decision) if tick == 11 else decision.messages == ()
    decisions = rig.run(31, 40)
    assert rig.authority.armed and acting(decisions)[0] == 37  # 0.3 s and a plan later
    assert decisions[37].plan.tick >= 36


def test_a_person_who_is_refused_under_way_stops_when_their_last_command_has_had_its_time(rig):
    _teleoperate(rig)
    decisions = {}
    for tick in range(11, 31):
        rig.authority.refuse(rig.now_ns)
        decisions |= rig.run(tick, tick)
    stops = [tick for tick in decisions if decisions[tick].messages]
    assert stops == [17] and is_the_stop(decisions[17]) and acting(decisions) == []


@pytest.mark.parametrize(('key', 'row'), [
    ('elbow', [0.5]), ('twist', [0.5, 0.5]), ('twist', ['x']), ('twist', [[0.5]])])
def test_what_is_no_command_of_this_robot_is_refused(rig, key, row):
    with pytest.raises(CommandRefused):
        rig.pilot.teleoperate(key, np.array(row), rig.now_ns)
    assert rig.run(11, 11)[11].acting


def _move(rig, values, key='arm'):
    message, = [message for message in rig.pilot.teleoperate(key, np.array(values), rig.now_ns)
                if message.key == key]
    return message.content['points'][0]['positions']


def test_a_person_takes_over_from_where_the_robot_is():
    rig = JointRig(at=(1.0, 1.0), armed=False)
    rig.tick(1)
    assert _move(rig, (3.0, -3.0)) == pytest.approx([1.1, 0.9])
    rig.now_ns += 25 * MS
    assert _move(rig, (3.0, -3.0)) == pytest.approx([1.15, 0.85])


@pytest.mark.parametrize('contract', [BY_NAME, BY_OFFSET])
def test_without_a_start_too(contract):
    rig = JointRig(contract=contract, at=(1.0, 1.0), armed=False)
    rig.tick(1)
    assert _move(rig, (3.0, -3.0)) == pytest.approx([1.1, 0.9])


def test_a_person_whose_robot_is_nowhere_known_is_refused():
    rig = JointRig(contract=BY_NAME, armed=False)
    rig.tick(1, observe=False)
    with pytest.raises(CommandRefused, match='where arm is cannot be told without observation'):
        _move(rig, (3.0, -3.0))


def test_a_person_whose_robot_is_beyond_its_limits_does_not_take_it_there_at_a_leap():
    contract = BY_NAME.replace('    limits:\n', '    limits:\n      low: [-1, -1]\n')
    rig = JointRig(contract=contract, at=(-1.09, 0.0), armed=False)
    rig.tick(1)
    assert _move(rig, (-1.05, 0.0)) == pytest.approx([-1.0, 0.0])
    rig = JointRig(contract=contract, at=(-1.4, 0.0), armed=False)
    rig.tick(1)
    with pytest.raises(CommandRefused, match='arm.a begins at -1.4, 0.4 from the nearest'):
        _move(rig, (-1.35, 0.0))


@pytest.fixture
def hands():
    """Return a rig of two arms of one joint each, `left` and `right`, disarmed at tick 1."""
    arm = """  - {{key: {0}, topic: {0}, type: trajectory_msgs/msg/JointTrajectory, names: [{1}],
     scale: {{low: [-3], high: [3]}}, stop: hold,
     limits: {{velocity: [2], start: {{observation: joints, within: [0.5]}}}}}}
"""
    head, _ = BY_NAME.split('actions:\n')
    rig = JointRig(
        contract=f'{head}actions:\n{arm.format("left", "a")}{arm.format("right", "b")}{TASK}',
        armed=False)
    rig.tick(1)
    return rig


def test_each_action_that_a_person_commands_begins_where_the_robot_is(hands):
    hands.at = (0.0, 1.5)
    hands.tick(2)
    assert _move(hands, [0.05], 'left') == pytest.approx([0.05])
    assert _move(hands, [-2.0], 'right') == pytest.approx([1.4])
    hands.now_ns += 25 * MS
    assert _move(hands, [-2.0], 'right') == pytest.approx([1.35])


def test_an_action_that_a_person_has_let_go_meanwhile_begins_anew(hands):
    _move(hands, [0.05], 'left')
    _move(hands, [0.05], 'right')
    for tick in range(2, 12):
        hands.at = (0.05, min(0.1 * tick, 1.0))
        hands.tick(tick)
        _move(hands, [0.05], 'left')
    assert _move(hands, [1.0], 'right') == pytest.approx([1.0])
    with pytest.raises(CommandRefused, match='where right is cannot be told'):
        hands.now_ns += 400 * MS
        _move(hands, [1.0], 'right')


def test_a_person_who_comes_back_takes_over_from_where_the_robot_is_then():
    rig = JointRig(at=(1.0, 1.0), armed=False)
    rig.tick(1)
    _move(rig, (1.1, 1.0))
    rig.at = (-1.0, 1.0)
    for tick in range(2, 12):
        rig.tick(tick)
    rig.authority.press_stop(True)
    assert rig.pilot.teleoperate('arm', np.array([-1.1, 1.0]), rig.now_ns) == ()
    rig.authority.press_stop(False)
    assert _move(rig, (-1.1, 1.0)) == pytest.approx([-1.1, 1.0])


_BOXED = """
name: arm
rate_hz: 20
observations:
  - {key: tool, topic: tool, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: 0.1}
actions:
  - key: twist
    topic: twist
    type: geometry_msgs/msg/TwistStamped
    frame_id: base_link
    fields: [linear.x]
    scale: {low: [-1], high: [1]}
    limits: {workspace: {observation: tool, low: [0, 0, 0], high: [1, 1, 1]}}
    stop: zeros
  - key: pose
    topic: pose
    type: geometry_msgs/msg/PoseStamped
    frame_id: base_link
    scale: {low: [-1, -1, -1, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]}
    stop: hold
task: {name: t, success_reward: 0, step_reward: -1, failure_reward: -1, max_ticks: 10}
"""


def _boxed(x):
    rig = Rig(_BOXED, takes_ms=3.0, armed=False)
    rig.now_ns = 60 * MS
    rig.pilot.gate.accept('tool', np.array([x, .5, .5, 0, 0, 0, 1.0]), stamp_ns=50 * MS,
                          received_ns=50 * MS)
    return rig


def test_a_person_does_not_leave_the_box_and_one_channel_needs_no_other():
    """The pose, which was never commanded, has no value that could be sent."""
    assert speed(_teleoperate(_boxed(0.99), value=0.9)[0]) == pytest.approx(0.2)


@pytest.mark.parametrize('fault', ['silent', 'none'])
def test_a_box_that_cannot_be_kept_refuses_a_person(fault):
    rig = _boxed(0.5) if fault == 'silent' else Rig(_BOXED, takes_ms=3.0, armed=False)
    rig.now_ns = 160 * MS
    with pytest.raises(CommandRefused, match="its workspace needs observation 'tool'"):
        _teleoperate(rig)


def test_an_inference_that_dies_under_a_person_is_told_and_does_not_get_the_robot_back(rig):
    _teleoperate(rig)
    rig.inference.dead = True
    decisions = rig.run(11, 30)
    assert decisions[12].source == Source.TELEOP
    assert texts(decisions[12]) == ['the inference process 7 was killed by signal 9']
    assert acting(decisions) == [] and not rig.authority.armed


def test_a_clock_that_jumps_back_under_a_person_disarms(rig):
    _teleoperate(rig)
    decision = rig.run(11, 11)[11]
    assert decision.source == Source.TELEOP and rig.authority.armed
    rig.now_ns = (11 * PERIOD_MS + LATE_MS - 100) * MS
    rig.observe(rig.now_ns / MS)
    rig.pilot.tick(9, rig.clock_ns)
    assert not rig.authority.armed


def test_taking_over_from_the_policy_is_within_the_time_since_its_command():
    rig = Rig(_LIMITED, horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    policy = rig.run(1, 10)[10].command[0]
    rig.now_ns = (10 * PERIOD_MS + LATE_MS + 2) * MS
    assert speed(_teleoperate(rig, value=5.0)[-1]) == pytest.approx(policy + 0.004)


def test_taking_over_after_a_stop_is_within_the_time_since_that():
    rig = Rig(_LIMITED, horizon=6, takes_ms=3.0, planner=TimeTeller(6))
    rig.run(1, 10)
    rig.pilot.stop(rig.now_ns)
    rig.now_ns += 2 * MS
    assert speed(_teleoperate(rig, value=5.0)[-1]) == pytest.approx(0.004)


def test_a_person_in_between_begins_patience_anew(rig):
    rig.run(11, 42, observe=False)
    _teleoperate(rig)
    rig.run(43, 70, observe=False)
    assert rig.authority.armed
    rig.run(71, 95, observe=False)
    assert not rig.authority.armed


def test_an_open_dead_man_switch_in_between_begins_patience_anew():
    rig = Rig(horizon=6, takes_ms=3.0, limits=AuthorityLimits(dead_man_s=100.0))
    for first, held in ((1, True), (32, False), (63, True)):
        rig.authority.hold_switch(held, rig.now_ns)
        rig.run(first, first + 30, observe=False)
        assert rig.authority.armed
