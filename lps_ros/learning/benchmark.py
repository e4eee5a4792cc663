"""Speed of training and planning, beside the time of the bare matrix products."""

from collections.abc import Callable
import sys
from time import perf_counter
from typing import Any

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.lps import LPS
from lps_ros.learning.lps import Transitions
from lps_ros.learning.meanflow import draw_flow
from lps_ros.learning.policy import Policy
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_PRODUCTS = ('mm', 'addmm', 'bmm', 'baddbmm')


class _Products(TorchDispatchMode):
    """Collects the operands of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.operands: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Keep the last two operands: in a sum with a product they are the factors."""
        if func.overloadpacket.__name__ in _PRODUCTS:
            self.operands.append(tuple(each.detach() for each in args[-2:]))
        return func(*args, **(kwargs or {}))


def training_speed(
        config: TrainerConfig, observation_size: int = 35, action_size: int = 5,
        rounds: int = 20) -> dict[str, float]:
    """
    Return updates/s, and those if an update were its matrix products only.

    Both are timed in turn, and of both the 10th percentile counts, as other processes disturb.
    """
    agent = LPS(config.lps, observation_size, action_size).to(config.device)
    size, draws = config.batch_size, torch.Generator().manual_seed(0)
    observations, next_observations = torch.randn(2, size, observation_size)
    batch = Transitions(
        observations, torch.rand(size, agent.chunk_size) * 2 - 1, -torch.rand(size),
        torch.ones(size), next_observations)

    def update() -> None:
        agent.update(batch, draw_flow(size, agent.chunk_size, config.lps.flow_ratio, draws))

    with _Products() as products:
        update()
    out = [torch.matmul(*pair) for pair in products.operands]

    def multiply() -> None:
        for (a, b), into in zip(products.operands, out):
            torch.matmul(a, b, out=into)

    times_s = np.array([[_time_s(update), _time_s(multiply)] for _ in range(rounds)])
    update_s, product_s = np.quantile(times_s, 0.1, axis=0).tolist()
    operations = sum(2 * a.numel() * b.shape[-1] for a, b in products.operands)
    return {'updates_per_s': 1 / update_s, 'ceiling_per_s': 1 / product_s,
            'share_of_ceiling': product_s / update_s, 'gflop': operations * 1e-9}


def planning_time_ms(
        config: TrainerConfig, candidates: int, observation_size: int = 35, action_size: int = 5,
        rounds: int = 200) -> dict[str, float]:
    """Return the median and the 99th percentile of the time of one plan."""
    agent = LPS(config.lps, observation_size, action_size).to(config.device)
    policy = Policy(agent, Normaliser(mean=np.zeros(observation_size, np.float32),
                                      std=np.ones(observation_size, np.float32)))
    observation, rng = np.ones(observation_size, np.float32), torch.Generator()

    def plan() -> None:
        policy.plan(observation, mode='steered', candidates=candidates, rng=rng)

    times_ms = np.array([_time_s(plan) for _ in range(rounds + 10)][10:]) * 1e3
    return {'median_ms': float(np.median(times_ms)), 'p99_ms': float(np.quantile(times_ms, 0.99))}


def _time_s(work: Callable[[], None]) -> float:
    start_s = perf_counter()
    work()
    return perf_counter() - start_s


if __name__ == '__main__':
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for settings in ({}, {'preset': 'published'}):
        chosen = TrainerConfig.from_mapping(settings)
        print(settings, training_speed(chosen), planning_time_ms(chosen, 1),
              planning_time_ms(chosen, 32))
