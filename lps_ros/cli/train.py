"""`lps train`: LPS on recorded demonstrations, on any machine, without ROS."""

import argparse
from pathlib import Path
import shlex
import sys
import threading
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.cli.interruption import calls_on_signals
from lps_ros.cli.output_file import output_file
from lps_ros.cli.output_file import write_json
from lps_ros.contract import load_contract
from tqdm import tqdm

if TYPE_CHECKING:
    from lps_ros.learning.trainer import Trainer
    from lps_ros.learning.trainer import TrainingResult

_EXAMPLES = """examples:
  lps train --contract config/my_arm.yaml --dataset ~/demos --bundle models/my_policy
  lps train --contract config/my_arm.yaml --dataset ~/demos --run runs/a --set steps=20000 seed=1
  lps train --contract config/my_arm.yaml --dataset ~/demos --run runs/a --resume
  torchrun --nproc-per-node 2 -m -- lps_ros.cli.main train --contract config/my_arm.yaml \
    --dataset ~/demos --set device=cuda batch_size=512   # two GPUs
  tensorboard --logdir runs
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = subparsers.add_parser(
        'train', help='train a policy on recorded demonstrations', description=__doc__,
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--contract', type=Path, required=True, help="the robot's contract file")
    parser.add_argument('--dataset', type=Path, required=True, help='folder of the episodes')
    parser.add_argument('--run', type=Path, default=Path('runs/lps'),
                        help='folder of checkpoint and TensorBoard log')
    parser.add_argument('--bundle', type=Path, help='policy bundle to write (default: RUN/bundle)')
    parser.add_argument('--config', type=Path, help='YAML file of training settings')
    parser.add_argument('--set', nargs='+', default=[], metavar='NAME=VALUE',
                        help='settings that win over the file')
    parser.add_argument('--resume', action='store_true', help='go on from the checkpoint in RUN')
    parser.add_argument('--json', type=output_file, help='write the last metrics to this file')
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Train; Ctrl-C and a request to end leave a checkpoint."""
    from lps_ros.learning import distributed
    with distributed.joined():
        with distributed.together():
            trainer = _trainer(arguments)
        stop = threading.Event()
        with calls_on_signals(stop.set), _Bar() as bar:
            result = trainer.run(bar.show if distributed.is_first() else None, stop)
        if distributed.is_first():
            _tell(result, arguments.json)
    return 130 if result.bundle is None else 0


def _trainer(arguments: argparse.Namespace) -> 'Trainer':
    contract = load_contract(arguments.contract)
    settings = dict(_setting(text) for text in arguments.set)
    from lps_ros.learning.trainer import Trainer
    from lps_ros.learning.trainer_config import TrainerConfig
    config = (TrainerConfig.from_yaml(arguments.config, **settings) if arguments.config
              else TrainerConfig.from_mapping(settings))
    return Trainer(
        config, arguments.dataset, contract, arguments.run, bundle=arguments.bundle,
        resume=arguments.resume, command=shlex.join(['lps', *sys.argv[1:]]))


def _tell(result: 'TrainingResult', json_file: Path | None) -> None:
    write_json(json_file, {
        'step': result.step, 'trained_s': result.trained_s, 'metrics': result.metrics})
    if result.bundle is None:
        print(f'stopped at step {result.step}; go on with --resume')
    else:
        print(f'policy bundle: {result.bundle} ({result.step} steps, {result.trained_s:.0f} s)')


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals:
        raise ValueError(f"--set: found '{text}', expected NAME=VALUE such as steps=20000")
    return name, value


_SHOWN = {'critic/q_mean': 'Q', 'decoder/flow_loss': 'imitation'}


class _Bar:
    """A progress bar a phase; nothing where the output is no terminal."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._phase = ''

    def __enter__(self) -> '_Bar':
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: dict[str, Any]) -> None:
        """Move the bar of the phase that is under way; print notes."""
        if progress['phase'] != self._phase:
            self.__exit__()
            self._phase = progress['phase']
            self._bar = tqdm(total=progress['steps'], desc=self._phase, disable=None)
        self._bar.update(progress['step'] - self._bar.n)
        for note in progress.get('notes', ()):
            tqdm.write(f'note: {note}', file=sys.stderr)
        metrics = progress.get('metrics', {})
        # Which there are is up to the algorithm.
        self._bar.set_postfix({
            label: f'{metrics[name]:.3g}' for name, label in _SHOWN.items() if name in metrics},
            refresh=False)
