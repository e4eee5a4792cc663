"""Arms of an evaluation on the same seeds, each node a process over real ROS, or in this one."""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
from dataclasses import asdict
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
import json
from pathlib import Path
import time
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.cli.demo_camera import camera_parameters
from lps_ros.cli.demo_camera import recorder_parameters
from lps_ros.cli.processes import NodeProcesses
from lps_ros.contract import Contract
from lps_ros.control.planning import Steering
from lps_ros.errors import UserError
from lps_ros.evaluation.comparison import EpisodeResult
from lps_ros.evaluation.comparison import LiveTable
import numpy as np

if TYPE_CHECKING:
    from lps_ros.nodes.episode_runner import EpisodeRunner

# Pictures of an episode in the report.
_PICTURES = 6
# Of the report's pictures where the policy itself sees none.
_REPORT_CAMERA = {'camera': True, 'camera_width': 320, 'camera_height': 240}


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """
    What is evaluated and how.

    :param arms: of 'operator', 'prior', 'steered'
    :param mode: of the steered arm: 'steered', 'prior', or '' for the bundle's own
    :param candidates: latents that the steered policy chooses from, 0 for the bundle's own
    :param strength: of steering, 0 to 1, below 0 for the bundle's own
    :param replan_every: ticks between plans, 0 for the bundle's own
    :param join: how a chunk takes over, one of JOINS, or '' for the bundle's own
    :param free: real time instead of lock-step
    :param in_process: lock-step in this process, without ROS and recordings
    :param pictures: show the camera's frames of the first seed in the report
    """

    contract: Contract
    contract_file: Path
    bundle: Path
    arms: tuple[str, ...]
    episodes: int
    first_seed: int
    task: int
    output: Path
    mode: str = ''
    candidates: int = 0
    strength: float = -1.0
    replan_every: int = 0
    join: str = ''
    free: bool = False
    in_process: bool = False
    record: bool = True
    pictures: bool = True

    @cached_property
    def recordings(self) -> Path:
        """Return the folder of this run's recordings; earlier ones stay beside it."""
        return self.output / 'recordings' / time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())

    @property
    def clock(self) -> str:
        """Return in a few words how time passes and messages travel."""
        if self.in_process:
            return 'in lock-step within one process'
        return f'{"at real time" if self.free else "in lock-step"} over ROS'

    @property
    def seeds(self) -> range:
        """Return the seeds that every arm runs."""
        return range(self.first_seed, self.first_seed + self.episodes)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Return what the bundle says of itself; raises BundleError where it is none."""
        from lps_ros.learning.bundle_reading import read_metadata
        return read_metadata(self.bundle)

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Return the keys of the images that the policy sees."""
        return tuple(self.metadata.get('observations', {}).get('images', ()))

    @cached_property
    def camera(self) -> dict[str, bool | int | float]:
        """Return the simulated robot's parameters for what the policy sees, {} for nothing."""
        return camera_parameters(self.contract, self.images)

    def policy(self, arm: str) -> dict[str, bool | int | float | str]:
        """Return the parameters of the policy node for an arm, with nothing left to default."""
        own = asdict(Steering.told(self.metadata.get('steering', {})))
        given = {'mode': self.mode, 'candidates': self.candidates,
                 'replan_every': self.replan_every, 'join': self.join}
        steered = own | {name: value for name, value in given.items() if value}
        if self.strength >= 0:
            steered['strength'] = float(self.strength)
        if arm == 'prior':
            # One random latent; all else alike, so that the difference is the steering.
            return {**steered, 'mode': 'prior', 'candidates': 1}
        return steered

    def describe(self, arm: str) -> str:
        """Return how an arm chooses its actions, in a few words."""
        if arm == 'operator':
            return 'the scripted operator'
        policy = self.policy(arm)
        latents = {
            ('prior', True): 'one random latent',
            ('prior', False): f'the best of {policy["candidates"]} random latents by the critics',
            ('steered', True): "the latent actor's latent",
            ('steered', False): f"the best of the latent actor's latent and "
                                f'{policy["candidates"] - 1} random ones by the critics',
        }[policy['mode'], policy['candidates'] == 1]
        if policy['mode'] == 'steered' and policy['strength'] < 1:
            latents += f', at {policy["strength"]:g} of the way from random ones'
        ticks = policy['replan_every']
        every = f'every {ticks} ticks' if ticks else 'once a chunk'
        return f'{latents}, planned {every}, join: {policy["join"]}'

    @property
    def robot(self) -> dict[str, bool | int | float | str]:
        """Return the parameters of the simulated robot, but for its camera."""
        return {'mode': 'free' if self.free else 'lock_step', 'task': self.task,
                'seed': self.first_seed, 'episode_steps': self.contract.task.max_ticks}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results of every arm, `compare`'s figures, and pictures (h, w, 3) of one episode an arm."""

    results: dict[str, list[EpisodeResult]]
    figures: dict
    pictures: dict[str, list[np.ndarray]]


def evaluate(settings: EvaluationSettings) -> Evaluation:
    """
    Run all arms, print a line per episode and the summary.

    :raises StartError: where a node dies, refuses or stalls; the line names its log
    """
    table = LiveTable(settings.episodes, rate_hz=settings.contract.rate_hz,
                      full_steps=settings.contract.task.max_ticks)
    policy_arms = tuple(arm for arm in settings.arms if arm != 'operator')
    for arm, result in _in_process_results(settings) if settings.in_process else chain(
            _operator_results(settings) if 'operator' in settings.arms else (),
            _policy_results(settings, policy_arms) if policy_arms else ()):
        table.add(arm, result)
    figures = table.summary()
    figures['settings'] = {arm: settings.describe(arm) for arm in settings.arms}
    for arm, text in figures['settings'].items():
        print(f'{arm}: {text}')
    pictures = _pictures(settings, policy_arms) if (
        settings.pictures and not settings.in_process) else {}
    return Evaluation(results=table.arms, figures=figures, pictures=pictures)


def _policy_results(
        settings: EvaluationSettings,
        arms: tuple[str, ...]) -> Iterator[tuple[str, EpisodeResult]]:
    with NodeProcesses(settings.output / 'logs') as nodes:
        if settings.record:
            # First, so that it knows the policy's topics before the first command.
            nodes.start('recorder', {
                'contract': str(settings.contract_file), 'use_sim_time': True,
                **recorder_parameters(settings.contract, settings.images)})
        with _runner(settings, nodes, settings.camera) as runner:
            for arm in arms:
                recordings = settings.recordings / arm if settings.record else None
                for seed in settings.seeds:
                    result, _ = runner.run(
                        task=settings.task, seed=seed, dataset=recordings,
                        **settings.policy(arm))
                    yield arm, result


def _in_process_results(settings: EvaluationSettings) -> Iterator[tuple[str, EpisodeResult]]:
    from lps_ros.cli.in_process import InProcessRobot
    from lps_ros.nodes.policy_bundle import ready_bundle
    from lps_ros.sim.commands import by_joints
    import torch
    torch.set_num_threads(1)  # as in the policy node
    bundle = ready_bundle(str(settings.bundle), str(settings.contract_file))
    robot = InProcessRobot(
        settings.task, settings.contract.task.max_ticks, settings.contract.rate_hz,
        settings.camera)
    for arm in settings.arms:
        for seed in settings.seeds:
            yield arm, robot.run_operator(
                seed, joints=by_joints(settings.contract)) if arm == 'operator' else (
                    robot.run_policy(seed, bundle.facts.contract, bundle.policy,
                                     Steering(**settings.policy(arm))))


def _pictures(
        settings: EvaluationSettings, arms: tuple[str, ...]) -> dict[str, list[np.ndarray]]:
    """Repeat the first seed with the camera on; nothing where this machine cannot render."""
    pictures = {}
    camera = settings.camera or _REPORT_CAMERA
    try:
        with NodeProcesses(settings.output / 'logs' / 'pictures') as nodes, \
                _runner(settings, nodes, camera) as runner:
            for arm in arms:
                _, frames = runner.run(
                    task=settings.task, seed=settings.first_seed, **settings.policy(arm))
                chosen = np.linspace(0, len(frames) - 1, _PICTURES).round().astype(int)
                pictures[arm] = [frames[i] for i in chosen]
    except UserError as error:
        print(f'no pictures: {error}')
    return pictures


@contextlib.contextmanager
def _runner(
        settings: EvaluationSettings, nodes: NodeProcesses,
        camera: Mapping[str, bool | int | float]) -> 'Iterator[EpisodeRunner]':
    """Start robot and policy, and give what runs episodes with them."""
    from lps_ros.nodes.episode_runner import episode_runner
    nodes.start('simulated_robot', {**settings.robot, **camera})
    nodes.start('policy', {
        'bundle': str(settings.bundle), 'contract': str(settings.contract_file),
        'use_sim_time': True, 'lock_step': not settings.free, 'arm_on_activate': True})
    with episode_runner(rate_hz=settings.contract.rate_hz, alarm=nodes.dead) as runner:
        runner.configure(recorder=nodes.runs('recorder'))
        yield runner


def _operator_results(settings: EvaluationSettings) -> Iterator[tuple[str, EpisodeResult]]:
    """Let the operator node run by itself, and follow its log."""
    from lps_ros.sim.commands import by_joints
    log = settings.output / 'operator.jsonl'
    log.unlink(missing_ok=True)
    with NodeProcesses(settings.output / 'logs' / 'operator') as nodes:
        nodes.start('simulated_robot', settings.robot)
        nodes.start('operator', {
            'episodes': settings.episodes, 'first_seed': settings.first_seed,
            'task': settings.task, 'record': False, 'lock_step': not settings.free,
            'device': 'joints' if by_joints(settings.contract) else 'twist',
            'use_sim_time': True, 'log_file': str(log)})
        for status in follow_operator(nodes, log, settings.episodes):
            yield 'operator', EpisodeResult.from_status(status, settings.contract.rate_hz)


def follow_operator(nodes: NodeProcesses, log: Path, episodes: int) -> Iterator[dict]:
    """
    Yield the final status of each episode as the operator node writes it to its log file.

    :raises UserError: where a node has died
    """
    count = 0
    while count < episodes:
        status = nodes.wait('operator', 0.2)
        lines = log.read_text(encoding='utf-8').split('\n')[:-1] if log.exists() else []
        for line in lines[count:]:
            yield json.loads(line)
        if len(lines) == count and status is not None:
            raise UserError(f'the operator node ended with status {status} after {count} of '
                            f'{episodes} episodes; see {nodes.log("operator")}')
        count = len(lines)
        if reason := nodes.dead():
            raise UserError(reason)
