"""An update does the matrix products that the method needs, and no others."""

from itertools import pairwise

from learning_samples import config
from lps_ros.learning.benchmark import planning_time_ms
from lps_ros.learning.benchmark import training_speed
import pytest

_OBSERVATION, _ACTION = 7, 3


def test_an_update_makes_no_needless_pass():
    settings = config(decoder_widths=(16, 24), critic_widths=(12,), latent_actor_widths=(10,))
    size, lps = settings.batch_size, settings.lps
    chunk = lps.horizon * _ACTION

    def products(*widths):
        """Return the operations of one pass, and those of its first layer."""
        layers = [2 * size * a * b for a, b in pairwise(widths)]
        return sum(layers), layers[0]

    decoder, decoder_first = products(_OBSERVATION + chunk + 2, 16, 24, chunk)
    actor, actor_first = products(_OBSERVATION, 10, chunk)
    critic, critic_first = (lps.critics * each for each in products(_OBSERVATION + chunk, 12, 1))
    # Forward, weights, inputs; the data need no gradient, so the first layer's inputs do not.
    flow = 3 * decoder - decoder_first + lps.flow_ratio * decoder
    value = actor + decoder + critic + 3 * critic - critic_first
    latent = 3 * actor - actor_first + 2 * decoder + 2 * critic
    figures = training_speed(settings, _OBSERVATION, _ACTION, rounds=1)
    assert figures['gflop'] == pytest.approx((flow + value + latent) * 1e-9, rel=1e-9)
    assert figures['updates_per_s'] > 0


def test_planning_is_timed():
    figures = planning_time_ms(config(), 4, _OBSERVATION, _ACTION, rounds=5)
    assert 0 < figures['median_ms'] <= figures['p99_ms']
