"""Simulated robot node: OGBench's UR5e behind the topics of a real arm."""

from collections.abc import Sequence
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
from lps_ros.errors import UserError
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from rclpy.node import Node
from std_srvs.srv import Trigger

_REPORT_PERIOD_S = 1.0


class SimulatedRobotNode(Node):
    """
    Publishes `/clock`, joint states, poses, pictures and the task's progress; `~/reset`.

    In lock-step the clock waits at every control tick for a twist or joint trajectory with a later
    stamp, for a gripper command, and until every reliable subscriber has the tick; running free it
    follows the wall clock. It never jumps back.

    :raises StartError: where OGBench is missing, or the camera is asked for and cannot render
    """

    finished = False

    def __init__(self) -> None:
        super().__init__('simulated_robot')
        self._declare_parameters()
        try:
            self._build()
        except UserError as error:
            raise StartError(str(error)) from error
        self.create_service(Trigger, '~/reset', self._on_reset)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._report_due_s = 0.0
        self._reported_refusals = 0
        self.get_logger().info(f'ready, {self._value("mode")}: {self._episode()}')

    def poll(self) -> None:
        """Let simulated time pass where it is due, and report once a second."""
        self._mode.poll()
        if time.monotonic() >= self._report_due_s:
            self._report_due_s = time.monotonic() + _REPORT_PERIOD_S
            self._report()

    def wait_s(self) -> float:
        """Return how long nothing is due, in seconds."""
        return self._mode.wait_s()

    def stop(self) -> None:
        """Free the rendering contexts."""
        self._robot.close()

    def _declare_parameters(self) -> None:
        declare(self, 'mode', 'lock_step',
                'Whether the clock waits for commands or follows the wall clock.',
                one_of=('lock_step', 'free'), read_only=True)
        declare(self, 'real_time_factor', 1.0, 'Speed of the free-running clock.',
                between=(0.01, 100.0), read_only=True)
        declare(self, 'command_timeout_s', 0.1,
                'Age at which a free-running robot drops a twist and freezes its joint targets.',
                between=(0.02, 10.0), read_only=True)
        declare(self, 'task', 1, "OGBench's task of cube-single; taken over on reset.",
                between=(1, 5))
        declare(self, 'seed', 0, 'Seed of the scene; taken over on reset.', between=(0, 2**31 - 1))
        declare(self, 'episode_steps', 200,
                'Control periods after which an episode is done, 0 for no limit; taken over on '
                'reset.', between=(0, 1_000_000))
        declare(self, 'camera', False, 'Whether camera/front is published.', read_only=True)
        declare(self, 'camera_width', 64, 'Width of the picture in pixels.', between=(16, 1920),
                read_only=True)
        declare(self, 'camera_height', 64, 'Height of the picture in pixels.',
                between=(16, 1080), read_only=True)
        declare(self, 'camera_rate_hz', 10.0,
                'Pictures a second of simulated time when running free; lock-step shows every '
                'tick.', between=(0.1, 20.0), read_only=True)

    def _build(self) -> None:
        """Make the robot; imports OGBench, and raises UserError where that is missing."""
        from lps_ros.nodes.free_running import FreeRunning
        from lps_ros.nodes.lock_step import LockStep
        from lps_ros.nodes.robot_commands import RobotCommands
        from lps_ros.nodes.robot_topics import RobotTopics
        from lps_ros.nodes.robot_world import PictureFormat
        from lps_ros.nodes.robot_world import RobotWorld
        from lps_ros.sim.robot import SimulatedRobot

        self._robot = SimulatedRobot()
        picture = PictureFormat(
            width=self._value('camera_width'), height=self._value('camera_height'),
        ) if self._value('camera') else None
        lock_step = self._value('mode') == 'lock_step'
        self._world = RobotWorld(
            self._robot, RobotTopics(self, lock_step=lock_step), picture)
        self._mode = LockStep(self._world) if lock_step else FreeRunning(
            self._world, real_time_factor=self._value('real_time_factor'),
            command_timeout_s=self._value('command_timeout_s'),
            picture_period_ns=round(1e9 / self._value('camera_rate_hz')))
        self._commands = RobotCommands(
            self, self._mode.on_motion, self._mode.on_opening, lambda: self._mode.robot_ns)
        self._reset()

    def _reset(self) -> None:
        self._world.reset(task=self._value('task'), seed=self._value('seed'),
                          episode_steps=self._value('episode_steps'))
        self._mode.begin()

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._reset()
        response.success = True
        response.message = self._episode()
        return response

    def _episode(self) -> str:
        return f'task {self._world.progress.task}, seed {self._world.progress.seed}'

    def _report(self) -> None:
        new_refusals = self._commands.refused - self._reported_refusals
        self._reported_refusals = self._commands.refused
        complaint = self._mode.take_complaint()
        if new_refusals:
            complaint = f'{new_refusals} commands refused: {self._commands.last_refusal}'
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK,
            name=f'{self.get_fully_qualified_name().lstrip("/")}: simulation',
            message=complaint or self._mode.condition, hardware_id='ogbench cube-single',
            values=[KeyValue(key=key, value=str(value)) for key, value in (
                ('mode', self._value('mode')), ('condition', self._mode.condition),
                ('task', self._world.progress.task), ('seed', self._world.progress.seed),
                ('step', self._world.progress.step), ('refused', self._commands.refused),
                ('last_refusal', self._commands.last_refusal))])
        self._diagnostics.publish(DiagnosticArray(
            header=stamped_header(self._mode.time_ns, ''), status=[status]))

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def main(args: Sequence[str] | None = None) -> int:
    """Run the simulated robot node."""
    return run_node(SimulatedRobotNode, args)


if __name__ == '__main__':
    sys.exit(main())
