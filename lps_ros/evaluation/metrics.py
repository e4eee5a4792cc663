"""Statistics of paired evaluation episodes: rates, medians, and intervals of their differences."""

from __future__ import annotations

from collections.abc import Callable
import math
from statistics import NormalDist

import numpy as np

Interval = tuple[float, float]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """
    Return the score interval of a success rate.

    Source: E. B. Wilson, Probable inference, JASA 22, 1927.

    :param successes: number of successful trials
    :param trials: number of trials; without any, the interval is (0, 1)
    :param confidence: two-sided coverage, above 0 and below 1
    :raises ValueError: where `successes` is not within 0..`trials`
    """
    if not 0 <= successes <= trials:
        raise ValueError(f'{successes} successes of {trials} trials: expected 0 <= successes <= '
                         'trials; count again')
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    rate = successes / trials
    shrink = 1.0 + z * z / trials
    centre = (rate + z * z / (2.0 * trials)) / shrink
    half = z / shrink * math.sqrt(rate * (1.0 - rate) / trials + (z / (2.0 * trials)) ** 2)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high


def _paired(first: np.ndarray, second: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Return both as equally long, non-empty vectors of `dtype`."""
    first, second = np.asarray(first, dtype), np.asarray(second, dtype)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f'shapes {first.shape} and {second.shape} are no pairs: expected two '
                         'equally long vectors; pass one value per seed, in the same order')
    return first, second


def paired_rate_difference(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95
) -> tuple[float, Interval]:
    """
    Return the rate of `second` minus that of `first` on the same seeds, and its interval.

    Wilson intervals of both rates, squared and added with the continuity-corrected correlation of
    the pairs: method 10 of R. G. Newcombe, Improved confidence intervals for the difference
    between binomial proportions based on paired data, Statistics in Medicine 17, 1998.

    :param first: (N,) success of each seed, bool
    :param second: (N,) success of the same seeds, bool
    :raises ValueError: where the two are not equally long or are empty
    """
    first, second = _paired(first, second, bool)
    n = len(first)
    both = int(np.sum(first & second))
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    neither = n - both - only_first - only_second
    wins_first, wins_second = both + only_first, both + only_second
    rate_first, rate_second = wins_first / n, wins_second / n
    low_first, high_first = wilson_interval(wins_first, n, confidence)
    low_second, high_second = wilson_interval(wins_second, n, confidence)

    covariance = both * neither - only_first * only_second
    if covariance > 0:
        covariance = max(covariance - n / 2.0, 0.0)
    margins = wins_first * (n - wins_first) * wins_second * (n - wins_second)
    phi = covariance / math.sqrt(margins) if margins else 0.0

    def radius(one: float, other: float) -> float:
        return math.sqrt(max(one * one - 2.0 * phi * one * other + other * other, 0.0))

    difference = rate_second - rate_first
    low = difference - radius(rate_second - low_second, high_first - rate_first)
    high = difference + radius(high_second - rate_second, rate_first - low_first)
    return difference, (low, high)


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """
    Return the exact two-sided probability of so uneven a split of the pairs that differ.

    Binomial test of the discordant pairs against one half; 1 where no pair differs.
    Source: Q. McNemar, Psychometrika 12, 1947; exact form as in Agresti, Categorical Data
    Analysis, section 11.1.

    :param first: (N,) success of each seed, bool
    :param second: (N,) success of the same seeds, bool
    :raises ValueError: where the two are not equally long or are empty
    """
    first, second = _paired(first, second, bool)
    rarer = int(min(np.sum(first & ~second), np.sum(second & ~first)))
    differing = int(np.sum(first != second))
    tail = sum(math.comb(differing, k) for k in range(rarer + 1)) / 2 ** differing
    return min(1.0, 2.0 * tail)


def times_with_failures(times_s: np.ndarray, full_time_s: float) -> np.ndarray:
    """
    Return the times with every failure counted as the full time.

    :param times_s: (N,) time to success, NaN for a failure
    :param full_time_s: the time an episode may last
    """
    times_s = np.asarray(times_s, np.float64)
    return np.where(np.isnan(times_s), full_time_s, times_s)


def median_time(times_s: np.ndarray, full_time_s: float) -> float:
    """
    Return the median time to success, a failure counted as the full time; NaN without episodes.

    :param times_s: (N,) time to success, NaN for a failure
    :param full_time_s: the time an episode may last
    """
    times_s = times_with_failures(times_s, full_time_s)
    return float(np.median(times_s)) if len(times_s) else math.nan


def bootstrap_difference(
    first: np.ndarray,
    second: np.ndarray,
    *,
    statistic: Callable[..., np.ndarray] = np.median,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, Interval]:
    """
    Return statistic(second) - statistic(first) on the same seeds, and its interval.

    Percentile bootstrap over the pairs (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13): each resample draws seeds with replacement and keeps the pairs together.
    The generator is seeded, so the same data gives the same interval.

    :param first: (N,) value of each seed
    :param second: (N,) value of the same seeds
    :param statistic: reduces along `axis`, as numpy's median and mean do
    :raises ValueError: where the two are not equally long or are empty
    """
    first, second = _paired(first, second, np.float64)
    rows = np.random.default_rng(seed).integers(0, len(first), (resamples, len(first)))
    drawn = statistic(second[rows], axis=1) - statistic(first[rows], axis=1)
    low, high = np.quantile(drawn, (0.5 - confidence / 2.0, 0.5 + confidence / 2.0))
    difference = statistic(second, axis=0) - statistic(first, axis=0)
    return float(difference), (float(low), float(high))
