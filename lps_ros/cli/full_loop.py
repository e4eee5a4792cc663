"""The whole loop from nothing: the operator demonstrates, the recorder records, LPS trains."""

from pathlib import Path
import time

from lps_ros.cli.evaluation_run import follow_operator
from lps_ros.cli.processes import NodeProcesses
from lps_ros.errors import UserError
from tqdm import tqdm

# Demonstrations count up from here; evaluation seeds begin far above.
FIRST_DEMONSTRATION_SEED = 0


def record_demonstrations(
        *, contract_file: Path, dataset: Path, episodes: int, task: int, max_ticks: int,
        logs: Path) -> None:
    """
    Let the scripted operator demonstrate while the recorder records, in lock-step.

    :param dataset: folder that the episodes are added to; must not hold any yet
    :raises UserError: where a node has died, or the dataset is not empty
    """
    if any(dataset.glob('*/*.hdf5')):
        raise UserError(f'{dataset} holds episodes already; remove it or give another --output')
    robot = {'mode': 'lock_step', 'task': task, 'seed': FIRST_DEMONSTRATION_SEED,
             'episode_steps': max_ticks}
    recorder = {'contract': str(contract_file), 'dataset': str(dataset), 'leave_out': 'front',
                'operator': 'scripted', 'source': 'teleop', 'use_sim_time': True}
    log = logs / 'operator.jsonl'
    operator = {'episodes': episodes, 'first_seed': FIRST_DEMONSTRATION_SEED, 'task': task,
                'record': True, 'lock_step': True, 'use_sim_time': True, 'log_file': str(log)}
    with NodeProcesses(logs) as nodes:
        log.unlink(missing_ok=True)
        for node, parameters in (
                ('simulated_robot', robot), ('recorder', recorder), ('operator', operator)):
            nodes.start(node, parameters)
        placed = 0
        statuses = follow_operator(nodes, log, episodes)
        for count, status in enumerate(
                tqdm(statuses, total=episodes, desc='recording', unit='episode'), start=1):
            placed += status['placed']
        print(f'recorded {count} episodes, {placed} of them placed the cube: {dataset}')


def train(
        *, contract_file: Path, dataset: Path, run: Path, bundle: Path, steps: int,
        seed: int, logs: Path) -> None:
    """
    Train on the dataset with the trainer node, which leaves a policy bundle.

    :param steps: training steps, 0 for the trainer's default
    :raises UserError: where training fails
    """
    parameters = {'contract': str(contract_file), 'dataset': str(dataset), 'run': str(run),
                  'bundle': str(bundle), 'seed': seed, 'autostart': True, 'exit_when_done': True}
    if steps:
        parameters['steps'] = steps
    start_s = time.monotonic()
    with NodeProcesses(logs) as nodes:
        nodes.start('trainer', parameters)
        print(f'training; follow it with: tail -f {nodes.log("trainer")}')
        while (status := nodes.wait('trainer', 1.0)) is None:
            continue
        if status:
            raise UserError(nodes.dead())
    print(f'trained in {(time.monotonic() - start_s) / 60:.1f} min: {bundle}')
