"""Updates, reports and checkpoints of one training run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

from lps_ros.learning import checkpoint
from lps_ros.learning import distributed
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.batches import Batches
from lps_ros.learning.batches import chosen
from lps_ros.learning.batches import moved
from lps_ros.learning.errors import TrainingError
from lps_ros.learning.meter import Meter
from lps_ros.learning.meter import not_finite
from lps_ros.learning.schedule import learning_rate
from lps_ros.learning.trainer_config import STEERING
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.updates import updates
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

# Settings that a resumed run may change: they do not decide what the weights become.
_FREE = ('log_every', 'checkpoint_every', 'device', 'threads', 'cuda_graph', *STEERING)


class TrainingLoop:
    """
    The state of a run and its loop; `identity` tells one run from another.

    Raises ConfigError where the processes of the run cannot share its batches equally.
    """

    def __init__(
            self, agent: Algorithm, batches: Batches, config: TrainerConfig, run_dir: Path,
            identity: dict[str, Any]) -> None:
        self.agent = agent
        self.step = 0
        self.trained_s = 0.0
        self.means: dict[str, float] = {}
        self._config = config
        self._path = run_dir / checkpoint.NAME
        self._tensorboard = run_dir / 'tensorboard'
        settings = {name: value for name, value in config.flat().items() if name not in _FREE}
        self._identity = identity | settings
        self._batches = batches
        self._updates = updates(agent, config)
        self._generator = torch.Generator().manual_seed(config.seed)
        self._rows = distributed.own_rows(config.batch_size, agent.kinds)

    def restore(self) -> None:
        """Go back to the checkpoint; raises TrainingError where it is of another run."""
        progress = checkpoint.read_progress(self._path)
        for name, value in self._identity.items():
            if progress.run.get(name) != value:
                raise TrainingError(
                    f'{self._path}: was made with {name} {progress.run.get(name)!r}, found '
                    f'{value!r}; resume with the same, or choose another run folder')
        checkpoint.load_checkpoint(self._path, self.agent, self._generator)
        self._batches.sampler.state = progress.sampler
        self.step, self.trained_s = progress.step, progress.trained_s

    def run(self, tell: Callable[[dict[str, Any]], None], stop: Event) -> None:
        """Train to the last step or until `stop` is set, then write a checkpoint."""
        config = self._config
        distributed.check_same(self._identity | {'step': self.step})
        meter = Meter()
        with self._writer() as writer:
            while self.step < config.steps and not distributed.any_of(stop.is_set()):
                meter.add(self._fitting_update())
                self.step += 1
                saves = self.step % config.checkpoint_every == 0
                if saves or self.step % config.log_every == 0 or self.step == config.steps:
                    self._report(meter, writer, tell)
                if saves:
                    self._save()
            if meter.count:
                self._report(meter, writer, tell)
        self._save()

    def _fitting_update(self) -> dict[str, Tensor]:
        """Do an update; raises TrainingError where memory is too small for one."""
        try:
            return self._update()
        except torch.OutOfMemoryError as error:
            config = self._config
            raise TrainingError(
                f'batch_size: found {config.batch_size}, for which {config.device} has too little '
                'memory; take a smaller batch or encoder, or bfloat16') from error

    def _update(self) -> dict[str, Tensor]:
        config = self._config
        self.agent.set_learning_rate(self._lr())
        batch = self._batches.draw(self._generator, self._rows)
        draws = self.agent.draw(config.batch_size, self._generator)
        device = torch.device(config.device)
        draws = type(draws)(*(moved(chosen(each, self._rows), device) for each in draws))
        return self._updates(batch, draws)

    def _lr(self) -> float:
        config = self._config
        return learning_rate(
            self.step, config.steps, peak=config.learner.lr, schedule=config.lr_schedule,
            warm_up=config.warm_up, final=config.final_lr)

    def _writer(self) -> AbstractContextManager[SummaryWriter | None]:
        if not distributed.is_first():
            return nullcontext()
        return SummaryWriter(self._tensorboard, purge_step=self.step)

    def _report(
            self, meter: Meter, writer: SummaryWriter | None,
            tell: Callable[[dict[str, Any]], None]) -> None:
        means, rate, elapsed_s = meter.read()
        self.means = distributed.mean_metrics(means)
        self.trained_s += elapsed_s
        with distributed.together():
            self._check(not_finite(self.means))
            if writer is not None:
                self._show(rate, writer, tell)

    def _show(
            self, rate: float, writer: SummaryWriter,
            tell: Callable[[dict[str, Any]], None]) -> None:
        for name, value in self.means.items():
            writer.add_scalar(name, value, self.step)
        writer.add_scalar('training/updates_per_s', rate, self.step)
        writer.add_scalar('training/lr', self._lr(), self.step)
        tell({'phase': 'training', 'step': self.step, 'steps': self._config.steps,
              'updates_per_s': rate, 'remaining_s': (self._config.steps - self.step) / rate,
              'lr': self._lr(), 'metrics': self.means})

    def _save(self) -> None:
        with distributed.together():
            finite = all(value.isfinite().all() for value in self.agent.state_dict().values())
            self._check(None if finite else 'a weight is not finite')
            if distributed.is_first():
                checkpoint.save_checkpoint(
                    self._path, self.agent, self._generator, checkpoint.Progress(
                        step=self.step, trained_s=self.trained_s, run=self._identity,
                        sampler=self._batches.sampler.state))

    def _check(self, fault: str | None) -> None:
        if fault:
            kept = f'{self._path} is still good' if self._path.exists() else 'nothing was saved'
            raise TrainingError(f'training diverged by update {self.step}: {fault}; {kept}; lower '
                                'the learning rate or look for outliers in the data')
