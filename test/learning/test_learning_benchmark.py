"""Benchmarks count what is executed, and their figures agree with each other."""

from functools import partial
from itertools import pairwise

from learning_samples import config
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.benchmark import machine
from lps_ros.learning.benchmark_memory import PeakMemory
from lps_ros.learning.benchmark_planning import planning_time
from lps_ros.learning.benchmark_planning import random_policy
from lps_ros.learning.benchmark_products import Products
from lps_ros.learning.benchmark_training import training_speed
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

_OBSERVATION, _ACTION = 7, 3
_SHAPE = ObservationShape(vector=_OBSERVATION)


def speed(settings, **options):
    return training_speed(settings, _SHAPE, _ACTION, **{'rounds': 5, 'peak_size': 64} | options)


def test_an_update_makes_no_needless_pass():
    settings = config(decoder_widths=(16, 24), critic_widths=(12,), latent_actor_widths=(10,))
    size, lps = settings.batch_size, settings.learner
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
    assert speed(settings)['gflop_per_update'] == pytest.approx(
        (flow + value + latent) * 1e-9, rel=1e-9)
    cloning = TrainerConfig.from_mapping({
        'algorithm': 'meanflow_bc', 'decoder_widths': (16, 24), 'batch_size': size})
    assert speed(cloning)['gflop_per_update'] == pytest.approx(flow * 1e-9, rel=1e-9)


@pytest.mark.parametrize('algorithm, precision', [
    *((name, 'float32') for name in ALGORITHMS), ('lps', 'bfloat16')])
def test_figures_of_training_agree(algorithm, precision):
    settings = TrainerConfig.from_mapping({
        'algorithm': algorithm, 'precision': precision, 'decoder_widths': (32, 32),
        'batch_size': 32})
    figures = speed(settings)
    assert (figures['algorithm'], figures['precision']) == (algorithm, precision)
    assert figures['threads'] == settings.threads
    assert figures['gflop_per_s'] == pytest.approx(
        figures['gflop_per_update'] * figures['updates_per_s'])
    assert figures['share_of_products'] == pytest.approx(
        figures['updates_per_s'] / figures['products_updates_per_s'])
    assert figures['share_of_products'] == pytest.approx(
        figures['gflop_per_s'] / figures['products_gflop_per_s'])
    assert figures['share_of_peak'] == pytest.approx(
        figures['gflop_per_s'] / figures['peak_gflop_per_s'])
    # Update and products are not the same moment of a busy machine.
    assert 0 < figures['share_of_products'] < 2
    assert figures['parameters'] > 0 and figures['products_per_update'] > 5
    # A process with torch in it, not a machine's whole memory.
    assert 50 < figures['peak_memory_mib'] < 10_000


def test_a_profile_names_the_operations_that_take_the_time():
    figures = speed(config(), profiled=3)
    assert len(figures['profile']) == 3
    assert 0 < sum(line['share'] for line in figures['profile']) <= 1


def test_batch_and_width_count_as_they_should():
    figures = [speed(config(batch_size=size))['gflop_per_update'] for size in (32, 64)]
    assert figures[1] == pytest.approx(2 * figures[0])


def test_convolution_and_attention_are_counted():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3, requires_grad=True)
    with Products() as forward:
        y = conv2d(x, weight, padding=1)
    assert forward.flop == 2 * 2 * 8 * 8 * 5 * 3 * 9
    with Products() as backward:
        y.sum().backward()
    assert backward.flop == forward.flop
    q = torch.randn(2, 4, 6, 8, requires_grad=True)
    with Products() as attention:
        z = scaled_dot_product_attention(q, q, q)
    assert attention.flop == 2 * 2 * (2 * 4 * 6 * 6 * 8)
    with Products() as attention_backward:
        z.sum().backward()
    assert attention_backward.flop >= 2 * attention.flop
    for products in (forward, backward, attention, attention_backward):
        assert products.count
        products.repeat()


def test_large_operands_are_not_kept(monkeypatch):
    monkeypatch.setattr('lps_ros.learning.benchmark_products._LARGE', 1000)
    a, b = torch.randn(2, 32, 32)
    with Products() as products:
        torch.mm(a, b)
        torch.mm(b, a)
    kept = {part.data_ptr() for call in products._calls for part in call.args}
    assert len(kept) == 1 and kept.isdisjoint({a.data_ptr(), b.data_ptr()})
    products.repeat()


def test_peak_memory_sees_what_was_freed_since():
    memory = PeakMemory('cpu')
    before = memory.peak_mib()
    torch.ones(2**24)  # 64 MiB
    assert 50 < memory.peak_mib() - before < 200


@pytest.mark.parametrize('candidates', [1, 8])
def test_planning_executes_the_products_of_its_networks(candidates):
    settings = config(decoder_widths=(16, 24), critic_widths=(12,), latent_actor_widths=(10,))
    lps = settings.learner
    chunk = lps.horizon * _ACTION

    def products(*widths):
        return sum(2 * a * b for a, b in pairwise(widths))

    rows = products(chunk, 16, 24, chunk) + lps.critics * products(chunk, 12, 1)
    # What the observation alone decides is computed once for all candidates.
    once = products(_OBSERVATION, 10 + 16 + 12 * lps.critics) + products(10, chunk)
    policy = random_policy(settings, _SHAPE, _ACTION)
    figures = planning_time(policy, mode='steered', candidates=candidates, rounds=5)
    assert figures['mflop'] == pytest.approx(
        1e-6 * (candidates * rows + once))
    assert 0 < figures['p10_ms'] <= figures['median_ms'] <= figures['p99_ms']
    assert figures['ratio_to_products'] == pytest.approx(
        figures['p10_ms'] / figures['products_p10_ms'])


@pytest.mark.parametrize('networks', [
    {'encoder': 'impala_debug'}, {'decoder': 'dit_nano'}, {'encoder': 'impala_debug',
                                                          'decoder': 'dit_nano'}])
def test_planning_counts_convolutions_and_attention_as_torch_does(networks):
    shape = ObservationShape(vector=_OBSERVATION, images=((16, 20),) * ('encoder' in networks))
    policy = random_policy(config(**networks), shape, _ACTION)
    seen = (np.zeros(_OBSERVATION, np.float32),
            [np.zeros((16, 20, 3), np.uint8)] * ('encoder' in networks))
    plan = partial(
        policy.plan, *seen, mode='prior', candidates=2, rng=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as torch_count:
        plan()
    with Products() as ours:
        plan()
    assert ours.flop == pytest.approx(torch_count.get_total_flops(), rel=0.05)
    with torch.inference_mode():
        ours.repeat()


def test_threads_are_restored():
    before = torch.get_num_threads()
    with machine('cpu', before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize('device', ['cuda:99', 'gpu'])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ConfigError, match='cannot be used here'), machine(device, 1):
        pass
