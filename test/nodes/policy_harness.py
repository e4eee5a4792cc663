"""The robot's end of the wires: a policy node in its own process, and a node that plays robot."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
from lps_ros.nodes.camera_messages import image
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import SENSOR_SOURCE
from lps_ros.nodes.remote import Remote
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / 'config' / 'ur5e_cube.yaml'
FAULTY = (str(ROOT / 'test' / 'nodes' / 'faulty_policy.py'),)
PERIOD_NS = 50_000_000
CAMERA = 'camera/front/image_raw'
JOINTS = ('shoulder_pan_joint', 'shoulder_lift_joint', 'elbow_joint', 'wrist_1_joint',
          'wrist_2_joint', 'wrist_3_joint', 'gripper_opening')
_PATIENCE_S = 90.0  # a loaded machine takes half a minute to import torch
_REPEAT_S = 0.5


class NodeProcess:
    """A node in a process of its own."""

    def __init__(self, program, log, domain_id, *ros_arguments, **parameters):
        self.ended = False
        self._log = log
        arguments = list(ros_arguments)
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={value}']
        with open(log, 'w', encoding='utf-8') as file:
            self._process = subprocess.Popen(
                [sys.executable, *program, '--ros-args', *arguments], stdout=file, stderr=file,
                cwd=ROOT, env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT),
                               'ROS_DOMAIN_ID': str(domain_id),
                               'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'})

    @property
    def pid(self):
        """Process id."""
        return self._process.pid

    def log(self):
        """Return all that it has printed."""
        return self._log.read_text(encoding='utf-8')

    def alive(self):
        """Tell whether it runs."""
        return self._process.poll() is None

    def signal(self, number):
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self):
        """Return the exit status of a process that is to end."""
        self.ended = True
        return self._process.wait(_PATIENCE_S)

    def close(self):
        """End it, whatever it is doing."""
        if self.alive():
            self.signal(signal.SIGKILL)
        self._process.wait()


def freeze(process):
    """Stop a process, given its id, and wait until all of its threads stand still."""
    os.kill(process, signal.SIGSTOP)
    tasks = Path(f'/proc/{process}/task')
    while not all(path.read_text().rpartition(')')[2].split()[0] == 'T'
                  for path in tasks.glob('*/stat')):
        time.sleep(0.01)


class PolicyProcess(NodeProcess):
    """A policy node that is armed by being activated, unless told otherwise."""

    def __init__(self, program, log, domain_id, *ros_arguments, **parameters):
        super().__init__(
            program, log, domain_id, *ros_arguments, **{'arm_on_activate': True, **parameters})

    def planners(self):
        """Return the ids of its planning processes: its children that run Python code of ours."""
        found = []
        for entry in filter(str.isdigit, os.listdir('/proc')):
            try:
                status = Path('/proc', entry, 'stat').read_text(encoding='utf-8')
                command = Path('/proc', entry, 'cmdline').read_text(encoding='utf-8')
            except OSError:
                continue
            parent = int(status.rsplit(')', 1)[1].split()[1])
            if parent == self.pid and 'spawn_main' in command:
                found.append(int(entry))
        return found


class Robot:
    """Publishes observations and the clock; keeps every command and report it receives."""

    def __init__(self, process, domain_id, *, namespace='', twist='servo_node/delta_twist_cmds',
                 camera=False):
        self.process = process
        self._camera = camera
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        node = self.node = Node('test_robot', context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._remote = Remote(node, self._spin_once, timeout_s=_PATIENCE_S)
        self._clock = node.create_publisher(Clock, '/clock', 100)
        self._publishers = {
            topic: node.create_publisher(type(message), topic, SENSOR_SOURCE)
            for topic, message in observed(0, camera=camera).items()}
        self._last_tick = 100
        self.observed = 0
        self._unpaired = 0
        self.forget()
        self._twist = twist
        self.listen()
        node.create_subscription(
            Float64MultiArray, 'gripper_controller/commands', self._on_opening, 50)
        self.statuses, self.diagnostics = [], []
        node.create_subscription(
            String, 'policy/status',
            lambda message: self.statuses.append(json.loads(message.data)), LATCHED)
        node.create_subscription(
            DiagnosticArray, '/diagnostics',
            lambda message: self.diagnostics.append(message.status[0]), 50)

    def _spin_once(self, timeout_s):
        assert self.process.ended or self.process.alive(), self.process.log()
        self._executor.spin_once(timeout_sec=timeout_s)

    def listen(self):
        """Hear the twists."""
        self.node.create_subscription(TwistStamped, self._twist, self._on_twist, 50)

    def next_tick(self):
        """Return a tick so long after all before that what they observed is too old."""
        return self._last_tick + 10

    def forget(self):
        """Forget the commands received so far."""
        self.twists, self.openings = [], []

    def close(self):
        """Leave."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def until(self, condition, *, repeat=None):
        """Turn the executor until the condition holds; call `repeat` twice a second meanwhile."""
        end_s = time.monotonic() + _PATIENCE_S
        repeat_s = time.monotonic() + _REPEAT_S
        while not condition():
            assert time.monotonic() < end_s, self.process.log()
            if repeat is not None and time.monotonic() > repeat_s:
                repeat()
                repeat_s = time.monotonic() + _REPEAT_S
            self._spin_once(0.02)

    def spin_for(self, seconds):
        """Turn the executor for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._spin_once(0.02)

    def stream(self):
        """Publish observations at 100 Hz of the wall clock; return the timer that does."""
        return self.node.create_timer(
            0.01, lambda: self.observe(self.node.get_clock().now().nanoseconds))

    def stream_until(self, condition):
        """Publish observations at 100 Hz of the wall clock until the condition holds."""
        timer = self.stream()
        self.until(condition)
        self.node.destroy_timer(timer)

    def play_until(self, condition):
        """Publish ticks at the control rate, whoever waits for them, until the condition holds."""
        timer = self.node.create_timer(PERIOD_NS * 1e-9, lambda: self.tick(self._last_tick + 1))
        self.until(condition)
        self.node.destroy_timer(timer)

    def moves(self):
        """Wait until the robot is moved."""
        self.forget()
        self.until(lambda: len(self.twists) > 5 and not any(map(stopped, self.twists[-5:])))

    def rests(self, reason=''):
        """Wait for a stop, and until the status says why."""
        self.until(lambda: self.twists and stopped(self.twists[-1]))
        self.forget()
        self.until(
            lambda: not self.statuses[-1]['acting'] and reason in self.statuses[-1]['reason'])

    def silent_for(self, ticks):
        """Wait for so many ticks of observations and see that nothing is commanded meanwhile."""
        self.forget()
        count = self.observed + 5 * ticks
        self.until(lambda: self.observed > count)
        assert self.twists == []
        assert self.openings == []

    def change(self, *transitions):
        """Take the policy through lifecycle transitions."""
        for transition in transitions:
            self._remote.change_state('policy', transition)

    def trigger(self, service):
        """Call a Trigger service; raises StartError where it says no."""
        return self._remote.trigger(service)

    def set(self, **parameters):
        """Set parameters of the policy."""
        self._remote.set_parameters('policy', **parameters)

    def get(self, name):
        """Return a string parameter of the policy."""
        return self._remote.call(
            GetParameters, 'policy/get_parameters', GetParameters.Request(names=[name])
        ).values[0].string_value

    def observe(self, time_ns, *, without=(), **changes):
        """Publish one message of every stream, but not on the topics in `without`."""
        self.observed += 1
        for topic, message in observed(time_ns, camera=self._camera, **changes).items():
            if topic not in without:
                self._publishers[topic].publish(message)

    def publish(self, topic, messages):
        """Publish messages one by one, so slowly that a short queue takes them."""
        for message in messages:
            self._publishers[topic].publish(message)
            self._executor.spin_once(timeout_sec=0.002)

    def set_clock(self, time_ns):
        """Publish a reading of the simulated clock."""
        self._clock.publish(Clock(clock=rclpy.time.Time(nanoseconds=time_ns).to_msg()))

    def tick(self, k, **changes):
        """Publish tick k as the simulator in lock-step does."""
        self._last_tick = k
        self.set_clock(k * PERIOD_NS)
        self.repeat(k, **changes)

    def repeat(self, k, **changes):
        """Publish tick k again, in case that something was lost."""
        self.observe(k * PERIOD_NS, **changes)
        self.set_clock(k * PERIOD_NS + 1_000_000)

    def commanded(self, k):
        """Tell whether the command of tick k has come, twist and gripper."""
        return bool(self.twists and not stopped(self.twists[-1]) and self._unpaired == 0
                    and stamp_ns(self.twists[-1]) > k * PERIOD_NS)

    def lock_step(self, ticks, **changes):
        """Play ticks, each once its predecessor has been commanded; return twists, openings."""
        twists, openings = [], []
        for k in ticks:
            if k != self._last_tick:  # else its command may have come already
                self.forget()
                self.tick(k, **changes)
            self.until(lambda k=k: self.commanded(k), repeat=lambda k=k: self.repeat(k, **changes))
            twists.append(self.twists[-1].twist)
            openings.append(self.openings[-1].data[0])
        return twists, openings

    def refused(self, k, **changes):
        """Play tick k until the policy says why it does not act; return that status."""
        self.statuses.clear()
        self.forget()
        self.tick(k, **changes)
        self.until(lambda: self.statuses and self.statuses[-1]['reason'],
                   repeat=lambda: self.repeat(k, **changes))
        return self.statuses[-1]

    def _on_twist(self, twist):
        self.twists.append(twist)
        self._unpaired += not stopped(twist)

    def _on_opening(self, opening):
        self.openings.append(opening)
        self._unpaired -= 1


def observed(time_ns, *, position=0.0, rename=None, stamp_offset_ns=0, camera=False, frozen_ns=0):
    """
    Return by topic what the robot observes at a time: another arm pose at every tick.

    position: added to the joints; rename: joints by other names; stamp_offset_ns: added to stamps;
    camera: with a picture, another one at every tick; frozen_ns: the time that it is of, since
    when the camera has repeated it.
    """
    stamp = rclpy.time.Time(nanoseconds=time_ns + stamp_offset_ns).to_msg()
    phase = 0.01 * (time_ns // PERIOD_NS % 300)
    joints = JointState(
        name=[(rename or {}).get(name, name) for name in JOINTS],
        position=[phase + 0.1 * i + position for i in range(6)] + [0.04],
        velocity=[0.0] * 7, effort=[0.0] * 7)
    joints.header.stamp = stamp
    messages = {'joint_states': joints}
    for topic, x in (('tool_pose', 0.4), ('cube_pose', 0.45), ('goal_pose', 0.5)):
        pose = messages[topic] = PoseStamped()
        pose.header.stamp, pose.header.frame_id = stamp, 'base_link'
        pose.pose.position.x, pose.pose.position.z = x, 0.2
    if camera:
        messages[CAMERA] = _picture(frozen_ns or time_ns)
    return messages


def _picture(time_ns):
    """Return a frame larger than the policy sees it."""
    shade = np.linspace(0, 200, 96 * 80).reshape(80, 96, 1) + 7 * (time_ns // PERIOD_NS) % 50
    header = stamped_header(time_ns, 'camera')
    return image(np.repeat(shade, 3, axis=2).astype(np.uint8), header)


def stopped(twist):
    """Tell whether a twist is a stop."""
    parts = twist.twist.linear, twist.twist.angular
    return not any(getattr(part, axis) for part in parts for axis in 'xyz')
