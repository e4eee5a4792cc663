"""Loss of a camera's frames: randomised streams whose loss is known, and what is no loss."""

import re

from lps_ros.control.stream_loss import StreamLoss
from lps_ros.fast_dds import image_profile
import numpy as np
import pytest

IMAGE = 640 * 480 * 3
SEEDS = range(25)


def judged(stamps_s, *, size=IMAGE, pace=1.0, delay_s=None):
    """Return what is made of frames with these stamps, received at a pace of their own."""
    loss = StreamLoss('camera front')
    delay_s = np.full(len(stamps_s), 0.004) if delay_s is None else delay_s
    for stamp_s, late_s in zip(stamps_s, delay_s):
        loss.see(round(1e9 * (1000 + stamp_s)), round(1e9 * (5 + stamp_s / pace + late_s)), size)
    return loss


def stream(rng, *, rate_hz=30.0, seconds=10.0, jitter=0.0, lost=0.0):
    """Return stamps in s: jitter is the deviation in intervals, lost the probability."""
    number = np.arange(int(rate_hz * seconds))
    stamps_s = (number + jitter * rng.standard_normal(len(number))) / rate_hz
    return np.sort(stamps_s[rng.random(len(number)) >= lost])


@pytest.fixture(params=SEEDS)
def rng(request):
    """Return a generator of random numbers."""
    return np.random.default_rng(request.param)


def test_a_steady_camera_loses_nothing(rng):
    loss = judged(stream(rng, rate_hz=rng.uniform(3, 90), jitter=rng.uniform(0, 0.15)))
    assert loss.loss() < 0.03
    assert loss.complaint() is None


@pytest.mark.parametrize('lost', [0.1, 0.3, 0.5, 0.7])
def test_random_loss_is_estimated_and_complained_of(rng, lost):
    sent = stream(rng, rate_hz=rng.uniform(15, 60), jitter=rng.uniform(0, 0.08))
    arrived = sent[rng.random(len(sent)) >= lost]
    loss = judged(arrived)
    # What was lost before the first and after the last frame cannot be seen; 10 s are judged.
    assert loss.loss() == pytest.approx(1 - len(arrived) / len(sent), abs=0.06)
    assert f'camera front loses {100 * loss.loss():.0f} %' in loss.complaint()


def test_loss_in_bursts_is_found(rng):
    lost = np.zeros(300, bool)
    for start in rng.integers(0, 295, 20):
        lost[start:start + rng.integers(1, 5)] = True
    loss = judged(np.arange(300)[~lost] / 30)
    assert loss.loss() == pytest.approx(lost.mean(), abs=0.02)
    assert loss.complaint() is not None


@pytest.mark.parametrize('slower', [1.5, 2, 2.5, 3, 1 / 2, 1 / 3, 1 / 1.5])
def test_a_camera_that_changes_its_rate_loses_nothing(rng, slower):
    changed = rng.integers(20, 130)
    gaps_s = np.where(np.arange(150) < changed, 1 / 30, slower / 30)
    loss = judged(np.cumsum(gaps_s * rng.uniform(0.97, 1.03, 150)))
    assert loss.loss() is None or loss.loss() < 0.03
    assert loss.complaint() is None


def test_a_camera_that_pauses_loses_nothing(rng):
    gaps_s = np.full(200, 1 / 30)
    gaps_s[rng.choice(200, 4, replace=False)] = rng.uniform(0.6, 1.9, 4)
    loss = judged(np.cumsum(gaps_s))
    assert loss.loss() < 0.01
    assert loss.complaint() is None


def test_a_long_pause_begins_a_new_estimate(rng):
    before = stream(rng, lost=0.5)
    after = stream(rng, seconds=2) + before[-1] + 3.0
    assert judged(before).complaint() is not None
    assert judged(np.concatenate([before, after])).loss() == 0


def test_a_throttled_topic_loses_nothing(rng):
    # As topic_tools does: a message passes if the last one that did is old enough.
    passed, last_s = [], -1.0
    for stamp_s in stream(rng, jitter=0.03):
        if stamp_s - last_s >= 0.1:
            passed.append(stamp_s)
            last_s = stamp_s
    loss = judged(np.array(passed))
    assert loss.loss() is None or loss.loss() < 0.03
    assert loss.complaint() is None


@pytest.mark.parametrize('kept, of', [(2, 3), (3, 5), (3, 4), (1, 2)])
def test_a_topic_that_leaves_out_every_so_manieth_is_not_complained_of(rng, kept, of):
    # As topic_tools does with `drop`.
    sent = stream(rng, jitter=0.03)
    loss = judged(sent[np.arange(len(sent)) % of < kept])
    assert loss.complaint() is None


@pytest.mark.parametrize('pace', [0.25, 0.7, 1.5, 4.0])
def test_a_recording_at_another_speed_is_not_judged(rng, pace):
    loss = judged(stream(rng, lost=0.5), pace=pace)
    assert loss.loss() is None
    assert loss.complaint() is None


def test_frames_without_an_order_are_not_judged(rng):
    loss = judged(np.cumsum(rng.exponential(0.03, 250)))
    assert loss.loss() is None
    assert loss.complaint() is None


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('gaps_ms', [
    [10, 100] * 7,  # half-way between them is no gap
    [1] * 2 + [6] * 4 + [40] * 8 + [300] * 14])
def test_gaps_of_several_kinds_are_judged_without_a_warning(gaps_ms):
    loss = judged(np.cumsum([0, *gaps_ms]) / 1e3)
    assert loss.loss() is None or loss.loss() < 1
    loss.complaint()


def test_loss_of_small_messages_is_told_but_not_put_down_to_the_transport(rng):
    loss = judged(stream(rng, lost=0.5), size=60_000)
    assert loss.loss() > 0.3
    assert loss.complaint() is None


def test_a_camera_that_stalls_and_catches_up_loses_nothing(rng):
    ready_s = np.arange(200) / 30
    for start_s in rng.uniform(0, 6, 8):
        stalled = (ready_s > start_s) & (ready_s < start_s + 0.2)
        ready_s[stalled] = start_s + 0.2 + 0.002 * np.arange(stalled.sum())
    loss = judged(np.unique(ready_s))
    assert loss.loss() is None or loss.loss() < 0.03
    assert loss.complaint() is None


def test_frames_that_arrive_in_a_bunch_are_not_lost(rng):
    stamps_s = stream(rng)
    delay_s = np.maximum.accumulate(stamps_s + rng.exponential(0.05, len(stamps_s))) - stamps_s
    loss = judged(stamps_s, delay_s=delay_s)
    assert loss.loss() == 0
    assert loss.complaint() is None


def test_the_complaint_is_one_line_that_says_what_to_do(rng):
    text = judged(stream(rng, lost=0.5)).complaint()
    assert '\n' not in text
    assert int(re.search(r'of (\d+) Hz arrive', text).group(1)) == pytest.approx(30, abs=2)
    assert f'FASTRTPS_DEFAULT_PROFILES_FILE={image_profile()}' in text


def test_too_few_frames_stamps_of_zero_and_clocks_that_go_back_are_not_judged(rng):
    assert judged(np.arange(12) / 30).loss() is None
    assert judged(np.zeros(100)).loss() is None
    assert judged(np.arange(100, 0, -1) / 30).loss() is None
    assert StreamLoss('camera').complaint() is None


def test_memory_is_bounded():
    loss = judged(np.arange(20_000) / 500)
    assert len(loss._frames) <= 300
    assert loss.loss() == 0
