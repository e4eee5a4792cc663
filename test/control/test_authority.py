"""Who wins: e-stop, dead-man switch, teleoperation, policy."""

from hypothesis import given
from hypothesis import strategies as st
from lps_ros.control.authority import Authority
from lps_ros.control.authority import AuthorityLimits
from lps_ros.control.authority import Source
import pytest

_MS = 1_000_000
_LIMITS = AuthorityLimits(dead_man_s=0.2, teleop_s=0.3)


def _armed(limits=None):
    authority = Authority(limits)
    assert authority.arm() == ''
    return authority


def test_nobody_commands_until_a_person_has_armed():
    authority = Authority()
    assert not authority.armed
    assert authority.source(0) == (Source.NONE, 'disarmed: not armed yet')
    assert authority.arm() == '' and authority.armed
    assert authority.source(0) == (Source.POLICY, '')


def test_the_first_reason_for_disarming_is_kept_until_armed_again():
    authority = _armed()
    authority.disarm('first')
    authority.disarm('second')
    assert authority.source(0) == (Source.NONE, 'disarmed: first')
    authority.arm()
    authority.disarm('third')
    assert authority.source(0) == (Source.NONE, 'disarmed: third')


def test_releasing_the_e_stop_does_not_arm_and_pressed_it_cannot_be_armed():
    authority = _armed()
    authority.press_stop(True)
    assert authority.source(0) == (Source.NONE, 'the e-stop is pressed')
    assert authority.arm() == 'the e-stop is pressed; release it first'
    authority.press_stop(False)
    assert authority.source(0) == (Source.NONE, 'disarmed: the e-stop was pressed')
    assert authority.arm() == ''
    assert authority.source(0)[0] == Source.POLICY


def test_teleoperation_ends_by_itself_and_hands_back():
    authority = _armed()
    authority.teleoperate(1000 * _MS)
    assert authority.source(1300 * _MS)[0] == Source.TELEOP
    assert authority.source(1300 * _MS + 1)[0] == Source.POLICY


def test_a_person_who_is_refused_keeps_the_policy_still_for_as_long():
    authority = _armed()
    authority.refuse(1000 * _MS)
    assert authority.source(1300 * _MS) == (Source.NONE, 'a command of teleoperation was refused')
    assert authority.source(1300 * _MS + 1)[0] == Source.POLICY
    # What is fit is obeyed meanwhile.
    authority.refuse(2000 * _MS)
    authority.teleoperate(2000 * _MS)
    assert authority.source(2100 * _MS)[0] == Source.TELEOP
    authority.forget_times()
    assert authority.source(2100 * _MS)[0] == Source.POLICY
    authority.refuse(3000 * _MS)
    authority.forget_times()
    assert authority.source(3000 * _MS)[0] == Source.POLICY


def test_a_person_may_command_a_disarmed_robot():
    authority = Authority()
    authority.teleoperate(0)
    assert authority.source(0) == (Source.TELEOP, 'not armed yet')


def test_the_dead_man_switch_holds_for_its_time_and_no_longer():
    authority = _armed(_LIMITS)
    assert authority.source(0) == (Source.NONE, 'the dead-man switch is not held')
    authority.hold_switch(True, 0)
    assert authority.source(200 * _MS)[0] == Source.POLICY
    assert authority.source(200 * _MS + 1)[0] == Source.NONE
    authority.hold_switch(True, 300 * _MS)
    authority.hold_switch(False, 301 * _MS)
    assert authority.source(301 * _MS)[0] == Source.NONE
    assert authority.armed


@pytest.mark.parametrize('back_ms', [301, 60_000])
def test_after_the_clock_jumped_back_no_word_holds_longer_than_its_time(back_ms):
    authority = _armed(_LIMITS)
    authority.hold_switch(True, 100_000 * _MS)
    authority.teleoperate(100_000 * _MS)
    assert authority.source((100_000 - back_ms) * _MS)[0] == Source.NONE


def test_times_can_be_forgotten():
    authority = _armed(_LIMITS)
    authority.hold_switch(True, 0)
    authority.teleoperate(0)
    authority.forget_times()
    assert authority.source(0) == (Source.NONE, 'the dead-man switch is not held')


_EVENTS = st.lists(st.one_of(
    st.tuples(st.just('press'), st.booleans()), st.tuples(st.just('hold'), st.booleans()),
    st.sampled_from([('arm',), ('disarm',), ('teleoperate',)]),
    st.tuples(st.just('wait'), st.integers(1, 400))), max_size=40)


@given(events=_EVENTS, switch=st.booleans())
def test_precedence_holds_after_whatever_people_did(events, switch):
    authority = Authority(_LIMITS if switch else None)
    now, pressed, armed, held, teleop = 0, False, False, None, None
    for event, *value in events:
        if event == 'press':
            pressed, = value
            armed = armed and not pressed
            authority.press_stop(pressed)
        elif event == 'hold':
            held = now if value[0] else None
            authority.hold_switch(value[0], now)
        elif event == 'arm':
            armed = armed or not pressed
            assert bool(authority.arm()) == pressed
        elif event == 'disarm':
            armed = False
            authority.disarm('asked')
        elif event == 'teleoperate':
            teleop = now
            authority.teleoperate(now)
        else:
            now += value[0] * _MS
        if pressed or switch and (held is None or now - held > 200 * _MS):
            expected = Source.NONE
        elif teleop is not None and now - teleop <= 300 * _MS:
            expected = Source.TELEOP
        else:
            expected = Source.POLICY if armed else Source.NONE
        source, why = authority.source(now)
        assert source == expected
        assert authority.armed == armed
        assert bool(why) == (source != Source.POLICY and not (source == Source.TELEOP and armed))
