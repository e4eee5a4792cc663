from data_samples import contract
from data_samples import event
from data_samples import grip
from data_samples import joints
from data_samples import motion
from data_samples import MS
from data_samples import PERIOD_NS
from data_samples import pose
from data_samples import record
from data_samples import twist
from lps_ros.data.episode import Episode
from lps_ros.data.sampling import action_index
from lps_ros.data.sampling import observation_index
import numpy as np
import pytest


def test_observation_is_the_last_message_at_or_before_the_tick():
    ticks = np.array([100, 200, 300])
    received = np.array([150, 200, 201, 299, 299, 301])
    assert observation_index(ticks, received).tolist() == [-1, 1, 4]


def test_action_is_the_last_command_of_the_period_else_the_one_in_force():
    ticks = np.array([100, 200, 300, 400])
    ends = np.array([200, 300, 400, 500])
    received = np.array([201, 250, 300, 500])
    # 100: none yet; 200: the one at its end; 300: none in it, so that one is in force.
    assert action_index(ticks, ends, received).tolist() == [-1, 2, 2, 3]


def test_indices_agree_with_their_definition_on_random_times():
    generator = np.random.default_rng(0)
    ticks = np.arange(0, 1000, 50)
    received = np.sort(generator.integers(-20, 1100, 70))
    observed = observation_index(ticks, received)
    commanded = action_index(ticks, ticks + 50, received)
    for k, tick in enumerate(ticks):
        past = np.flatnonzero(received <= tick)
        during = np.flatnonzero((received > tick) & (received <= tick + 50))
        in_force = past[-1] if len(past) else -1
        assert observed[k] == in_force
        assert commanded[k] == (during[-1] if len(during) else in_force)


@pytest.mark.parametrize('call', [
    lambda: observation_index(np.array([1]), np.array([2, 1])),
    lambda: action_index(np.array([1]), np.array([2]), np.array([2, 1])),
    lambda: action_index(np.array([5]), np.array([4]), np.array([1])),
])
def test_times_that_descend_are_refused(call):
    with pytest.raises(ValueError, match='descends|ends before'):
        call()


@pytest.mark.parametrize(('delay_ms', 'ticks_late'), [(1, 0), (49, 0), (50, 0), (51, 1), (120, 2)])
def test_a_known_operator_delay_comes_out_exactly(tmp_path, delay_ms, ticks_late):
    """The operator answers what it saw at tick k (shoulder = k) with a command of k / 1000."""
    messages = motion(30, delay_ns=delay_ms * MS)
    messages += [event('start', MS), event('success', 28 * PERIOD_NS + MS)]
    path = record(tmp_path, sorted(messages, key=lambda message: message.received_ns))
    with Episode.open(path) as episode:
        seen = episode.rows(['joints'])['joints'][:-1, 0]
        answered = episode.rows(['twist'])['twist'][:-1, 0] * 1000.0
    assert len(seen) == 28
    np.testing.assert_allclose(answered[ticks_late:], seen[ticks_late:] - ticks_late, atol=1e-9)
    assert np.isnan(answered[:ticks_late]).all()


def test_nothing_from_the_future_enters_an_observation(tmp_path):
    late_ns = 1
    messages = [event('start', 0), grip(1, 0.0), twist(1, 0.0)]
    for tick in range(11):
        time_ns = tick * PERIOD_NS + (late_ns if tick % 2 else 0)
        messages += [joints(time_ns, float(tick)), pose(time_ns, 0.0)]
    messages.append(event('failure', 10 * PERIOD_NS))
    with Episode.open(record(tmp_path, messages)) as episode:
        seen = episode.rows(['joints'])['joints'][:, 0]
        # A message one nanosecond after its tick is seen at the next one.
        assert seen.tolist() == [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10]
        for key in ('joints', 'tool'):
            assert (episode.received_ns(key)[episode.index(key)] <= episode.ticks_ns).all()


def test_ticks_are_absolute_whenever_the_recording_starts(tmp_path):
    shift_ns = 123_456_789
    messages = motion(10, first_ns=shift_ns) + [
        event('start', shift_ns + MS), event('success', shift_ns + 9 * PERIOD_NS)]
    with Episode.open(record(tmp_path, messages)) as episode:
        assert (episode.ticks_ns % PERIOD_NS == 0).all()
        assert (np.diff(episode.ticks_ns) == contract().clock.period_ns).all()
        assert episode.ticks_ns[0] == 3 * PERIOD_NS
        assert episode.ticks_ns[-1] <= shift_ns + 9 * PERIOD_NS < episode.ticks_ns[-1] + PERIOD_NS
