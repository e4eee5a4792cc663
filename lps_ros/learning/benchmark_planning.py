"""Time from one observation to one chunk, beside that of the bare products of the same weights."""

from collections.abc import Callable
from math import inf
from typing import Any

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.benchmark import interleaved
from lps_ros.learning.benchmark import machine
from lps_ros.learning.benchmark import random_agent
from lps_ros.learning.benchmark import UNDISTURBED
from lps_ros.learning.benchmark_products import Products
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.policy import Mode
from lps_ros.learning.policy import Plan
from lps_ros.learning.policy import Policy
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import torch

_WARM_UP = 10  # plans before anything is measured


def random_policy(
        config: TrainerConfig, shape: ObservationShape, action_size: int) -> Policy:
    """Return a policy with random weights that does not normalise."""
    size = shape.vector
    return Policy(random_agent(config, shape, action_size), Normaliser(
        mean=np.zeros(size, np.float32), std=np.ones(size, np.float32)))


def planning_time(
        policy: Policy, *, mode: Mode, candidates: int, device: str = 'cpu', threads: int = 1,
        rounds: int = 300, limit_s: float = inf,
        tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """
    Time plans of a policy on this device; return figures ready for JSON.

    `products_...`: the products that the plan executes, bare. Both are timed in turn; their ratio
    is that of the 10th percentiles, as other processes disturb the longer one more often.
    """
    observation = np.zeros(policy.observation_size, np.float32)
    images = [np.zeros((*size, 3), np.uint8) for size in policy.agent.shape.images]
    rng = torch.Generator().manual_seed(0)

    def plan() -> Plan:
        return policy.plan(observation, images, mode=mode, candidates=candidates, rng=rng)

    with machine(device, threads), torch.inference_mode():
        for _ in range(_WARM_UP):
            plan()
        with Products() as products:
            plan()
        times_ms = 1e3 * interleaved((plan, products.repeat), rounds, limit_s, device, tell)
        threads = torch.get_num_threads()
    medians_ms, best_ms = np.quantile(times_ms, (0.5, UNDISTURBED), axis=0).tolist()
    return {
        'algorithm': policy.agent.name, 'device': device, 'threads': threads,
        'mode': mode, 'candidates': candidates, 'rounds': len(times_ms),
        'median_ms': medians_ms[0], 'p99_ms': float(np.quantile(times_ms[:, 0], 0.99)),
        'p10_ms': best_ms[0], 'products_median_ms': medians_ms[1], 'products_p10_ms': best_ms[1],
        'ratio_to_products': best_ms[0] / best_ms[1],
        'mflop': products.flop * 1e-6, 'products': products.count}
