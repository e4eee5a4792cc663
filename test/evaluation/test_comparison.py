"""Figures of the arms, their paired differences, and the table printed while they come in."""

import io
import json

from lps_ros.evaluation.comparison import compare
from lps_ros.evaluation.comparison import EpisodeResult
from lps_ros.evaluation.comparison import LiveTable
from lps_ros.evaluation.metrics import wilson_interval
import numpy as np
import pytest


def result(seed: int, success_step: int | None, placed_step: int | None = None) -> EpisodeResult:
    """Return an episode that succeeded and was placed after so many of 200 steps."""
    steps = placed_step or 200
    return EpisodeResult(
        seed=seed, success=success_step is not None, placed=placed_step is not None,
        success_step=success_step, placed_step=placed_step, steps=steps, sim_time_s=steps / 20.0)


def arms() -> dict:
    """Return two arms of ten paired seeds; the later one wins three more and is faster."""
    prior = [result(seed, 100 + seed if seed < 6 else None) for seed in range(10)]
    steered = [result(seed, 40 + seed if seed < 9 else None, 60 if seed < 8 else None)
               for seed in reversed(range(10))]
    return {'prior': prior, 'steered': steered}


def test_figures_of_the_arms():
    figures = compare(arms(), rate_hz=20.0, full_steps=200)
    prior, steered = figures['arms']['prior'], figures['arms']['steered']
    assert prior['episodes'] == 10
    assert prior['success'] == 0.6
    assert prior['success_interval'] == list(wilson_interval(6, 10))
    assert prior['placed'] == 0.0
    # times 100..105 and four of 200 steps: the median lies between the 104 and the 105
    assert prior['median_time_s'] == pytest.approx(104.5 / 20.0)
    assert prior['median_placed_time_s'] == 10.0
    assert steered['success'] == 0.9
    assert steered['median_time_s'] == pytest.approx(44.5 / 20.0)
    assert steered['median_placed_time_s'] == 3.0
    json.dumps(figures, allow_nan=False)


def test_differences_are_paired_by_seed_and_later_minus_earlier():
    figures = compare(arms(), rate_hz=20.0, full_steps=200)
    pair, = figures['differences']
    assert (pair['of'], pair['minus'], pair['pairs']) == ('steered', 'prior', 10)
    assert pair['success'] == pytest.approx(0.3)
    # seeds 6, 7, 8 only the later arm: 2 * (1/2)^3
    assert pair['success_p'] == 0.25
    assert pair['median_time_s'] == pytest.approx(-60.0 / 20.0)
    low, high = pair['median_time_s_interval']
    assert low < -3.0 <= high


def test_only_common_seeds_are_paired():
    few = {'a': [result(1, 50), result(2, 50)], 'b': [result(2, 30), result(3, None)],
           'c': [result(9, 10)], 'd': []}
    figures = compare(few, rate_hz=20.0, full_steps=200)
    assert [(pair['minus'], pair['of'], pair['pairs']) for pair in figures['differences']] == [
        ('a', 'b', 1)]
    assert list(figures['arms']) == ['a', 'b', 'c']


def test_a_seed_twice_in_an_arm_is_refused():
    with pytest.raises(ValueError, match="arm 'a' has 2 results of 1 seeds"):
        compare({'a': [result(1, 50), result(1, 60)]}, rate_hz=20.0, full_steps=200)


def test_result_from_the_robots_status():
    status = {'episode': 3, 'task': 1, 'seed': 17, 'step': 71, 'success': True, 'placed': True,
              'success_step': 58, 'placed_step': 71, 'done': True, 'sim_time_s': 44.2}
    assert EpisodeResult.from_status(status, 20.0) == EpisodeResult(
        seed=17, success=True, placed=True, success_step=58, placed_step=71, steps=71,
        sim_time_s=3.55)
    del status['placed_step']
    with pytest.raises(ValueError, match="without 'placed_step'"):
        EpisodeResult.from_status(status, 20.0)


def test_live_table_prints_each_episode_and_a_summary():
    stream = io.StringIO()
    table = LiveTable(10, rate_hz=20.0, full_steps=200, stream=stream)
    for name, results in arms().items():
        for each in results:
            table.add(name, each)
    figures = table.summary()
    lines = stream.getvalue().splitlines()
    assert lines[1].split() == ['prior', '1/10', '0', '5.00', 's', '-', '1', 'of', '1',
                                '(100', '%)']
    assert lines[20].split()[:3] == ['steered', '10/10', '0']
    assert lines[20].endswith('9 of 10 (90 %)')
    assert all('\x1b' not in line and len(line) <= 140 for line in lines)
    assert len({len(line) for line in lines[:21]}) == 1
    assert 'steered - prior' in stream.getvalue()
    assert figures == compare(arms(), rate_hz=20.0, full_steps=200)
    assert np.isfinite(figures['arms']['steered']['median_time_s'])
