"""Node processes that a command starts, and that never outlive it."""

from collections.abc import Mapping
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
from types import TracebackType

from lps_ros.nodes import PARENT_VARIABLE

# Ids up to 101 keep clear of Linux's ephemeral ports.
_DOMAIN_IDS = range(1, 101)
_STOP_TIMEOUT_S = 10.0

ParameterValue = bool | int | float | str


def private_ros_environment() -> dict[str, str]:
    """
    Keep this process and its children on the loopback interface; return what was set.

    The domain id is kept where the user has set one; otherwise a random one is taken, so that
    two demos on one machine do not drive each other's robot. Call before rclpy is initialised.
    """
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.SystemRandom().choice(_DOMAIN_IDS)))
    return {name: os.environ[name]
            for name in ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_DOMAIN_ID')}


class NodeProcesses:
    """Starts nodes of this package as processes; ends them all on leaving the context."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> 'NodeProcesses':
        """Return self."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            traceback: TracebackType | None) -> None:
        """End every process that still runs."""
        for name in list(self._running):
            self.stop(name)

    def start(self, node: str, parameters: Mapping[str, ParameterValue]) -> None:
        """Start `lps_ros.nodes.<node>_node` with parameters; its output goes to a log file."""
        command = [sys.executable, '-m', f'lps_ros.nodes.{node}_node', '--ros-args',
                   *parameter_arguments(parameters)]
        with open(self.log(node), 'w', encoding='utf-8') as log:
            # A session of its own: Ctrl-C reaches this process alone, which ends the nodes.
            self._running[node] = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=os.environ | {PARENT_VARIABLE: str(os.getpid())}, start_new_session=True)

    def stop(self, node: str) -> int:
        """End one node as Ctrl-C would and return its exit status."""
        process = self._running.pop(node)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def wait(self, node: str, timeout_s: float) -> int | None:
        """Return the exit status of a node that ends by itself, None while it still runs."""
        try:
            return self._running[node].wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def runs(self, node: str) -> bool:
        """Return whether a node was started and not stopped."""
        return node in self._running

    def pid(self, node: str) -> int:
        """Return the process id of a node."""
        return self._running[node].pid

    def dead(self) -> str | None:
        """Return a line on the first node that has ended with an error, or None."""
        for node, process in self._running.items():
            if process.poll():
                last = self.log(node).read_text(encoding='utf-8').strip().splitlines()[-1:]
                return (f'the {node} node ended with status {process.returncode}: '
                        f'{"".join(last)} (log: {self.log(node)})')
        return None

    def log(self, node: str) -> Path:
        """Return the path of a node's log."""
        return self._log_dir / f'{node}.log'


def parameter_arguments(parameters: Mapping[str, ParameterValue]) -> list[str]:
    """Return the command-line arguments that set parameters, to follow `--ros-args`."""
    return [word for name, value in parameters.items()
            for word in ('-p', f'{name}:={_yaml(value)}')]


def _yaml(value: ParameterValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # Quoted, so that '1' or 'true' stays a string.
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
