"""The whole loop from nothing: the operator demonstrates, the recorder records, LPS trains."""

from pathlib import Path
import time

from lps_ros.cli.demo_camera import camera_parameters
from lps_ros.cli.demo_camera import image_keys
from lps_ros.cli.demo_camera import recorder_parameters
from lps_ros.cli.evaluation_run import follow_operator
from lps_ros.cli.processes import NodeProcesses
from lps_ros.contract import load_contract
from lps_ros.data.dataset import Dataset
from lps_ros.errors import UserError
from tqdm import tqdm

# Demonstrations count up from here; evaluation seeds begin far above.
FIRST_DEMONSTRATION_SEED = 0


def record_demonstrations(
        *, contract_file: Path, dataset: Path, episodes: int, task: int, max_ticks: int,
        logs: Path, clean: bool = False, camera: bool = False) -> None:
    """
    Let the scripted operator demonstrate while the recorder records, in lock-step.

    :param dataset: folder that is filled up to so many episodes; seeds count on
    :param clean: a skilful operator instead of the clumsy one
    :param camera: record the contract's images too
    :raises UserError: where a node has died, or the camera is asked for and cannot render
    """
    from lps_ros.sim.commands import by_joints
    recorded = len(Dataset(dataset).episodes()) if dataset.exists() else 0
    if recorded >= episodes:
        print(f'{dataset} holds {recorded} episodes already')
        return
    first_seed = FIRST_DEMONSTRATION_SEED + recorded
    contract = load_contract(contract_file)
    seen = image_keys(contract) if camera else ()
    robot = {'mode': 'lock_step', 'task': task, 'seed': first_seed, 'episode_steps': max_ticks,
             **camera_parameters(contract, seen)}
    recorder = {'contract': str(contract_file), 'dataset': str(dataset), 'operator': 'scripted',
                'source': 'teleop', 'use_sim_time': True, **recorder_parameters(contract, seen)}
    log = logs / 'operator.jsonl'
    operator = {'episodes': episodes - recorded, 'first_seed': first_seed, 'task': task,
                'record': True, 'lock_step': True, 'use_sim_time': True, 'clean': clean,
                'device': 'joints' if by_joints(contract) else 'twist',
                'log_file': str(log)}
    with NodeProcesses(logs) as nodes:
        log.unlink(missing_ok=True)
        for node, parameters in (
                ('simulated_robot', robot), ('recorder', recorder), ('operator', operator)):
            nodes.start(node, parameters)
        statuses = list(tqdm(follow_operator(nodes, log, episodes - recorded),
                             total=episodes, initial=recorded, desc='recording', unit='episode'))
    for outcome in ('success', 'placed'):
        print(f'operator: {outcome} in {sum(status[outcome] for status in statuses)} of '
              f'{len(statuses)} episodes')


def train(
        *, contract_file: Path, dataset: Path, run: Path, bundle: Path, steps: int,
        seed: int, logs: Path, command: str = '', config: Path | None = None) -> None:
    """
    Train on the dataset with the trainer node, which leaves a policy bundle.

    Goes on from the run's checkpoint; does nothing where the bundle is there already.

    :param steps: training steps, 0 for as many as the settings say
    :param command: what the bundle notes as the command that made it
    :param config: YAML file of training settings, None for the defaults
    :raises UserError: where training fails
    """
    if bundle.exists():
        print(f'{bundle} is there already')
        return
    parameters = {'contract': str(contract_file), 'dataset': str(dataset), 'run': str(run),
                  'bundle': str(bundle), 'seed': seed, 'command': command,
                  'resume': any(run.glob('checkpoint*')),
                  'autostart': True, 'exit_when_done': True}
    if steps:
        parameters['steps'] = steps
    if config is not None:
        parameters['config'] = str(config)
    start_s = time.monotonic()
    with NodeProcesses(logs) as nodes:
        nodes.start('trainer', parameters)
        print(f'training; follow it with: tail -f {nodes.log("trainer")}')
        while (status := nodes.wait('trainer', 1.0)) is None:
            continue
        if status:
            raise UserError(nodes.dead())
    if not bundle.exists():
        raise UserError(f'training left no {bundle}; see {logs}')
    print(f'trained in {(time.monotonic() - start_s) / 60:.1f} min: {bundle}')
