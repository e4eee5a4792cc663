"""A clock that jumps, stops or runs as it should."""

from lps_ros.control.clock_watch import ClockWatch
import pytest

_S = 1_000_000_000


def _looks(readings, *, simulated=False, still_s=0.25, period_s=0.2):
    """Return what is said at each of (node's clock in s, steady clock in s)."""
    watch = ClockWatch(simulated=simulated, still_s=still_s, period_s=period_s)
    return [watch.look(round(now_s * _S), steady_s) for now_s, steady_s in readings]


@pytest.mark.parametrize('simulated', [False, True])
def test_a_clock_that_runs_is_trusted(simulated):
    assert not any(_looks([(1000 + 0.02 * i, 5 + 0.02 * i) for i in range(500)],
                          simulated=simulated))


def test_a_loop_that_was_kept_from_looking_is_no_jump():
    assert not any(_looks([(0, 0), (3, 3)]))


@pytest.mark.parametrize('simulated', [False, True])
@pytest.mark.parametrize('back_s', [0.001, 10.0])
def test_any_step_back_is_told_once(simulated, back_s):
    said = _looks([(100, 0), (100 - back_s, 0.01), (100.01 - back_s, 0.02)], simulated=simulated)
    assert said == ['', f'the clock jumped back by {back_s:.3f} s', '']


def test_zero_is_no_time_before_the_first_reading_and_a_jump_back_after_it():
    said = _looks([(0, 0), (0, 9.0), (100, 9.01), (100.02, 9.03), (0, 9.04), (0, 9.1), (0, 9.5)],
                  simulated=True)
    assert not any(said[:4]) and not said[5]
    assert said[4] == 'the clock jumped back by 100.020 s'
    assert said[6].startswith('the clock has stood still for 0.46 s')


@pytest.mark.parametrize(('ahead_s', 'told'), [(0.09, False), (0.11, True), (3600.0, True)])
def test_a_real_clock_must_not_leap_ahead_of_the_steady_one(ahead_s, told):
    said = _looks([(0, 0), (0.02 + ahead_s, 0.02)])
    assert bool(said[1]) == told
    assert not told or said[1] == f'the clock jumped ahead by {ahead_s:.3f} s'


@pytest.mark.parametrize(('rate_hz', 'step_s'), [(5, 0.1), (20, 0.05), (100, 0.01), (500, 0.01)])
def test_a_real_clock_may_step_by_a_control_period(rate_hz, step_s):
    for share, told in ((0.9, False), (1.1, True)):
        for sign in (1, -1):
            said = _looks([(0, 0), (1.0 + sign * share * step_s, 1.0)], period_s=1 / rate_hz)
            assert bool(said[1]) == told


def test_a_real_clock_must_not_fall_back_against_the_steady_one():
    assert _looks([(0, 0), (0.02, 0.2)])[1] == (
        'the clock fell back by 0.180 s against a steady clock')


def test_a_simulated_clock_may_run_at_its_own_rate():
    for rate in (0.1, 1.0, 10.0):
        assert not any(_looks([(rate * 0.02 * i, 0.02 * i) for i in range(200)], simulated=True))


@pytest.mark.parametrize(('leap_s', 'told'), [(1.3, False), (1.5, True), (1e9, True)])
def test_a_simulated_clock_must_not_leap(leap_s, told):
    assert bool(_looks([(50, 0), (50 + leap_s, 0.02)], simulated=True)[1]) == told


@pytest.mark.parametrize('simulated', [False, True])
def test_a_clock_that_stands_still_is_told_until_it_moves(simulated):
    readings = [(7.0, 0.05 * i) for i in range(8)]
    said = _looks([*readings, (7.05, 0.4)], simulated=simulated)
    assert not any(said[:6])
    assert said[6].startswith('the clock has stood still for 0.30 s')
    assert said[7] and not said[8]


def test_after_a_reset_nothing_is_compared_with_before():
    watch = ClockWatch(simulated=False, still_s=0.25, period_s=0.05)
    watch.look(100 * _S, 0.0)
    watch.reset()
    assert watch.look(5 * _S, 50.0) == ''
    assert watch.look(5 * _S, 50.05) == ''
