"""Training and planning on a GPU; where there is none these tests are skipped, and say so."""

from lps_ros.learning.benchmark_training import training_speed
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import pytest
from shared_training import RUNS
from shared_training import train
import torch

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU that PyTorch can use')
ALL = [name for name in RUNS if name not in ('resumed', 'begun')]
STEPS = 12  # the recording is made in the fourth update


def weights(result):
    """Return the weights of a run's bundle on the CPU."""
    agent = load_bundle(result.bundle).policy.agent
    return {name: value.cpu() for name, value in agent.state_dict().items()}


def on_gpu(folder, name, **changes):
    """Do one of the runs on the GPU, its learning rate rising and falling."""
    return train(folder, name, device='cuda', steps=STEPS, until=STEPS, warm_up=0.3, **changes)


@pytest.mark.parametrize('name', ALL)
def test_a_replayed_update_is_the_update(tmp_path, name):
    graphed, plain = (on_gpu(tmp_path / str(graph), name, cuda_graph=graph)
                      for graph in (True, False))
    exact = weights(plain)
    for key, value in weights(graphed).items():
        torch.testing.assert_close(value, exact[key], rtol=1e-4, atol=1e-6, msg=key)
    assert graphed.metrics == pytest.approx(plain.metrics, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize('name', ('lps', 'camera'))
def test_a_gpu_learns_what_a_cpu_learns(tmp_path, name):
    gpu = on_gpu(tmp_path / 'gpu', name)
    cpu = train(tmp_path / 'cpu', name, steps=STEPS, until=STEPS, warm_up=0.3)
    assert gpu.metrics == pytest.approx(cpu.metrics, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize('name', ('lps', 'camera'))
def test_bfloat16_and_compiled(tmp_path, name):
    exact = on_gpu(tmp_path / 'exact', name)
    lower = on_gpu(tmp_path / 'lower', name, precision='bfloat16', compile=True)
    assert lower.metrics['decoder/flow_loss'] == pytest.approx(
        exact.metrics['decoder/flow_loss'], rel=0.03)


def test_a_resumed_run_goes_on_where_it_was(tmp_path):
    whole = on_gpu(tmp_path / 'whole', 'lps', checkpoint_every=6)
    train(tmp_path / 'parts', 'lps', device='cuda', steps=STEPS, until=6, warm_up=0.3)
    parts = train(tmp_path / 'parts', 'lps', resume=True, device='cuda', steps=STEPS,
                  until=STEPS, warm_up=0.3)
    exact = weights(whole)
    for key, value in weights(parts).items():
        torch.testing.assert_close(value, exact[key], rtol=1e-4, atol=1e-6, msg=key)


def test_a_bundle_plans_on_a_gpu_as_on_a_cpu(tmp_path):
    bundle = on_gpu(tmp_path, 'lps').bundle
    chunks = []
    for device in ('cpu', 'cuda'):
        policy = load_bundle(bundle, device).policy
        rng = torch.Generator().manual_seed(0)
        chunks.append(policy.plan(
            np.zeros(policy.observation_size, np.float32), mode='prior', candidates=4,
            rng=rng).actions)
    assert chunks[1] == pytest.approx(chunks[0], abs=1e-4)


def test_the_benchmark_says_how_updates_were_done():
    shape = ObservationShape(vector=6)
    for graph in (True, False):
        config = TrainerConfig.from_mapping({'device': 'cuda', 'cuda_graph': graph})
        speed = training_speed(config, shape, 2, rounds=3, peak_size=256)
        assert speed['cuda_graph'] is graph and speed['updates_per_s'] > 0
        assert np.isfinite([v for v in speed.values() if isinstance(v, float)]).all()
