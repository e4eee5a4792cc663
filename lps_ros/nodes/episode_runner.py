"""Runs evaluation episodes over ROS: reset, record, let the policy act, read the outcome."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
import time

from lifecycle_msgs.msg import Transition
from lps_ros.evaluation.comparison import EpisodeResult
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.remote import Remote
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

# Wall time without a new status of the robot after which an episode is given up.
_STALL_S = 20.0


@contextmanager
def episode_runner(
        *, rate_hz: float, alarm: Callable[[], str | None]) -> 'Iterator[EpisodeRunner]':
    """Join the ROS graph with a runner, and leave it again."""
    # Ctrl-C must stay Python's own, so that the other nodes are ended in order.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        runner = EpisodeRunner(rate_hz=rate_hz, alarm=alarm)
        try:
            yield runner
        finally:
            runner.close()
    finally:
        rclpy.try_shutdown()


class EpisodeRunner:
    """
    Drives the nodes `simulated_robot`, `policy` and, where a dataset is given, `recorder`.

    The outcome is what the robot published on `task/status`, nothing else. `alarm()` returns a
    line when one of the nodes has died; every wait asks it. Raises StartError.
    """

    def __init__(
            self, *, rate_hz: float,
            alarm: Callable[[], str | None] = lambda: None) -> None:
        self._rate_hz = rate_hz
        self._alarm = alarm
        self._node = Node('episode_runner')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._remote = Remote(self._node, self._spin_once)
        self._status: dict = {}
        self._policy_status: dict = {}
        self._frames: list[np.ndarray] = []
        self._node.create_subscription(String, 'task/status', self._on_status, SENSOR)
        self._node.create_subscription(
            String, 'policy/status', self._on_policy_status, LATCHED)
        self._node.create_subscription(Image, 'camera/front/image_raw', self._on_image, SENSOR)

    def close(self) -> None:
        """Leave the ROS graph."""
        self._executor.shutdown()
        self._node.destroy_node()

    def configure(self, *, recorder: bool = False) -> None:
        """Load the policy's bundle; with a recorder wait for it first."""
        if recorder:
            self._remote.set_parameters('recorder', source='policy')
        try:
            self._remote.change_state('policy', Transition.TRANSITION_CONFIGURE)
        except StartError as error:
            raise StartError(self._policy_status.get('reason') or str(error)) from error

    def run(
            self, *, task: int, seed: int, dataset: Path | None = None,
            **policy: bool | int | float | str) -> tuple[EpisodeResult, list[np.ndarray]]:
        """
        Run one episode with these parameters of the policy node, and record it.

        Returns the outcome and the camera's frames (h, w, 3) uint8, if the robot publishes any.
        """
        self._remote.set_parameters('policy', seed=seed, **policy)
        self._remote.set_parameters('simulated_robot', task=task, seed=seed)
        before = self._status.get('episode')
        self._remote.trigger('simulated_robot/reset')
        self._spin_until(lambda: self._status.get('episode') != before, 'a reset of the robot')
        if dataset is not None:
            # Kept in the recording so that a replay can repeat the plans.
            self._remote.set_parameters(
                'recorder', dataset=str(dataset), source='policy',
                policy=json.dumps({'seed': seed, **policy}))
            self._remote.trigger('recorder/start')
        self._frames = []
        self._remote.change_state('policy', Transition.TRANSITION_ACTIVATE)
        self._spin_until(lambda: self._status['done'], 'the end of the episode')
        self._remote.change_state('policy', Transition.TRANSITION_DEACTIVATE)
        if dataset is not None:
            outcome = 'success' if self._status['placed'] else 'failure'
            self._remote.trigger(f'recorder/save_{outcome}')
        return EpisodeResult.from_status(self._status, self._rate_hz), self._frames

    def _spin_once(self, timeout_s: float) -> None:
        self._executor.spin_once(timeout_sec=timeout_s)
        if reason := self._alarm():
            raise StartError(reason)

    def _spin_until(self, done: Callable[[], bool], what: str) -> None:
        self._changed_s = time.monotonic()
        while not done():
            self._spin_once(0.05)
            if time.monotonic() - self._changed_s > _STALL_S:
                reason = self._policy_status.get('reason')
                raise StartError(
                    f'waited {_STALL_S:g} s for {what}, and the robot published nothing new'
                    + (f'; the policy says: {reason}' if reason else ''))

    def _on_status(self, message: String) -> None:
        status = json.loads(message.data)
        if status.get('step') != self._status.get('step') or status['done']:
            self._changed_s = time.monotonic()
        self._status = status

    def _on_policy_status(self, message: String) -> None:
        self._policy_status = json.loads(message.data)

    def _on_image(self, message: Image) -> None:
        pixels = np.frombuffer(message.data, np.uint8)
        self._frames.append(pixels.reshape(message.height, message.width, 3))
