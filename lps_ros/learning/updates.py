"""Updates of an algorithm as a run's settings want them done."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lps_ros.learning import distributed
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.precision import losses
from lps_ros.learning.trainer_config import TrainerConfig
import torch
from torch import Tensor

Update = Callable[[Transitions, Any], Metrics]
# Updates before the recording: libraries choose their kernels in the first, Adam makes its state.
_PLAIN_UPDATES = 3


def updates(agent: Algorithm, config: TrainerConfig) -> Update:
    """
    Return what does one update of `agent`, on its device, from a batch and its draws there.

    Where the settings want compiled losses, the first call raises ConfigError if this machine
    cannot compile.
    """
    update = partial(agent.update, losses=losses(agent, config))
    if config.compile:
        update = _explained(update)
    # Under torchrun the gradients are averaged within an update, by way of the CPU too.
    if config.cuda_graph and config.device.startswith('cuda') and not distributed.several():
        return GraphedUpdate(update, torch.device(config.device))
    return update


class GraphedUpdate:
    """
    An update on a GPU, recorded once as a CUDA graph and then replayed.

    A replay is one launch instead of hundreds, which take longer than small networks compute.
    Every call is to bring tensors of the same shapes; their values are copied to where the
    recording reads them.
    """

    def __init__(self, update: Update, device: torch.device) -> None:
        self._update = update
        self._device = device
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream(device)
        self._plain_updates = 0

    def __call__(self, batch: Transitions, draws: Any) -> Metrics:
        """Do one update and return the metrics before it."""
        with torch.cuda.device(self._device):
            if self._plain_updates < _PLAIN_UPDATES:
                self._plain_updates += 1
                return self._plain(batch, draws)
            if self._graph is None:
                self._record(batch, draws)
            else:
                torch._foreach_copy_(self._inputs, _tensors((batch, draws)))
            self._graph.replay()
            # The next replay overwrites what this one has left.
            return dict(zip(self._names, self._metrics.clone().unbind(), strict=True))

    def _plain(self, batch: Transitions, draws: Any) -> Metrics:
        # A recording must not be made on the default stream, and wants one that is warm.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            metrics = self._update(batch, draws)
        torch.cuda.current_stream().wait_stream(self._stream)
        return metrics

    def _record(self, batch: Transitions, draws: Any) -> None:
        """Record an update, without doing it, that reads the tensors of this one."""
        self._inputs = _tensors((batch, draws))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            metrics = self._update(batch, draws)
            self._names = tuple(metrics)
            self._metrics = torch.stack([value.float() for value in metrics.values()])
        self._graph = graph


def _tensors(nested: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, in their order."""
    if isinstance(nested, Tensor):
        return [nested]
    return [tensor for part in nested for tensor in _tensors(part)]


def _explained(update: Update) -> Update:
    # Imported here, as this takes seconds that most runs need not wait.
    from torch._dynamo.exc import TorchDynamoException

    def run(batch: Transitions, draws: Any) -> Metrics:
        try:
            return update(batch, draws)
        # Of the forward pass as well as of the backward pass.
        except TorchDynamoException as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f'compile: found True, which cannot be done here ({reason}); set '
                              'it to False, or install what it asks for') from error

    return run
