"""The robot of `lps bench control`: streams, and what came back, beside bare loops in turn."""

from collections.abc import Sequence
import json
import os
from pathlib import Path
import struct
import subprocess
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from lps_ros.contract import ControlClock
from lps_ros.evaluation.process_use import busiest_child
from lps_ros.evaluation.process_use import process_use
from lps_ros.nodes.bench_signals import read_command
from lps_ros.nodes.bench_streams import BenchStreams
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.nodes.service_calls import Script
from lps_ros.nodes.service_calls import ServiceCalls
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from trajectory_msgs.msg import JointTrajectory

_PATIENCE_S = 120.0
# Of a slice of the policy's.
_BARE_SHARE = 0.25
_SETTLE_S = 2.0  # after activating, before anything counts
_SAMPLE_S = 1.0
_REAL_TIME, _SIMULATED = (640, 480), (160, 120)
_START_NS = 1_000_000_000
# When it was sent, its stamp, the tick that its action is for, stamps of the joints and the
# picture that it was planned from; all in ns but the tick.
_COMMAND = struct.Struct('<5q')


class BenchRobotNode(Node):
    """
    Publishes streams; lets the policy act and bare loops tick in turn; writes what it has seen.

    factor above 0: simulated time that passes so many times as fast as real time, and the policy
    alone.
    """

    finished = False

    def __init__(self) -> None:
        super().__init__('bench_robot')
        self._declare()
        self._folder = Path(self._value('output'))
        self._factor = self._value('factor')
        self._began_s = time.monotonic()
        self._commands = bytearray()
        self._figures: dict[str, str] = {}
        self._slices: list[dict[str, Any]] = []
        self._samples: list[dict[str, float]] = []
        self._bare: subprocess.Popen | None = None
        clock = ControlClock(self._value('rate_hz'))
        if self._factor:
            self._clock_out = self.create_publisher(Clock, '/clock', 10)
            self.create_timer(
                1 / (self._value('clock_hz') * self._factor), self._publish_clock)
        self._streams = BenchStreams(
            self, clock, self._now_ns, cameras=self._value('cameras'),
            size=_SIMULATED if self._factor else _REAL_TIME, camera_hz=self._value('camera_hz'),
            joint_hz=self._value('joint_hz'), tool_hz=self._value('tool_hz'),
            factor=self._factor or 1.0)
        self.create_subscription(TwistStamped, 'twist', self._on_twist, COMMAND)
        # Whoever does not command it costs nothing; what it is told is not looked at.
        self.create_subscription(
            JointTrajectory, 'arm', lambda message: None, COMMAND, raw=True)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._calls = ServiceCalls(self, timeout_s=_PATIENCE_S)
        self._script = self._soak() if self._factor else self._session()

    def poll(self) -> None:
        """Go on with what is measured."""
        try:
            next(self._script)
        except StopIteration:
            self.finished = True

    def wait_s(self) -> float:
        """Return how long nothing is due; the streams have timers of their own."""
        return 0.05

    def stop(self) -> None:
        """Write what was seen."""
        if self._bare is not None and self._bare.poll() is None:
            self._bare.kill()
        (self._folder / 'commands.bin').write_bytes(self._commands)
        (self._folder / 'slices.json').write_text(
            json.dumps({'slices': self._slices, 'samples': self._samples}), encoding='utf-8')

    def _declare(self) -> None:
        def fixed(name: str, default: Any, description: str, **limits: Any) -> None:
            declare(self, name, default, description, read_only=True, **limits)

        fixed('rate_hz', 50.0, 'Control rate.', between=(0.1, 1000.0))
        fixed('cameras', 2, 'Cameras.', between=(0, 16))
        fixed('camera_hz', 30.0, 'Frames of each per second.', between=(0.1, 1000.0))
        fixed('joint_hz', 125.0, 'Joint states per second.', between=(0.1, 2000.0))
        fixed('tool_hz', 50.0, 'Poses per second.', between=(0.1, 1000.0))
        fixed('clock_hz', 50.0, 'Readings of a simulated clock per simulated second.',
              between=(0.1, 1000.0))
        fixed('seconds', 60.0, 'For which the policy acts.', between=(0.1, 1e6))
        fixed('slice_s', 20.0, 'Seconds of the policy between bare loops.', between=(0.1, 1e6))
        fixed('factor', 0.0, 'Simulated seconds per second; 0: real time.', between=(0.0, 20.0))
        fixed('policy_pid', 0, "The policy node's process.")
        fixed('output', '.', 'Folder of what is written.')

    def _session(self) -> Script:
        yield from self._change(Transition.TRANSITION_CONFIGURE)
        left_s, slice_s = self._value('seconds'), self._value('slice_s')
        while left_s > 0:
            policy_s = min(left_s, slice_s)
            yield from self._policy(policy_s)
            for kind in ('thread', 'timer'):
                yield from self._bare_loop(kind, max(1.0, _BARE_SHARE * policy_s))
            left_s -= policy_s

    def _soak(self) -> Script:
        yield from self._change(Transition.TRANSITION_CONFIGURE)
        yield from self._policy(self._value('seconds') / self._factor)

    def _policy(self, seconds: float) -> Script:
        yield from self._change(Transition.TRANSITION_ACTIVATE)
        yield from self._wait(_SETTLE_S)
        self._armed_again = 0
        pid = self._value('policy_pid')
        child = busiest_child(pid)
        from_ns, before = time.time_ns(), [process_use(each) for each in (pid, child)]
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            yield from self._wait(min(_SAMPLE_S, left_s))
            self._sample(pid, child)
            if self._figures.get('armed') == 'False':
                # Whatever has disarmed it is counted; the rest is to be measured all the same.
                yield from self._calls.trigger('policy/arm')
                self._armed_again += 1
        after = [process_use(each) for each in (pid, child)]
        to_ns = time.time_ns()
        share = [(now.cpu_s - then.cpu_s) / seconds for now, then in zip(after, before)]
        # What is told once a second shall tell of all of it.
        yield from self._wait(2 * _SAMPLE_S)
        self._slices.append({
            'kind': 'policy', 'from_ns': from_ns, 'to_ns': to_ns, 'node_cpu': share[0],
            'inference_cpu': share[1], 'armed_again': self._armed_again,
            'figures': dict(self._figures)})
        yield from self._change(Transition.TRANSITION_DEACTIVATE)

    def _bare_loop(self, kind: str, seconds: float) -> Script:
        path = self._folder / f'{kind}_{len(self._slices)}.bin'
        self._bare = subprocess.Popen([
            sys.executable, '-m', 'lps_ros.nodes.bare_ticks', kind,
            str(self._value('rate_hz')), str(seconds), str(path)])
        while self._bare.poll() is None:
            yield
        if self._bare.returncode:
            raise StartError(f'the bare {kind} ended with status {self._bare.returncode}')
        self._slices.append({'kind': kind, 'file': path.name})

    def _sample(self, pid: int, child: int) -> None:
        node, inference = process_use(pid), process_use(child)
        self._samples.append({
            'time_s': time.monotonic() - self._began_s, 'load': os.getloadavg()[0],
            **{f'{name}_{what}': getattr(use, what)
               for name, use in (('node', node), ('inference', inference))
               for what in ('rss_mb', 'shared_mb', 'files')}})

    def _change(self, transition: int) -> Script:
        yield from self._calls.change_state('policy', transition)

    def _wait(self, seconds: float) -> Script:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            yield

    def _publish_clock(self) -> None:
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(self._now_ns(), 1_000_000_000)
        self._clock_out.publish(message)

    def _on_twist(self, twist: TwistStamped, info: dict[str, Any]) -> None:
        if (numbers := read_command(twist.twist)) is None:
            return
        tick, joints, frame = numbers
        self._commands += _COMMAND.pack(
            info['source_timestamp'], stamp_ns(twist), tick,
            self._streams.joint_stamps.get(joints, 0), self._streams.frame_stamps.get(frame, 0))

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        self._figures = {each.key: each.value for each in array.status[0].values}

    def _now_ns(self) -> int:
        if not self._factor:
            return time.time_ns()
        return _START_NS + round((time.monotonic() - self._began_s) * self._factor * 1e9)

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def main(args: Sequence[str] | None = None) -> int:
    """Run the robot of the benchmark."""
    return run_node(BenchRobotNode, args)


if __name__ == '__main__':
    sys.exit(main())
