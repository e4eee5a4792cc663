"""Speed of training, beside the time of its bare products and the machine's peak."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.benchmark import interleaved
from lps_ros.learning.benchmark import machine
from lps_ros.learning.benchmark import random_agent
from lps_ros.learning.benchmark import random_batch
from lps_ros.learning.benchmark import square_product
from lps_ros.learning.benchmark import UNDISTURBED
from lps_ros.learning.benchmark_memory import PeakMemory
from lps_ros.learning.benchmark_products import Products
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.updates import GraphedUpdate
from lps_ros.learning.updates import Update
from lps_ros.learning.updates import updates
import numpy as np
import torch
from torch.profiler import profile
from torch.profiler import ProfilerActivity

PEAK_SIZE = 2048  # rows and columns of the product that shows the machine's peak
_WARM_UP = 5  # updates before anything is measured
_PROFILED = 10  # updates


def training_speed(
        config: TrainerConfig, shape: ObservationShape, action_size: int, *,
        rounds: int = 20, limit_s: float = inf, peak_size: int = PEAK_SIZE, profiled: int = 0,
        tell: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """
    Measure updates on noise; return figures ready for JSON.

    `products_...`: were an update its products only; `peak_...`: a square product of peak_size.
    The three are timed in turn, in `rounds` or as many as begin within limit_s, and the 10th
    percentile of each counts. FLOP are those of the products executed; a compiled update counts
    as it was written. profiled: how many operations to list with their share of the time.
    """
    with machine(config.device, config.threads):
        memory = PeakMemory(config.device)
        agent = random_agent(config, shape, action_size)
        batch = random_batch(config, shape, agent.chunk_size)
        generator = torch.Generator().manual_seed(config.seed)
        fast = updates(agent, config)
        plain = updates(agent, replace(config, compile=False, cuda_graph=False))

        def update(how: Update = fast) -> Metrics:
            draws = agent.draw(config.batch_size, generator)
            return how(batch, type(draws)(*(each.to(config.device) for each in draws)))

        for _ in range(_WARM_UP):
            update()
        peak_mib = memory.peak_mib()
        with Products() as products:
            update(plain)
        multiply, square_flop = square_product(
            peak_size, config.device, config.precision)
        times_s = interleaved(
            (update, products.repeat, multiply), rounds, limit_s, config.device, tell)
        operations = _profile(update, profiled) if profiled else []
        threads = torch.get_num_threads()
    update_s, products_s, square_s = np.quantile(times_s, UNDISTURBED, axis=0).tolist()
    flop = products.flop
    return {
        'algorithm': config.algorithm, 'device': config.device, 'threads': threads,
        'precision': config.precision, 'compiled': config.compile,
        'cuda_graph': isinstance(fast, GraphedUpdate),
        'batch_size': config.batch_size, 'rounds': len(times_s),
        'parameters': sum(p.numel() for p in agent.parameters() if p.requires_grad),
        'updates_per_s': 1 / update_s, 'products_updates_per_s': 1 / products_s,
        'gflop_per_update': flop * 1e-9, 'products_per_update': products.count,
        'gflop_per_s': flop * 1e-9 / update_s,
        'products_gflop_per_s': flop * 1e-9 / products_s,
        'peak_gflop_per_s': square_flop * 1e-9 / square_s,
        'share_of_products': products_s / update_s,
        'share_of_peak': (flop / update_s) / (square_flop / square_s),
        'peak_memory_mib': peak_mib,
        **({'profile': operations} if profiled else {})}


def _profile(update: Callable[[], Metrics], most: int) -> list[dict[str, Any]]:
    """Return the operations that take the most time themselves, with their share of all."""
    cuda = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    with profile(activities=activities) as profiler:
        for _ in range(_PROFILED):
            update()
    events = [(event.key, event.self_device_time_total if cuda else event.self_cpu_time_total,
               event.count) for event in profiler.key_averages()]
    total = sum(time for _, time, _ in events)
    events.sort(key=lambda event: -event[1])
    return [{'operation': name, 'share': time / total, 'calls_per_update': count / _PROFILED}
            for name, time, count in events[:most]]
