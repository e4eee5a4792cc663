"""A pilot of the simulated robot's topics, which keeps all that it hears."""

from functools import cache
import json
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.remote import Remote
from lps_ros.nodes.ros_messages import stamp_ns
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.robot import SimulatedRobot
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

PERIOD_NS = 50_000_000
_PATIENCE_S = 40.0


@cache
def robot_without_ros():
    """Return the robot that tells what the node should do; its model takes seconds to compile."""
    return SimulatedRobot()


class Pilot:
    """Drives the robot of one ROS domain, or only looks on; use as a context manager."""

    def __init__(self, domain, *, drives=True):
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        node = self.node = Node('pilot', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._remote = Remote(node, self.spin_once)
        self._commands = (
            node.create_publisher(TwistStamped, 'servo_node/delta_twist_cmds', COMMAND),
            node.create_publisher(
                JointTrajectory, 'joint_trajectory_controller/joint_trajectory', COMMAND),
            node.create_publisher(Float64MultiArray, 'gripper_controller/commands', COMMAND),
        ) if drives else ()
        if drives:
            self._twist, self._joints, self._gripper = self._commands
        self.clock, self.flags, self.complaints = [], [], []
        self.heard = {'joints': {}, 'tool': {}, 'cube': {}, 'goal': {}, 'image': {}, 'info': {}}
        self.status = {}
        for kind, topic, key in (
                (JointState, 'joint_states', 'joints'), (PoseStamped, 'tool_pose', 'tool'),
                (PoseStamped, 'cube_pose', 'cube'), (PoseStamped, 'goal_pose', 'goal'),
                (Image, 'camera/front/image_raw', 'image'),
                (CameraInfo, 'camera/front/camera_info', 'info')):
            node.create_subscription(
                kind, topic, lambda message, key=key: self._hear(key, message), SENSOR)
        node.create_subscription(Clock, '/clock', self._on_clock, 100)
        node.create_subscription(String, 'task/status', self._on_status, LATCHED)
        for flag in ('success', 'placed'):
            node.create_subscription(
                Bool, f'task/{flag}',
                lambda message, flag=flag: self.flags.append((flag, message.data)), LATCHED)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    @property
    def tick(self):
        """Return the last control tick that has passed."""
        return (self.clock[-1] - 1) // PERIOD_NS if self.clock else -1

    def spin_once(self, timeout_s=0.05):
        self._executor.spin_once(timeout_sec=timeout_s)

    def until(self, condition):
        """Turn the executor until the condition holds."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, 'the robot did not do it'
            self.spin_once()

    def at_tick(self, tick):
        """Wait until a tick has passed and all that belongs to it has come; return it."""
        time_ns = tick * PERIOD_NS
        self.until(
            lambda: self.tick >= tick and self.status['sim_time_s'] * 1e9 > time_ns - 1 and all(
                self.heard[key] and max(self.heard[key]) >= time_ns
                for key in ('joints', 'tool', 'cube', 'goal')))
        return tick

    def send_twist(self, twist, *, stamp=None, frame='base_link'):
        """Publish a twist (4,), stamped with the clock unless told otherwise."""
        message = TwistStamped()
        message.header.frame_id = frame
        seconds, nanoseconds = divmod(self.clock[-1] if stamp is None else stamp, 10**9)
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds
        linear = message.twist.linear
        linear.x, linear.y, linear.z, message.twist.angular.z = map(float, twist)
        self._twist.publish(message)

    def send_trajectory(self, positions, velocities=None, *, stamp=None, names=JOINT_NAMES,
                        period_s=0.05):
        """Publish points (n, J), a period apart, stamped with the clock unless told otherwise."""
        message = JointTrajectory(joint_names=list(names))
        seconds, nanoseconds = divmod(self.clock[-1] if stamp is None else stamp, 10**9)
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds
        for k, row in enumerate(positions):
            point = JointTrajectoryPoint(positions=list(map(float, row)))
            if velocities is not None:
                point.velocities = list(map(float, velocities[k]))
            seconds, nanoseconds = divmod(round((k + 1) * period_s * 1e9), 10**9)
            point.time_from_start.sec, point.time_from_start.nanosec = seconds, nanoseconds
            message.points.append(point)
        self._joints.publish(message)

    def send_opening(self, *values):
        """Publish a gripper command."""
        self._gripper.publish(Float64MultiArray(data=list(map(float, values))))

    def forget(self):
        """Forget the observations heard so far."""
        for messages in self.heard.values():
            messages.clear()

    def connect(self):
        """Wait until the robot hears the commands and the clock is heard."""
        self.until(lambda: all(each.get_subscription_count() for each in self._commands)
                   and self.clock and self.status)

    def trigger(self, service):
        """Call a service and wait for its answer."""
        self._remote.trigger(service)

    def set_robot(self, **parameters):
        """Set parameters of the robot, which it takes over on reset."""
        self._remote.set_parameters('simulated_robot', **parameters)

    def reset(self, **parameters):
        """Reset the robot with these parameters, and wait for its first tick."""
        episode = self.status['episode']
        self.set_robot(**parameters)
        self._remote.trigger('simulated_robot/reset')
        self.until(lambda: self.status['episode'] > episode)
        self.at_tick(round(self.status['sim_time_s'] * 1e9) // PERIOD_NS)

    def _hear(self, key, message):
        self.heard[key].setdefault(stamp_ns(message), message)

    def _on_clock(self, message):
        self.clock.append(message.clock.sec * 10**9 + message.clock.nanosec)

    def _on_status(self, message):
        self.status = json.loads(message.data)

    def _on_diagnostics(self, message):
        if message.status[0].level == message.status[0].WARN:
            self.complaints.append(message.status[0].message)


def reading(pilot, time_ns):
    """Return all numbers of one instant: joints, tool, cube."""
    joints = pilot.heard['joints'][time_ns]
    numbers = [*joints.position, *joints.velocity, *joints.effort]
    for key in ('tool', 'cube', 'goal'):
        pose = pilot.heard[key][time_ns].pose
        p, q = pose.position, pose.orientation
        numbers += [p.x, p.y, p.z, q.x, q.y, q.z, q.w]
    return numbers


def tool_path(pilot, since_ns=0):
    """Return times (N,) in ns and tool positions (N, 3) in m that were heard, in order."""
    times = sorted(time_ns for time_ns in pilot.heard['tool'] if time_ns >= since_ns)
    points = [pilot.heard['tool'][time_ns].pose.position for time_ns in times]
    return np.array(times), np.array([[point.x, point.y, point.z] for point in points])
