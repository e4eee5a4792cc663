"""What the benchmarks of training and planning share: the machine, random data, timing."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import torch
from torch import Tensor

Work = Callable[[], object]
UNDISTURBED = 0.1  # quantile of times that other processes have hardly disturbed


@contextmanager
def machine(device: str, threads: int) -> Iterator[None]:
    """
    Compute with so many threads of the CPU (0: as it is), and restore them afterwards.

    Raises ConfigError where the device does not exist.
    """
    try:
        torch.zeros(1, device=torch.device(device))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device: found '{device}', which cannot be used here ({reason}); "
                          "use 'cpu'") from error
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def random_agent(
        config: TrainerConfig, shape: ObservationShape, action_size: int) -> Algorithm:
    """Return an algorithm with random weights on the device of its configuration."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        agent = ALGORITHMS[config.algorithm](config.learner, shape, action_size)
    return agent.to(config.device)


def random_batch(
        config: TrainerConfig, shape: ObservationShape, chunk_size: int) -> Transitions:
    """Return a batch of noise on the device of the configuration."""
    size, generator = config.batch_size, torch.Generator().manual_seed(config.seed)

    def observations() -> Observations:
        return Observations(torch.randn(size, shape.vector, generator=generator), tuple(
            torch.randint(256, (size, *image, 3), dtype=torch.uint8, generator=generator)
            for image in shape.images))

    return Transitions(
        observations(), torch.rand(size, chunk_size, generator=generator) * 2 - 1,
        -torch.rand(size, generator=generator), torch.ones(size), observations(),
        torch.ones(size),
    ).to(config.device)


def interleaved(
        works: tuple[Work, ...], rounds: int, limit_s: float, device: str,
        tell: Callable[[int, int], None] = lambda done, total: None) -> np.ndarray:
    """
    Time the works in turn, so that a disturbance hits all of them; return seconds (rounds, works).

    No round begins after `limit_s`. `tell` gets the rounds done and all of them.
    """
    times_s: list[list[float]] = []
    begin_s = perf_counter()
    while not times_s or len(times_s) < rounds and perf_counter() - begin_s < limit_s:
        times_s.append([_time_s(work, device) for work in works])
        tell(len(times_s), rounds)
    return np.array(times_s)


def _time_s(work: Work, device: str) -> float:
    synchronise(device)
    start_s = perf_counter()
    work()
    synchronise(device)
    return perf_counter() - start_s


def synchronise(device: str) -> None:
    """Wait for a GPU to finish what it was told."""
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)


def square_product(size: int, device: str, precision: str) -> tuple[Work, int]:
    """Return a product of two square matrices, to be called, and its operations."""
    dtype = torch.bfloat16 if precision == 'bfloat16' else torch.float32
    a, b = torch.randn(2, size, size, device=device).to(dtype)
    into = torch.empty_like(a)

    def multiply() -> Tensor:
        with torch.no_grad():
            return torch.mm(a, b, out=into)

    return multiply, 2 * size**3
