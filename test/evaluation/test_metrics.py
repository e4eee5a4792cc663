"""Intervals and tests against published values and against the distributions themselves."""

import math

from lps_ros.evaluation.metrics import bootstrap_difference
from lps_ros.evaluation.metrics import mcnemar_p
from lps_ros.evaluation.metrics import median_time
from lps_ros.evaluation.metrics import paired_rate_difference
from lps_ros.evaluation.metrics import times_with_failures
from lps_ros.evaluation.metrics import wilson_interval
import numpy as np
import pytest


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple:
    """Return the outcomes of two arms that make up this 2x2 table."""
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(('successes', 'trials', 'low', 'high'), [
    # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
])
def test_wilson_gives_the_published_intervals(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends():
    assert wilson_interval(20, 20)[1] == 1.0
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match='21 successes of 20 trials'):
        wilson_interval(21, 20)


def test_paired_difference_gives_the_published_interval():
    # Complete response before and after consolidation (Cavo et al. 2012): 59, 6, 16 and 80 of 161;
    # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables, chapter 8:
    # before minus after is -0.062, -0.1186 to -0.0046.
    difference, interval = paired_rate_difference(*pairs(59, 6, 16, 80))
    assert difference == pytest.approx(0.0621, abs=5e-5)
    assert interval == pytest.approx((0.0046, 0.1186), abs=5e-5)


def test_paired_difference_turns_its_sign_with_the_arms():
    first, second = pairs(20, 2, 9, 4)
    difference, (low, high) = paired_rate_difference(first, second)
    swapped, (swapped_low, swapped_high) = paired_rate_difference(second, first)
    assert swapped == -difference
    assert (swapped_low, swapped_high) == pytest.approx((-high, -low))
    assert low < difference < high


def test_paired_difference_of_equal_and_perfect_arms():
    difference, (low, high) = paired_rate_difference(np.ones(20, bool), np.ones(20, bool))
    assert difference == 0.0
    assert (low, high) == pytest.approx((-0.1611, 0.1611), abs=5e-5)


def test_paired_difference_covers_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        ease = rng.random(60)
        first, second = ease < 0.6, (ease + 0.4 * rng.random(60)) < 0.9
        low, high = paired_rate_difference(first, second)[1]
        # P(u + 0.4 v < 0.9) = 1 - E[(0.4 v + 0.1)+] = 0.7
        covered += low <= 0.1 <= high
    assert 0.92 <= covered / 1000 <= 0.99


def test_mcnemar_is_the_exact_binomial_test():
    # 2 * P(X <= 6), X ~ Binomial(22, 1/2)
    assert mcnemar_p(*pairs(59, 6, 16, 80)) == pytest.approx(0.0524788, abs=1e-6)
    assert mcnemar_p(*pairs(5, 3, 3, 5)) == 1.0
    assert mcnemar_p(*pairs(5, 0, 0, 5)) == 1.0
    assert mcnemar_p(*pairs(0, 0, 10, 0)) == pytest.approx(2.0 / 1024)


def test_a_failure_counts_as_the_full_time():
    times = np.array([2.0, math.nan, 4.0, math.nan])
    assert times_with_failures(times, 10.0).tolist() == [2.0, 10.0, 4.0, 10.0]
    assert median_time(times, 10.0) == 7.0
    assert math.isnan(median_time(np.array([]), 10.0))


def test_bootstrap_is_seeded_and_close_to_the_theory():
    rng = np.random.default_rng(0)
    first = rng.normal(0.0, 5.0, 400)
    second = first + rng.normal(1.0, 2.0, 400)
    difference, (low, high) = bootstrap_difference(first, second, statistic=np.mean)
    assert difference == pytest.approx(np.mean(second - first))
    standard_error = np.std(second - first) / 20.0
    assert (high - low) == pytest.approx(2.0 * 1.96 * standard_error, rel=0.05)
    assert bootstrap_difference(first, second, statistic=np.mean) == (difference, (low, high))


def test_bootstrap_of_the_medians_of_a_constant_shift_is_exact():
    first = np.arange(11.0)
    difference, interval = bootstrap_difference(first, first - 2.0, resamples=200)
    assert difference == -2.0
    assert interval == (-2.0, -2.0)


@pytest.mark.parametrize('function', [paired_rate_difference, mcnemar_p, bootstrap_difference])
def test_unequal_lengths_are_refused(function):
    with pytest.raises(ValueError, match='no pairs'):
        function(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match='no pairs'):
        function(np.ones(0), np.ones(0))
