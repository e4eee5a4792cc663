"""
Training by several processes that torchrun started: they reach the weights of one.

Every process draws the random numbers of the whole batch and keeps the rows that are its own, as
many of each kind as any other process. So the mean over processes of a mean over rows is the mean
over the batch: of gradients, of metrics, and of statistics of the batch within a loss. One that
fails ends all, and only the first process writes.

Without torchrun nothing is started, and every function returns what it was given.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from itertools import count
import os
from typing import Any
from typing import TypeVar

from lps_ros.learning.errors import ConfigError
from lps_ros.learning.errors import TrainingError
import torch
from torch import distributed
from torch import Tensor

T = TypeVar('T')
# The others wait while the first builds a cache; torchrun ends them should it die.
_PATIENCE = timedelta(days=7)


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started, gloo for the CPU and NCCL for GPUs."""
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield
        return
    # Its functions take the process group of their import as a default: imported later, as an
    # optimiser does, they keep it and its threads until the interpreter ends, which may abort.
    import_module('torch.distributed.nn.functional')
    backend = 'cpu:gloo,cuda:nccl' if torch.cuda.is_available() else 'gloo'
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def several() -> bool:
    """Return whether this process has joined others."""
    return distributed.is_available() and distributed.is_initialized()


def is_first() -> bool:
    """Return whether this process is the one that writes and reports."""
    return not several() or distributed.get_rank() == 0


def claim(device: torch.device) -> None:
    """Let 'cuda' mean the GPU of this process; raises ConfigError for one with a number."""
    if device.type != 'cuda' or not several():
        return
    if device.index is not None:
        raise ConfigError(f"device: found '{device}', expected 'cuda' under torchrun, which gives "
                          'each process a GPU of its own')
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))


@contextmanager
def together() -> Iterator[None]:
    """
    Let what is done within succeed in all processes or end them all.

    The first of those that failed raises its error, the others end without a word. Nothing that
    waits for other processes may be done within.
    """
    error = None
    try:
        yield
    except Exception as caught:
        error = caught
    failed = gathered(error is not None)
    if True not in failed:
        return
    if failed.index(True) == (distributed.get_rank() if several() else 0):
        raise error
    raise SystemExit(1)


def first_alone(work: Callable[[], T]) -> T:
    """Let the first process work, then the others, who find done what can be shared."""
    with together():
        made = work() if is_first() else None
    with together():
        return made if is_first() else work()


def check_same(values: dict[str, Any]) -> None:
    """Raise TrainingError where processes differ in a value, which is to be simple."""
    everyone = gathered(values)
    with together():
        for name, value in values.items():
            found = [other[name] for other in everyone]
            if any(other != value for other in found):
                raise TrainingError(f'{name}: found {found} in the processes of this training, '
                                    'expected the same; give all the same files and command')


def own_rows(batch_size: int, kinds: Callable[[int], Sequence[int]]) -> Tensor | None:
    """
    Return the rows of a batch that are this process's own, int64; None for all of them.

    kinds: returns, for a size of a batch, how many rows there are of each kind, in their order.
    Raises ConfigError where processes would get different numbers of a kind.
    """
    if not several():
        return None
    processes, rank = distributed.get_world_size(), distributed.get_rank()

    def fits(size: int) -> bool:
        return size % processes == 0 and (
            [processes * rows for rows in kinds(size // processes)] == list(kinds(size)))
    if not fits(batch_size):
        larger = next(size for size in count(batch_size) if fits(size))
        raise ConfigError(f'batch_size: found {batch_size}, which {processes} processes cannot '
                          f'share equally, rows of each kind; take {larger}')
    rows, start = [], 0
    for number in kinds(batch_size):
        share = number // processes
        rows.append(torch.arange(share) + start + rank * share)
        start += number
    return torch.cat(rows)


def mean(value: Tensor) -> Tensor:
    """Return the mean over processes of a value without a graph."""
    if not several():
        return value
    total = value.clone()
    _reduce(total, distributed.ReduceOp.SUM)
    return total / distributed.get_world_size()


def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace each gradient by its mean over processes, all of them in one message."""
    if not several():
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    flat = mean(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def mean_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Return the mean over processes of each metric, of a maximum too."""
    if not several():
        return metrics
    values = mean(torch.tensor(list(metrics.values()), dtype=torch.float64))
    return dict(zip(metrics, values.tolist(), strict=True))


def any_of(asked: bool) -> bool:
    """Return whether this is so in any of the processes."""
    if not several():
        return asked
    flag = torch.tensor(int(asked))
    _reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag)


def gathered(value: T) -> list[T]:
    """Return the value of each process, in their order."""
    if not several():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    with _company():
        distributed.all_gather_object(values, value)
    return values


def _reduce(values: Tensor, operation: Any) -> None:
    with _company():
        distributed.all_reduce(values, operation)


@contextmanager
def _company() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TrainingError('another process of this training has ended; see what it printed, '
                            'and go on from the last checkpoint with --resume') from error
