"""What is said of a camera's stream."""

from lps_ros.cameras import StreamMonitor


def monitor(frames=0, *, period_s=1 / 30, step=1):
    """Return a monitor that saw frames from time 100 s on, and the time of the last one."""
    result = StreamMonitor(rate_hz=30, stale_after_s=0.5, start_s=100.0)
    for index in range(frames):
        result.add(1 + index * step, 100.0 + index * period_s)
    return result, 100.0 + max(frames - 1, 0) * period_s


def test_a_stream_at_its_rate_is_ok():
    stream, last_s = monitor(60)
    report = stream.report(last_s + 0.02)
    assert (report.level, report.message) == ('ok', 'streaming')
    assert report.values == {'frames': '60', 'dropped': '0', 'rate_hz': '30.0', 'age_s': '0.02'}


def test_a_camera_that_stops_delivering_is_stale_until_it_delivers_again():
    stream, last_s = monitor(60)
    report = stream.report(last_s + 0.6)
    assert report.level == 'stale'
    assert report.message.startswith('no frame for 0.6 s')
    stream.add(61, last_s + 5.0)
    report = stream.report(last_s + 5.1)
    assert report.level == 'ok'
    # The pause counts neither as a slow rate nor as lost frames.
    assert (report.values['rate_hz'], report.values['dropped']) == ('0.0', '0')


def test_a_camera_that_never_delivers_is_stale_after_the_time_it_needs_to_start():
    stream, _ = monitor()
    assert stream.report(101.0).message == 'waiting for the first frame'
    assert stream.report(104.0).level == 'stale'


def test_lost_frames_are_counted_by_the_cameras_numbers():
    stream, last_s = monitor(30, step=3)
    assert stream.report(last_s).values['dropped'] == '58'
    stream.add(1, last_s + 0.03)
    assert stream.report(last_s + 0.03).values['dropped'] == '58'


def test_a_slow_stream_is_warned_of():
    stream, last_s = monitor(40, period_s=1 / 15)
    report = stream.report(last_s)
    assert report.level == 'warn'
    assert report.message.startswith('15.0 frames a second instead of 30')


def test_an_error_stands_until_the_next_frame():
    stream, last_s = monitor(5)
    stream.fail('D435 failed: unplugged')
    assert stream.report(last_s).level == 'error'
    assert stream.report(last_s).message == 'D435 failed: unplugged'
    stream.add(6, last_s + 0.03)
    assert stream.report(last_s + 0.03).level == 'ok'
