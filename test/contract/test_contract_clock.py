from fractions import Fraction

from lps_ros.contract import ControlClock
import numpy as np
import pytest

RATES = (20, 30, 29.97, 30000 / 1001, 1000, 0.1, 7, 3.3)
NOW_NS = 1_790_000_000_123_456_789


def test_ticks_of_20_hz_are_every_50_ms_from_the_clocks_zero():
    clock = ControlClock(20)
    assert clock.period_ns == 50_000_000
    assert [clock.time_ns(k) for k in range(-1, 3)] == [-50_000_000, 0, 50_000_000, 100_000_000]


@pytest.mark.parametrize('rate_hz', RATES)
def test_tick_times_are_exact_at_the_size_of_utc_stamps(rate_hz):
    clock = ControlClock(rate_hz)
    rate = Fraction(rate_hz).limit_denominator(1001)
    first = clock.index_at_or_before(NOW_NS)
    for k in (0, 1, 2, 3, 1000, first, first + 1):
        error = clock.time_ns(k) - k * 1_000_000_000 / rate
        assert -Fraction(1, 2) < error <= Fraction(1, 2)


@pytest.mark.parametrize('rate_hz', RATES)
def test_array_and_integer_give_the_same_times(rate_hz):
    clock = ControlClock(rate_hz)
    k = np.array([-3, -1, 0, 1, 2, 50, clock.index_at_or_before(NOW_NS)])
    times = clock.time_ns(k)
    assert times.dtype == np.int64
    assert times.tolist() == [clock.time_ns(int(value)) for value in k]
    assert isinstance(clock.time_ns(np.int64(3)), int)


@pytest.mark.parametrize('rate_hz', RATES)
def test_index_is_of_the_last_tick_not_after_the_time(rate_hz):
    clock = ControlClock(rate_hz)
    first = clock.index_at_or_before(NOW_NS)
    assert clock.time_ns(first) <= NOW_NS < clock.time_ns(first + 1)
    for k in (-2, 0, 1, 7, first):
        assert clock.index_at_or_before(clock.time_ns(k)) == k
        assert clock.index_at_or_before(clock.time_ns(k) - 1) == k - 1


def test_ticks_include_both_ends():
    clock = ControlClock(20)
    assert clock.ticks(50_000_000, 150_000_000).tolist() == [1, 2, 3]
    assert clock.ticks(50_000_001, 149_999_999).tolist() == [2]
    assert clock.ticks(50_000_001, 99_999_999).tolist() == []
    assert clock.ticks(100, 50).dtype == np.int64


@pytest.mark.parametrize('rate_hz', [0.0, -1.0, 1001.0, float('nan')])
def test_a_rate_out_of_range_is_refused(rate_hz):
    with pytest.raises(ValueError, match='rate_hz: found .*, expected 0.1 to 1000'):
        ControlClock(rate_hz)
