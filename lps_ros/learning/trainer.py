"""Training from a dataset to a policy bundle: one engine for the command and the node."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.files import disk_errors
from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning import checkpoint
from lps_ros.learning import distributed
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.batches import Batches
from lps_ros.learning.bundle import check_bundle_target
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.errors import TrainingError
from lps_ros.learning.familiarity import Familiarity
from lps_ros.learning.policy import Policy
from lps_ros.learning.shapes import observation_shape
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.training_data import TrainingData
from lps_ros.learning.training_loop import TrainingLoop
from lps_ros.learning.training_metadata import planning_statistics
from lps_ros.learning.training_metadata import training_metadata
import torch


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a run ended; `bundle` is None where it was stopped before its last step."""

    step: int
    metrics: dict[str, float]  # means over the last report
    trained_s: float
    bundle: Path | None


class Trainer:
    """
    Trains a policy on a dataset; leaves checkpoint, TensorBoard log and policy bundle.

    `run_dir` holds checkpoint.safetensors and tensorboard/; the bundle goes to `bundle`, by
    default run_dir/bundle. Raises TrainingError where run_dir holds a checkpoint and `resume` is
    off, or none and it is on; BundleError or StorageError where the bundle could not be written.
    """

    def __init__(
            self, config: TrainerConfig, dataset: str | Path, contract: Contract,
            run_dir: str | Path, *, bundle: str | Path | None = None, resume: bool = False,
            command: str = '') -> None:
        self.config = config
        self.contract = _observed(contract, config)
        self.run_dir = Path(run_dir)
        self.bundle = Path(bundle) if bundle else self.run_dir / 'bundle'
        self._dataset = Path(dataset)
        self._command = command
        self._resume = resume
        saved = self.run_dir / checkpoint.NAME
        if saved.exists() and not resume:
            raise TrainingError(f'{saved}: found the checkpoint of an earlier run; resume it or '
                                'choose another run folder')
        if resume and not saved.exists():
            raise TrainingError(f'{saved}: found no checkpoint to resume; start anew')
        check_bundle_target(self.bundle)

    def run(
            self, callback: Callable[[dict[str, Any]], None] | None = None,
            stop_event: Event | None = None) -> TrainingResult:
        """
        Train to the last step, or until `stop_event` is set; either leaves a checkpoint.

        `callback` gets 'phase' ('cache' or 'training'), 'step' and 'steps' and, while training,
        'updates_per_s', 'remaining_s', 'lr' and 'metrics'; before the first update 'notes', lines
        on what to know of the data, where there are any. On the same machine a resumed run
        ends with the weights of an uninterrupted one, to the bit. Raises TrainingError when a
        metric is no longer finite (the last good checkpoint stays), DataError on bad data.
        """
        tell = callback or (lambda progress: None)
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        with distributed.together():
            device = _device(self.config.device)
        data = distributed.first_alone(lambda: TrainingData.open(
            self._dataset, self.contract, self.config,
            lambda done, total: tell({'phase': 'cache', 'step': done, 'steps': total})))
        with distributed.together():
            loop, scaling = self._loop(data, device)
            notes = self._notes(data, scaling[1])
        if notes:
            tell({'phase': 'training', 'step': loop.step, 'steps': self.config.steps,
                  'notes': notes})
        loop.run(tell, stop_event or Event())
        with distributed.together():
            finished = loop.step == self.config.steps
            if finished and distributed.is_first():
                self._save_bundle(loop, data, *scaling)
        return TrainingResult(
            step=loop.step, metrics=loop.means, trained_s=loop.trained_s,
            bundle=self.bundle if finished else None)

    def _loop(
            self, data: TrainingData, device: torch.device,
    ) -> tuple[TrainingLoop, tuple[Normaliser, RelativeActions | None]]:
        """Return the loop, at its beginning or as the checkpoint has it, and its scaling."""
        agent, normaliser, relative = self._start(data)
        data.sampler.chunks.relative = relative
        identity = {'fingerprint': data.description['fingerprint'],
                    'data_hash': self.contract.data_hash}
        with disk_errors(self.run_dir):
            self.run_dir.mkdir(parents=True, exist_ok=True)
        loop = TrainingLoop(
            agent.to(device), Batches(data.sampler, normaliser, self.config), self.config,
            self.run_dir, identity)
        if self._resume:
            loop.restore()
        return loop, (normaliser, relative)

    def _start(
            self, data: TrainingData) -> tuple[Algorithm, Normaliser, RelativeActions | None]:
        """Return an agent with random weights, or those of the bundle to start from."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            agent = ALGORITHMS[self.config.algorithm](
                self.config.learner, observation_shape(self.contract), data.action_size)
        start = self.config.start_from
        if not start:
            return agent, data.normaliser, data.relative
        bundle = load_bundle(start)
        if bundle.contract.data_hash != self.contract.data_hash:
            raise TrainingError(f'{start}: was trained for data contract '
                                f'{bundle.contract.data_hash}, found {self.contract.data_hash}; '
                                'train on recordings of the same contract')
        weights = bundle.policy.agent.state_dict()
        for name, value in agent.state_dict().items():
            if name not in weights or weights[name].shape != value.shape:
                raise TrainingError(f'{start}: its networks differ in {name}; train with the '
                                    'same algorithm, horizon, widths and encoder')
        agent.load_state_dict(weights)
        # The weights were made for the scale that the first training saw.
        return agent, bundle.policy.normaliser, bundle.policy.relative

    def _notes(self, data: TrainingData, relative: RelativeActions | None) -> list[str]:
        """Return what to know of fine-tuning: which values lie beyond the range learnt before."""
        start = self.config.start_from
        clipped = data.clipped(relative) if start else {}
        if not clipped:
            return []
        shares = ', '.join(f'{100 * share:.3g} % of {name}' for name, share in clipped.items())
        return [f'{start}: {shares} lie farther from the observed joints than what it was trained '
                'on, and are clipped; where that is much, train without start_from']

    def _save_bundle(
            self, loop: TrainingLoop, data: TrainingData, normaliser: Normaliser,
            relative: RelativeActions | None) -> None:
        metadata = training_metadata(
            self.config, data, command=self._command, trained_s=loop.trained_s,
            metrics=loop.means)
        policy = Policy(loop.agent, normaliser, Familiarity.from_statistics(
            data.statistics, normaliser.std), relative)
        metadata['planning_statistics'] = planning_statistics(
            policy, data.sampler, metadata['steering'])
        save_bundle(self.bundle, agent=loop.agent, contract=self.contract,
                    normaliser=normaliser, relative=relative, metadata=metadata)


def _observed(contract: Contract, config: TrainerConfig) -> Contract:
    """Return the contract with only the observations to train on."""
    keys = config.observations or ObservationEncoder(contract).keys
    if not keys:
        raise ConfigError('observations: found none, expected some, as this contract has only '
                          'images; name those to learn from')
    return contract.subset(keys)


def _device(name: str) -> torch.device:
    """Return the device of a name; raises ConfigError where this machine has none."""
    try:
        device = torch.device(name)
        distributed.claim(device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device: found '{name}', which cannot be used here ({reason}); "
                          "use 'cpu'") from error
    return device
