"""Trainer node: trains on a dataset in the background, started and stopped by services."""

from collections.abc import Sequence
import json
import sys
import threading
from typing import Any

from lps_ros.contract import load_contract
from lps_ros.errors import UserError
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import LATCHED
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger


class TrainerNode(Node):
    """
    The engine of `lps train` behind `~/start`, `~/stop` and `~/progress` (latched String, JSON).

    A stop leaves a checkpoint; a start with `resume` goes on from it. The policy bundle appears,
    whole, when the last step is done.
    """

    def __init__(self) -> None:
        """Start training at once where `autostart` is set."""
        super().__init__('trainer')
        self.finished = False
        declare(self, 'contract', '', 'Contract file of the robot.')
        declare(self, 'dataset', 'dataset', 'Folder of the episodes.')
        declare(self, 'run', 'runs/lps', 'Folder of checkpoint and TensorBoard log.')
        declare(self, 'bundle', '', 'Policy bundle to write (empty: bundle/ in the run folder).')
        declare(self, 'config', '', 'YAML file of training settings (empty: the defaults).')
        declare(self, 'steps', 0, 'Updates (0: as the settings say).', between=(0, 1_000_000_000))
        declare(self, 'seed', -1, 'Seed (-1: as the settings say).', between=(-1, 2**31 - 1))
        declare(self, 'resume', False, 'Go on from the checkpoint in the run folder.')
        declare(self, 'command', '', 'What the bundle notes as the command that made it (empty: '
                "this process's own).")
        declare(self, 'exit_when_done', False, 'End the process when training has ended.',
                read_only=True)
        autostart = declare(self, 'autostart', False, 'Start training at once.', read_only=True)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._news: list[dict[str, Any]] = []
        self._error: UserError | None = None
        self._progress = self.create_publisher(String, '~/progress', LATCHED)
        self.create_service(Trigger, '~/start', self._on_start)
        self.create_service(Trigger, '~/stop', self._on_stop)
        self._tell({'phase': 'idle'})
        if autostart:
            self._start()

    def poll(self) -> None:
        """Publish the newest progress; end where that is asked for."""
        with self._lock:
            news, self._news = self._news[-1:], []
        for progress in news:
            self._tell(progress)
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            if self.get_parameter('exit_when_done').value:
                self.finished = True
                if self._error is not None:
                    raise StartError(str(self._error))

    def wait_s(self) -> float:
        """Leave the processor to the training."""
        return 0.05

    def stop(self) -> None:
        """Stop training, which leaves a checkpoint."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _start(self) -> None:
        from lps_ros.learning.trainer import Trainer
        from lps_ros.learning.trainer_config import TrainerConfig
        if self._thread is not None:
            raise StartError('training is under way already; call ~/stop first')
        try:
            overrides = {name: self._value(name) for name, unset in (('steps', 0), ('seed', -1))
                         if self._value(name) != unset}
            config = (TrainerConfig.from_yaml(self._value('config'), **overrides)
                      if self._value('config') else TrainerConfig.from_mapping(overrides))
            if not self._value('contract'):
                raise StartError("parameter 'contract' is empty; give the robot's contract file")
            trainer = Trainer(
                config, self._value('dataset'), load_contract(self._value('contract')),
                self._value('run'), bundle=self._value('bundle') or None,
                resume=self._value('resume'), command=self._value('command') or _command())
        except ValueError as error:
            raise StartError(str(error)) from error
        self._stop.clear()
        self._error = None
        self._thread = threading.Thread(target=self._train, args=(trainer,), name='training')
        self._thread.start()

    def _train(self, trainer: Any) -> None:
        try:
            result = trainer.run(self._add, self._stop)
            self._add({'phase': 'stopped' if result.bundle is None else 'done',
                       'step': result.step, 'metrics': result.metrics,
                       'bundle': '' if result.bundle is None else str(result.bundle)})
        except Exception as error:  # the thread's end must not pass for success
            self._error = UserError(str(error))
            self._add({'phase': 'error', 'error': str(error)})
            self.get_logger().error(f'training ended: {error}')

    def _add(self, progress: dict[str, Any]) -> None:
        for note in progress.get('notes', ()):
            self.get_logger().warning(note)
        with self._lock:
            self._news.append(progress)

    def _tell(self, progress: dict[str, Any]) -> None:
        self._progress.publish(String(data=json.dumps(progress)))

    def _on_start(
            self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._start()
            response.success, response.message = True, f'training into {self._value("run")}'
        except UserError as error:
            response.message = str(error)
        return response

    def _on_stop(
            self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._thread is None:
            response.message = 'not training; call ~/start first'
            return response
        self._stop.set()
        response.success, response.message = True, 'stopping at the next step'
        return response


def _command() -> str:
    return ' '.join(['ros2 run lps_ros trainer', *sys.argv[1:]])


def main(args: Sequence[str] | None = None) -> int:
    """Run the trainer node."""
    return run_node(TrainerNode, args)


if __name__ == '__main__':
    sys.exit(main())
