"""Mapping a camera's own clock."""

from lps_ros.cameras import FrameClock
import numpy as np
import pytest

PERIOD_NS = 33_333_333


def errors_ns(*, rate, frames, seed=0):
    """Return stamp minus true time for a camera clock that runs `rate` times too fast."""
    random = np.random.default_rng(seed)
    now_ns = 0
    clock = FrameClock(lambda: now_ns)
    errors = []
    for number in range(frames):
        true_ns = 10**15 + number * PERIOD_NS
        now_ns = true_ns + 5_000_000 + int(random.exponential(2e6))
        stamp_ns = clock.stamp_ns(int(number * PERIOD_NS * rate))
        if stamp_ns is not None:
            errors.append(stamp_ns - true_ns)
    return np.array(errors)


@pytest.mark.parametrize('ppm', [-50, 0, 50])
def test_stamps_stay_near_the_least_delay_for_an_hour_of_drift(ppm):
    errors = errors_ns(rate=1 + ppm * 1e-6, frames=108_000)
    assert errors.min() > 4_500_000
    assert errors.max() < 9_000_000


def test_the_first_frames_only_serve_the_offset():
    assert len(errors_ns(rate=1.0, frames=20)) == 5


def test_a_camera_that_restarts_its_clock_is_mapped_anew():
    now_ns = 0
    clock = FrameClock(lambda: now_ns, settling_frames=2)
    stamps = []
    for start_ns in (70_000_000_000, 0):
        for number in range(4):
            now_ns += PERIOD_NS
            stamps.append(clock.stamp_ns(start_ns + number * PERIOD_NS))
    expected = [(index + 1) * PERIOD_NS for index in range(8)]
    assert stamps == [None, None, *expected[2:4], None, None, *expected[6:8]]
