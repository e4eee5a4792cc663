"""Operator node: the scripted person who demonstrates, over the topics of teleoperation."""

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path
import statistics
import sys
from typing import Any
from typing import TextIO

from geometry_msgs.msg import TwistStamped
from lps_ros.contract import ControlClock
from lps_ros.errors import UserError
from lps_ros.nodes.acknowledgement import acknowledged
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.service_calls import Script
from lps_ros.nodes.service_calls import ServiceCalls
from lps_ros.nodes.tick_loop import TickLoop
import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

_CLOCK = ControlClock(20.0)
_BASE_FRAME = 'base_link'
_LAST_WORD_S = 0.5


class OperatorNode(Node):
    """
    Demonstrates one episode after the other: reset, record, drive until placed, mark, save.

    Ends by itself after the last one. Publishes the command topics of the simulated robot and
    calls `simulated_robot/reset` and the recorder's services.

    :raises StartError: where OGBench is missing or parameters contradict each other
    """

    def __init__(self) -> None:
        super().__init__('operator')
        self.finished = False
        self._declare_parameters()
        self._log = self._open_log()
        try:
            from lps_ros.nodes.operator_view import RobotView
            from lps_ros.sim.commands import GRIPPER_TOPIC
            from lps_ros.sim.commands import TRAJECTORY_TOPIC
            from lps_ros.sim.commands import TWIST_TOPIC
            from lps_ros.sim.joint_teleoperation import JointTeleoperation
            from lps_ros.sim.operator import CLEAN
            from lps_ros.sim.operator import ClumsyOperator
            from lps_ros.sim.operator import OperatorSettings
        except UserError as error:
            raise StartError(str(error)) from error
        names = ('gain', 'noise_std', 'pause_probability', 'fumble_probability')
        self._operator = ClumsyOperator(CLEAN if self._value('clean') else replace(
            OperatorSettings(), **{name: self._value(name) for name in names}))
        self._view = RobotView(self)
        self._device = JointTeleoperation() if self._value('device') == 'joints' else None
        self._arm = self.create_publisher(TwistStamped, TWIST_TOPIC, COMMAND) if (
            self._device is None) else self.create_publisher(
                JointTrajectory, TRAJECTORY_TOPIC, COMMAND)
        self._gripper = self.create_publisher(Float64MultiArray, GRIPPER_TOPIC, COMMAND)
        self._loop = TickLoop(
            self, _CLOCK, self._on_tick, ready=self._ready,
            lock_step=self._value('lock_step'), wait_s=self._value('timeout_s'))
        self._calls = ServiceCalls(self, timeout_s=self._value('timeout_s'))
        self._results: list[dict] = []
        self._script = self._session()

    def poll(self) -> None:
        """Serve the tick that is due and go on with the session."""
        self._loop.poll()
        try:
            next(self._script)
        except StopIteration:
            self.finished = True

    def wait_s(self) -> float:
        """Return how long nothing is due, in seconds."""
        return self._loop.wait_s()

    def stop(self) -> None:
        """Let go of the stick."""
        if self._loop.running:
            self._loop.stop()
            if self._view.complete:
                self._send(np.zeros(4), None)
            self._arm.wait_for_all_acked(Duration(seconds=_LAST_WORD_S))
        if self._log is not None:
            self._log.close()

    def _declare_parameters(self) -> None:
        def fixed(name: str, default: Any, description: str, **limits: Any) -> None:
            declare(self, name, default, description, read_only=True, **limits)

        fixed('episodes', 1, 'Episodes to demonstrate.', between=(1, 1_000_000))
        fixed('first_seed', 0, 'Seed of the first episode; the next ones count up.',
              between=(0, 2**31 - 1))
        fixed('task', 1, "OGBench's task of cube-single.", between=(1, 5))
        fixed('record', False, "Whether to use the recorder's services.")
        fixed('recorder', 'recorder', "The recorder node's name.")
        fixed('robot', 'simulated_robot', "The simulated robot node's name.")
        fixed('lock_step', True, 'Whether the robot waits for the command of every tick.')
        fixed('device', 'twist', 'Moves the tool by twists, or the joints by trajectories.',
              one_of=('twist', 'joints'))
        fixed('clean', False, 'Whether to be skilful: the bare oracle instead of the four below.')
        fixed('gain', 0.6, "Speed, of the oracle's.", between=(0.05, 1.0))
        fixed('noise_std', 0.25, 'Shakiness, of full speed.', between=(0.0, 1.0))
        fixed('pause_probability', 0.03, 'Per control period.', between=(0.0, 1.0))
        fixed('fumble_probability', 0.03, 'Per control period with the cube in the air.',
              between=(0.0, 1.0))
        fixed('timeout_s', 30.0, 'Longest wall time to wait for a service or the robot.',
              between=(0.1, 3600.0))
        fixed('log_file', '', 'File that gets one line of JSON, the final status, per episode.')
        if self._value('lock_step') and not self._value('use_sim_time'):
            raise StartError('lock_step needs simulated time; set use_sim_time to true')

    def _open_log(self) -> TextIO | None:
        path = self._value('log_file')
        try:
            return Path(path).open('a', encoding='utf-8') if path else None
        except OSError as error:
            raise StartError(f"cannot write log_file '{path}': {error.strerror}") from error

    def _session(self) -> Script:
        robot, first = self._value('robot'), self._value('first_seed')
        for seed in range(first, first + self._value('episodes')):
            yield from self._calls.set_parameters(robot, task=self._value('task'), seed=seed)
            yield from self._calls.until(
                lambda: self._view.complete, f'{robot} does not publish all of its topics')
            self._episode = self._view.status['episode']
            yield from self._calls.trigger(f'{robot}/reset')
            yield from self._calls.until(
                lambda: self._view.status['episode'] != self._episode,
                f'{robot} was reset, and its task/status does not show it')
            self._episode = self._view.status['episode']
            yield from self._demonstrate(robot, seed)
        print(self._summary(), flush=True)

    def _demonstrate(self, robot: str, seed: int) -> Script:
        recorder = self._value('recorder') if self._value('record') else None
        if recorder:
            yield from self._calls.trigger(f'{recorder}/start')
        self._operator.reset(seed)
        if self._device is not None:
            self._device.reset(seed)
        self._loop.start()
        while not self._view.status['done']:
            step = self._view.status['step']
            yield from self._calls.until(
                lambda step=step: self._view.status['step'] != step, f'{robot} stands still '
                f'after step {step}')
            if self._view.status['episode'] != self._episode:
                raise StartError('the robot was reset by somebody else; stop the other pilot')
        self._loop.stop()
        status = self._view.status
        if recorder:
            yield from self._calls.until(
                self._heard, 'a subscriber does not acknowledge the last commands')
            outcome = 'success' if status['placed'] else 'failure'
            yield from self._calls.trigger(f'{recorder}/save_{outcome}')
        self._results.append(status)
        if self._log is not None:
            print(json.dumps(status), file=self._log, flush=True)

    def _ready(self, tick_ns: int) -> bool:
        """
        Tell whether all of this tick, and nothing of the next, has been seen.

        A command is not overwritten before all who listen, the recorder too, have it.
        """
        return self._view.shows(tick_ns, _CLOCK.period_ns) and self._heard()

    def _heard(self) -> bool:
        return acknowledged((self._arm, self._gripper))

    def _on_tick(self, tick: int, time_ns: int, skipped: int) -> None:
        status = self._view.status
        if not status['done'] and status['episode'] == self._episode:
            self._send(*self._operator.act(self._view.operator_view()))

    def _send(self, twist: np.ndarray, opening_m: float | None) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._arm.publish(self._twist(twist, now_ns) if self._device is None else
                          self._trajectory(twist, now_ns))
        if opening_m is not None:
            self._gripper.publish(Float64MultiArray(data=[opening_m]))

    def _twist(self, twist: np.ndarray, now_ns: int) -> TwistStamped:
        message = TwistStamped(header=stamped_header(now_ns, _BASE_FRAME))
        linear = message.twist.linear
        linear.x, linear.y, linear.z, message.twist.angular.z = twist.tolist()
        return message

    def _trajectory(self, twist: np.ndarray, now_ns: int) -> JointTrajectory:
        from lps_ros.sim.robot import JOINT_NAMES
        trajectory = self._device.trajectory(twist, self._view.operator_view().joint_positions)
        return JointTrajectory(
            header=stamped_header(now_ns, ''), joint_names=list(JOINT_NAMES),
            points=[JointTrajectoryPoint(
                positions=position.tolist(),
                time_from_start=Duration(seconds=float(time_s)).to_msg())
                for time_s, position in zip(trajectory.times_s, trajectory.positions)])

    def _summary(self) -> str:
        count = len(self._results)
        placed = [status['placed_step'] for status in self._results if status['placed']]
        success = sum(status['success'] for status in self._results)
        median = f', after {statistics.median(placed):g} steps (median)' if placed else ''
        return (f'operator: {count} episodes of task {self._value("task")}: placed '
                f'{len(placed)} ({100 * len(placed) / count:.0f} %){median}; success '
                f'{success} ({100 * success / count:.0f} %)')

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def main(args: Sequence[str] | None = None) -> int:
    """Run the operator node."""
    return run_node(OperatorNode, args)


if __name__ == '__main__':
    sys.exit(main())
