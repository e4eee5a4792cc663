"""One seed of an OGBench benchmark: training in stretches, an evaluation after each."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from time import perf_counter
from typing import Any

from lps_ros.cli.bench_ogbench_table import Arm
from lps_ros.cli.bench_ogbench_table import EvaluationTable
from lps_ros.cli.bench_ogbench_table import Row
from lps_ros.cli.progress import progress
from lps_ros.data.chunks import Chunks
from lps_ros.data.chunks import Sampler
from lps_ros.data.files import disk_errors
from lps_ros.data.files import make_folder
from lps_ros.data.normalisation import Normaliser
from lps_ros.errors import UserError
from lps_ros.evaluation.table import rate_with_interval
from lps_ros.learning import checkpoint
from lps_ros.learning.batches import Batches
from lps_ros.learning.benchmark import machine
from lps_ros.learning.benchmark import random_agent
from lps_ros.learning.networks.observations import ObservationShape
from lps_ros.learning.policy import Policy
from lps_ros.learning.trainer_config import TrainerConfig
from lps_ros.learning.training_loop import TrainingLoop
from lps_ros.sim.ogbench_dataset import Columns
from lps_ros.sim.ogbench_task import OGBenchTask
from lps_ros.sim.ogbench_task import Outcome
import numpy as np
from tqdm import tqdm


class Interruption:
    """A request to stop: for good, or, until `go_on`, only to evaluate."""

    def __init__(self) -> None:
        self.event = Event()  # what the training loop watches
        self.final = False

    def set(self) -> None:
        """Stop for good."""
        self.final = True
        self.event.set()

    def go_on(self) -> bool:
        """Return whether to go on, the evaluation being done."""
        self.event.clear()
        return not self.final


def column_sampler(columns: Columns, config: TrainerConfig) -> Sampler:
    """Return what draws chunks from OGBench's columns; raises UserError where none fits."""
    episodes = len(columns.offsets) - 1
    longest = int(np.diff(columns.offsets).max()) - 1
    if longest < config.learner.horizon:
        raise UserError(f'the longest of {episodes} episodes has {longest} transitions, expected '
                        f'at least a chunk of {config.learner.horizon}; lower horizon')
    return Sampler(Chunks(
        observations=columns.observations, actions=columns.actions, offsets=columns.offsets,
        rewards=columns.rewards, masks=columns.masks, padded=np.zeros(episodes, bool),
        used=np.ones(episodes, bool), cloned=np.ones(episodes, bool),
        horizon=config.learner.horizon,
        discount=getattr(config.learner, 'discount', 1.0)), config.seed)


class OGBenchRun:
    """Trains one seed and adds a row to the table after every `every` updates and at the end."""

    def __init__(
            self, task: OGBenchTask, columns: Columns, config: TrainerConfig,
            arms: Sequence[Arm], table: EvaluationTable, *, every: int, episodes: int,
            normalise: bool) -> None:
        """Begin, or go on from the checkpoint in the table's folder."""
        self._task, self._arms, self._table = task, arms, table
        self._every, self._episodes = every, episodes
        self._config = config = replace(config, checkpoint_every=every)
        self._normaliser = Normaliser.fit(columns.observations) if normalise else Normaliser(
            mean=np.zeros(task.observation_size, np.float32),
            std=np.ones(task.observation_size, np.float32))
        folder = table.folder / f'seed_{config.seed}'
        with disk_errors(folder):
            make_folder(folder)
        with machine(config.device, config.threads):
            agent = random_agent(
                config, ObservationShape(vector=task.observation_size), task.action_size)
        self._loop = TrainingLoop(
            agent, Batches(column_sampler(columns, config), self._normaliser, config), config,
            folder,
            {'environment': task.name, 'fingerprint': columns.fingerprint,
             'normalise': normalise})
        if (folder / checkpoint.NAME).exists():
            self._loop.restore()

    @property
    def step(self) -> int:
        """Return how many updates are done."""
        return self._loop.step

    def run(self, stop: Interruption) -> bool:
        """Go to the last evaluation; return False where it was stopped before."""
        config = self._config
        with machine(config.device, config.threads):
            while stop.go_on():
                if self._is_due(self.step) and not self._table.holds(config.seed, self.step):
                    row = self._evaluate(stop)
                    if row is None:
                        return False
                    self._table.add(row)
                    self._print(row)
                if self.step >= config.steps:
                    return True
                if stop.go_on():
                    self._train(stop.event)
        return False

    def _is_due(self, step: int) -> bool:
        return step > 0 and (step % self._every == 0 or step == self._config.steps)

    def _train(self, pause: Event) -> None:
        with tqdm(desc=f'seed {self._config.seed}', initial=self.step, total=self._config.steps,
                  disable=None, leave=False) as bar:
            def tell(report: dict[str, Any]) -> None:
                bar.update(report['step'] - bar.n)
                if self._is_due(report['step']):
                    pause.set()
            self._loop.run(tell, pause)

    def _evaluate(self, stop: Interruption) -> Row | None:
        start_s = perf_counter()
        row: Row = {'seed': self._config.seed, 'step': self.step,
                    'trained_s': round(self._loop.trained_s, 2), 'evaluation_s': 0.0}
        policy = Policy(self._loop.agent, self._normaliser)
        for arm in self._arms:
            with progress(f'{arm.name} at {self.step}') as tell:
                outcomes = self._outcomes(policy, arm, stop, tell)
            if outcomes is None:
                return None
            row |= arm.columns(*([getattr(outcome, name) for outcome in outcomes]
                                 for name in ('success', 'steps', 'total_reward')))
        self._loop.agent.train()
        row['evaluation_s'] = round(perf_counter() - start_s, 2)
        return row

    def _outcomes(
            self, policy: Policy, arm: Arm, stop: Interruption,
            tell: Callable[[int, int], None]) -> list[Outcome] | None:
        """Run the episodes of one arm; all arms see the same ones, every evaluation others."""
        import torch
        outcomes = []
        for episode in range(self._episodes):
            if stop.final:
                return None
            seed = int(np.random.SeedSequence(
                (self._config.seed, self.step, episode)).generate_state(1)[0])
            rng = torch.Generator().manual_seed(seed)
            outcomes.append(self._task.run_episode(
                lambda observation, rng=rng: policy.plan(
                    observation, mode=arm.mode, candidates=arm.candidates, rng=rng).actions,
                seed=seed, replan_every=self._config.replan_every))
            tell(episode + 1, self._episodes)
        return outcomes

    def _print(self, row: Row) -> None:
        arms = '  '.join(
            f'{arm.name} ' + rate_with_interval(*(
                row[f'{arm.name} success'], (row[f'{arm.name} low'], row[f'{arm.name} high'])))
            for arm in self._arms)
        print(f"seed {row['seed']}  step {row['step']}  {arms}  trained {row['trained_s']:.0f} s, "
              f"evaluated {row['evaluation_s']:.0f} s", flush=True)
