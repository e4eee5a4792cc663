"""Observations fit or unfit to act on."""

from dataclasses import replace

from lps_ros.contract import ImageFormat
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.control.gates import ObservationGate
import numpy as np
import pytest

_MS = 1_000_000
_JOINTS = Observation(
    key='joints', topic='joint_states', type='sensor_msgs/msg/JointState', max_age_s=0.1)
_CONTACT = Observation(key='contact', topic='contact', type='std_msgs/msg/Bool', max_age_s=0.5)

_CAMERA = Observation(
    key='camera', topic='camera', type='sensor_msgs/msg/Image', max_age_s=0.15, latency_s=0.02,
    image=ImageFormat(width=2, height=2), max_identical=3)


def _gate(*observations):
    return ObservationGate(observations or (_JOINTS,))


def _accept(gate, time_ns, *, key='joints', value=1.0, stamp_ns=None):
    gate.accept(key, np.array([value]), received_ns=time_ns,
                stamp_ns=time_ns if stamp_ns is None else stamp_ns)


def _texts(gate, tick_ns, now_ns=None):
    return [str(reason) for reason in gate.reasons(tick_ns, now_ns or tick_ns)]


def test_fresh_finite_rows_pass():
    gate = _gate()
    _accept(gate, 1000 * _MS)
    assert gate.reasons(1000 * _MS, 1001 * _MS) == []
    assert gate.rows(1000 * _MS)['joints'].tolist() == [1.0]


def test_a_missing_stream_is_named_with_its_topic():
    gate = _gate(_JOINTS, _CONTACT)
    _accept(gate, 0)
    reasons = gate.reasons(1 * _MS, 2 * _MS)
    assert [reason.subject for reason in reasons] == ['contact']
    assert str(reasons[0]) == "observation 'contact' is missing; no message on topic 'contact'"
    assert reasons[0].stale


@pytest.mark.parametrize('rate_hz', [500, 1000])
def test_a_late_tick_finds_its_row_in_a_fast_stream(rate_hz):
    gate = _gate()
    period_ns = 1000 * _MS // rate_hz
    for k in range(2 * rate_hz):
        _accept(gate, k * period_ns, value=float(k))
    last_ns = (2 * rate_hz - 1) * period_ns
    tick_ns = last_ns - 99 * _MS
    assert _texts(gate, tick_ns, last_ns) == []
    assert gate.rows(tick_ns)['joints'] == tick_ns // period_ns


def test_what_came_only_after_a_tick_is_not_called_silence():
    gate = _gate()
    _accept(gate, 1020 * _MS)
    assert _texts(gate, 1000 * _MS, 1070 * _MS) == [
        "observation 'joints' is missing; the oldest message kept of topic 'joint_states' came "
        '0.020 s after the tick']
    assert gate.reasons(1000 * _MS, 1070 * _MS)[0].stale


def test_age_is_judged_at_the_limit():
    gate = _gate()
    _accept(gate, 0)
    assert _texts(gate, 100 * _MS) == []
    assert _texts(gate, 100 * _MS + 1) == [
        "observation 'joints' is 0.100 s old by its receipt, expected at most 0.1 s"]


def test_an_old_header_stamp_on_a_fresh_message_is_stale():
    gate = _gate()
    _accept(gate, 1000 * _MS, stamp_ns=800 * _MS)
    assert _texts(gate, 1000 * _MS) == [
        "observation 'joints' is 0.200 s old by its header stamp, expected at most 0.1 s"]


def test_a_header_that_was_never_stamped_is_called_that():
    gate, now_ns = _gate(), 1_700_000_000_000 * _MS
    _accept(gate, now_ns, stamp_ns=0)
    reason, = gate.reasons(now_ns, now_ns)
    assert str(reason) == (
        "observation 'joints' has a header stamp of zero, expected the time that it is of; have "
        'its publisher set it')
    assert not reason.stale and not reason.disarms
    # Of a simulated clock it is a time.
    gate = _gate()
    _accept(gate, 5000 * _MS, stamp_ns=0)
    assert _texts(gate, 5000 * _MS) == [
        "observation 'joints' is 5.000 s old by its header stamp, expected at most 0.1 s"]


def test_a_late_message_with_a_fresh_stamp_is_stale_by_receipt():
    gate = _gate()
    _accept(gate, 800 * _MS, stamp_ns=1000 * _MS)
    assert 'by its receipt' in _texts(gate, 1000 * _MS)[0]


def test_a_stamp_in_the_future_is_refused_beyond_the_tolerance():
    gate = _gate()
    _accept(gate, 1000 * _MS, stamp_ns=1050 * _MS)
    assert _texts(gate, 1000 * _MS) == []
    _accept(gate, 1000 * _MS, stamp_ns=1051 * _MS)
    assert _texts(gate, 1000 * _MS) == [
        "observation 'joints' lies 0.051 s in the future by its header stamp; "
        'synchronise the clocks']
    assert not gate.reasons(1000 * _MS, 1000 * _MS)[0].stale


def test_types_without_header_are_judged_by_receipt_alone():
    gate = _gate(_CONTACT)
    gate.accept('contact', np.array([1.0]), stamp_ns=None, received_ns=0)
    assert _texts(gate, 500 * _MS) == []
    assert 'by its receipt' in _texts(gate, 501 * _MS)[0]
    assert gate.ready(0)
    assert not gate.ready(1)


def test_non_finite_values_are_refused_until_a_finite_row_comes():
    gate = _gate()
    for value in (np.nan, np.inf, -np.inf):
        _accept(gate, 0, value=value)
        assert _texts(gate, 0) == ["observation 'joints' has a non-finite value"]
        assert not gate.reasons(0, 0)[0].stale
    _accept(gate, 0)
    assert _texts(gate, 0) == []


def test_a_misfit_is_named_once_good_messages_are_missing():
    gate = _gate()
    gate.reject('joints', "found no joint 'elbow_joint'")
    reason = gate.reasons(0, 0)[0]
    assert str(reason) == "observation 'joints' is missing; found no joint 'elbow_joint'"
    assert not reason.stale


def test_another_publisher_on_the_topic_does_no_harm_while_good_messages_come():
    gate = _gate()
    _accept(gate, 0)
    gate.reject('joints', "found no joint 'elbow_joint'")
    assert _texts(gate, 50 * _MS) == []
    assert _texts(gate, 150 * _MS)[0].endswith("found no joint 'elbow_joint'")
    _accept(gate, 200 * _MS)
    assert _texts(gate, 200 * _MS) == []
    assert 'elbow' not in _texts(gate, 350 * _MS)[0]


def test_nothing_received_after_the_tick_is_observed():
    gate = _gate()
    for time_ms in (40, 50, 51):
        _accept(gate, time_ms * _MS, value=time_ms)
    assert gate.rows(50 * _MS)['joints'].tolist() == [50.0]
    assert gate.rows(49 * _MS)['joints'].tolist() == [40.0]
    assert gate.rows(39 * _MS) == {}


def test_nothing_newer_than_the_tick_enters_even_after_a_flood():
    gate = _gate()
    for time_ms in range(200):
        _accept(gate, time_ms * _MS, value=time_ms)
    assert 'joints' not in gate.rows(10 * _MS)
    assert 'missing' in str(gate.reasons(10 * _MS, 11 * _MS)[0])


def test_ready_waits_for_every_stream_of_the_tick():
    gate = _gate(_JOINTS, _CONTACT)
    _accept(gate, 50 * _MS)
    assert not gate.ready(50 * _MS)
    _accept(gate, 49 * _MS, key='contact')
    assert not gate.ready(50 * _MS)
    _accept(gate, 50 * _MS, key='contact')
    assert gate.ready(50 * _MS)


def test_a_clock_that_jumps_back_forgets_the_other_time():
    gate = _gate()
    _accept(gate, 5000 * _MS, value=5.0)
    _accept(gate, 10 * _MS, value=1.0)
    assert gate.rows(6000 * _MS)['joints'].tolist() == [1.0]


def test_images_are_rows_too():
    gate = _gate()
    gate.accept('joints', np.zeros((4, 4, 3), np.uint8), stamp_ns=0, received_ns=0)
    assert gate.reasons(0, 0) == []


def test_the_latency_before_the_stamp_counts_towards_the_age():
    gate = _gate(_CAMERA)
    _accept(gate, 0, key='camera')
    assert _texts(gate, 130 * _MS) == []
    assert _texts(gate, 131 * _MS) == [
        "observation 'camera' is 0.151 s old by its header stamp, expected at most 0.15 s"]


def test_the_latency_of_what_has_no_stamp_counts_from_its_receipt():
    gate = _gate(replace(_CONTACT, latency_s=0.02))
    gate.accept('contact', np.array([1.0]), stamp_ns=None, received_ns=0)
    limit_ms = round(1e3 * _CONTACT.max_age_s)
    assert _texts(gate, (limit_ms - 20) * _MS) == []
    line, = _texts(gate, (limit_ms - 19) * _MS)
    assert 'old by its receipt' in line
    assert gate.ages_s(0) == {'contact': 0.02}


def test_ages_are_of_the_newest_message_by_its_stamp_and_latency():
    gate = _gate(_JOINTS, _CONTACT, _CAMERA)
    assert gate.ages_s(0) == {}
    _accept(gate, 100 * _MS, stamp_ns=90 * _MS)
    gate.accept('contact', np.array([1.0]), stamp_ns=None, received_ns=95 * _MS)
    _accept(gate, 100 * _MS, key='camera', stamp_ns=60 * _MS)
    assert gate.ages_s(100 * _MS) == pytest.approx(
        {'joints': 0.01, 'contact': 0.005, 'camera': 0.06})


def test_a_clock_that_jumps_back_disarms_and_begins_empty():
    gate = _gate(_JOINTS, _CONTACT)
    for key in ('joints', 'contact'):
        _accept(gate, 5000 * _MS, key=key)
    assert gate.reasons(5000 * _MS, 5000 * _MS) == []
    reason, = gate.reasons(4990 * _MS, 4990 * _MS)
    assert (reason.subject, reason.disarms) == ('clock', True)
    assert str(reason).startswith('the clock jumped back by 0.010 s')
    # What was received before is not fresh again when the time comes round.
    assert [each.subject for each in gate.reasons(5001 * _MS, 5001 * _MS)] == ['joints', 'contact']


def test_vectors_are_the_rows_that_are_no_pictures_and_decode_nothing():
    gate = _gate(_JOINTS, _CAMERA)
    _accept(gate, 0, value=3.0)
    made = []
    gate.accept('camera', lambda: made.append(1) or np.zeros((2, 2, 3), np.uint8),
                stamp_ns=0, received_ns=0)
    assert {key: row.tolist() for key, row in gate.vectors(0).items()} == {'joints': [3.0]}
    assert gate.vectors(-1) == {} and made == []
    assert set(gate.rows(0)) == {'joints', 'camera'} and made == [1]
    assert set(gate.rows(0)) == {'joints', 'camera'} and made == [1]


def test_a_picture_that_does_not_fit_gives_way_and_is_named_once_it_is_missed():
    gate = _gate(_CAMERA)

    def torn():
        raise MessageError('found a torn frame')

    gate.accept('camera', torn, stamp_ns=0, received_ns=0)
    assert gate.rows(0) == {}
    reason, = gate.reasons(0, 0)
    assert str(reason) == "observation 'camera' is missing; found a torn frame"
    assert not reason.stale and not reason.disarms


def _see(gate, time_ms, picture, *, stamp_ms=None):
    gate.accept('camera', np.zeros((2, 2, 3), np.uint8), received_ns=time_ms * _MS,
                stamp_ns=(time_ms if stamp_ms is None else stamp_ms) * _MS,
                content=np.full(12, picture, np.uint8))
    return [reason.disarms for reason in gate.reasons(time_ms * _MS, time_ms * _MS)]


def test_a_camera_that_shows_the_same_while_the_robot_moves_is_frozen():
    gate = _gate(_CAMERA)
    gate.moving = True
    assert [_see(gate, 30 * i, 7) for i in range(5)] == [[], [], [], [True], [True]]
    assert _texts(gate, 120 * _MS) == [
        "observation 'camera' has brought the same picture 5 times while the robot moved; check "
        'the camera']
    assert _see(gate, 150, 8) == []


def test_a_camera_may_show_the_same_while_the_robot_stands():
    gate = _gate(_CAMERA)
    assert [_see(gate, 30 * i, 7) for i in range(50)] == [[]] * 50


def test_standing_does_not_clear_a_frozen_camera():
    gate = _gate(_CAMERA)
    for i in range(4):
        gate.moving = True
        _see(gate, 30 * i, 7)
    gate.moving = False
    assert _see(gate, 150, 7) == [True]


def test_one_message_that_is_repeated_is_not_counted_its_age_tells():
    gate = _gate(_CAMERA)
    gate.moving = True
    assert [_see(gate, 10 * i, 7, stamp_ms=0) for i in range(13)] == [[]] * 13
    assert _see(gate, 140, 7, stamp_ms=0) == [False]


def test_equal_pictures_are_no_matter_where_the_contract_says_so():
    gate = _gate(Observation(
        key='camera', topic='camera', type='sensor_msgs/msg/Image', max_age_s=0.15,
        image=ImageFormat(width=2, height=2), max_identical=0))
    gate.moving = True
    assert [_see(gate, 30 * i, 7) for i in range(20)] == [[]] * 20
