"""A policy node that moves the simulated arm, each in its process; what it sees passes here."""

from collections import deque
from dataclasses import dataclass
import json
import time

from fault_measure import Commands
from fault_measure import SimulatedTime
from fault_measure import ToolPath
from fault_planner import CONTRACT
from fault_planner import REAL_TIME_FACTOR
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
from lps_ros.contract import load_contract
from lps_ros.nodes.camera_messages import image
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import SENSOR_SOURCE
from lps_ros.nodes.remote import Remote
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from policy_harness import CAMERA
from policy_harness import NodeProcess
from policy_harness import PERIOD_NS
from policy_harness import PolicyProcess
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String

TWIST = 'servo_node/delta_twist_cmds'
_POLICY = (str(CONTRACT.with_name('fault_planner.py')),)
_SIMULATOR = ('-m', 'lps_ros.nodes.simulated_robot_node')
_SEEN = {'/clock': '/seen/clock', 'joint_states': 'seen/joint_states',
         'tool_pose': 'seen/tool_pose'}
_EVERYTHING = QoSProfile(depth=1000)
_PATIENCE_S = 60.0
_REST_NS = 200_000_000


@dataclass
class Tampering:
    """What is wrong with what the policy gets to see."""

    clock_runs: bool = True
    clock_ahead_ns: int = 0
    joints_late_ns: int = 0
    joints_nan: bool = False
    camera_there: bool = True
    camera_frozen: bool = False
    switch_held: bool = True


class FaultRig:
    """Starts both nodes and stands between them; keeps what the arm did and was told."""

    def __init__(self, folder, domain_id):
        self.folder = folder
        self.tampering = Tampering()
        self.time, self.path = SimulatedTime(), ToolPath()
        contract = load_contract(CONTRACT)
        self.twists, self.openings = (
            Commands(contract, key) for key in ('twist', 'gripper_command'))
        self.statuses = []
        self._domain_id = domain_id
        self._starts = 0
        self.bundle = folder / 'good'
        self.bundle.mkdir()
        self.plans('well')
        self.policy = self.simulator = None
        self._late_joints = deque()
        self._rng = np.random.default_rng(0)
        self._picture = None
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = Node('fault_rig', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.remote = Remote(self.node, self._spin_once, timeout_s=_PATIENCE_S)
        self._connect()
        self.start_simulator()
        self.start_policy()

    def plans(self, how):
        """Have the network fail in this way from its next plan on."""
        # Replaced in one go: the network may be reading it.
        new = self.bundle / 'new'
        new.write_text(how, encoding='utf-8')
        new.rename(self.bundle / 'fault')

    def start_simulator(self):
        """Start the simulated robot; its clock begins at the beginning."""
        self.time, self.path = SimulatedTime(), ToolPath()
        self.simulator = NodeProcess(
            _SIMULATOR, self._log('simulator'), self._domain_id, mode='free',
            real_time_factor=REAL_TIME_FACTOR, episode_steps=0)

    def start_policy(self):
        """Start the policy node and wait until it is active, not armed."""
        remaps = [each for topic, seen in _SEEN.items() for each in ('-r', f'{topic}:={seen}')]
        self.statuses.clear()
        self.twists.begin_anew()
        self.openings.begin_anew()
        self.policy = PolicyProcess(
            _POLICY, self._log('policy'), self._domain_id, *remaps, use_sim_time=True,
            autostart=True, bundle=self.bundle, ramp_s=0.2, dead_man_topic='joy',
            arm_on_activate=False)
        self.until(lambda: self.statuses and self.statuses[-1]['state'] == 'active'
                   and self.time.newest_ns)

    def close(self):
        """End both."""
        for process in (self.policy, self.simulator):
            if process is not None:
                process.close()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    @property
    def status(self):
        """Return what the policy node last said of itself."""
        return self.statuses[-1]

    def until(self, condition):
        """Pass messages on until the condition holds."""
        end_s = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, self.policy.log()
            self._spin_once(0.02)

    def pass_ms(self, simulated_ms):
        """Pass messages on for a while of simulated time."""
        end_ns = self.time.newest_ns + simulated_ms * 1e6
        self.until(lambda: self.time.newest_ns > end_ns)

    def moves(self):
        """Arm and wait until the arm is well under way with space before it."""
        while not self._under_way():
            if not self.status['armed']:
                # The middleware may keep a machine that is overloaded from seeing it is alone.
                self.remote.trigger('policy/arm')
                self.until(lambda: self.status['armed'])
            self.until(lambda: self._under_way() or not self.status['armed'])

    def at_rest(self, since_wall_ns):
        """Tell whether the arm has been at rest for a while."""
        newest_ns = self.time.newest_ns
        return newest_ns - self.path.at_rest_since_ns(
            max(self.time.at(since_wall_ns), newest_ns - 2 * _REST_NS)) >= _REST_NS

    def _under_way(self):
        twists = self.twists.all[-8:]
        _, speeds = self.path.speeds(self.time.newest_ns - 100_000_000)
        return (self.status['acting'] and len(twists) == 8 and len(speeds) > 5
                and not any(twist.stops for twist in twists) and speeds.min() > 0.02
                and len({np.sign(twist.values[1]) for twist in twists}) == 1
                and self.path.y * np.sign(twists[-1].values[1]) < 0.05)

    def _spin_once(self, timeout_s):
        for process in (self.policy, self.simulator):
            assert process is None or process.ended or process.alive(), process.log()
        self._executor.spin_once(timeout_sec=timeout_s)

    def _log(self, name):
        self._starts += 1
        return self.folder / f'{name}_{self._starts}'

    def _connect(self):
        node = self.node
        self._clock, self._joints, self._tool = (
            node.create_publisher(kind, topic, _EVERYTHING) for kind, topic in zip(
                (Clock, JointState, PoseStamped), _SEEN.values()))
        self._camera = node.create_publisher(type(image(
            np.zeros((1, 1, 3), np.uint8), stamped_header(0, ''))), CAMERA, SENSOR_SOURCE)
        self._joy = node.create_publisher(Joy, 'joy', 10)
        self.e_stop = node.create_publisher(Bool, 'e_stop', 10)
        for kind, topic, callback in (
                (Clock, '/clock', self._on_clock), (JointState, 'joint_states', self._on_joints),
                (PoseStamped, 'tool_pose', self._on_tool), (TwistStamped, TWIST, self._on_twist),
                (Float64MultiArray, 'gripper_controller/commands', self._on_opening)):
            node.create_subscription(kind, topic, callback, _EVERYTHING)
        node.create_subscription(
            String, 'policy/status',
            lambda message: self.statuses.append(json.loads(message.data)), LATCHED)

    def _on_clock(self, clock, info):
        now_ns = clock.clock.sec * 1_000_000_000 + clock.clock.nanosec
        if now_ns < self.time.newest_ns:
            return  # a last word of a simulator that was restarted
        self.time.see(info['source_timestamp'], now_ns)
        if self.tampering.clock_runs:
            self._clock.publish(Clock(clock=rclpy.time.Time(
                nanoseconds=now_ns + self.tampering.clock_ahead_ns).to_msg()))
        while self._late_joints and self._late_joints[0][0] <= now_ns:
            self._joints.publish(self._late_joints.popleft()[1])
        if now_ns % PERIOD_NS == 0:
            self._joy.publish(Joy(buttons=[0] * 4 + [int(self.tampering.switch_held)]))
            if self.tampering.camera_there:
                self._camera.publish(self._frame(now_ns))

    def _frame(self, now_ns):
        if self._picture is None or not self.tampering.camera_frozen:
            self._picture = self._rng.integers(0, 256, (48, 48, 3), np.uint8)
        return image(self._picture, stamped_header(now_ns, 'camera'))

    def _on_joints(self, joints):
        if self.tampering.joints_nan:
            joints.position[2] = float('nan')
        self._late_joints.append((stamp_ns(joints) + self.tampering.joints_late_ns, joints))
        if not self.tampering.joints_late_ns:
            while self._late_joints:
                self._joints.publish(self._late_joints.popleft()[1])

    def _on_tool(self, tool):
        position = tool.pose.position
        self.path.see(stamp_ns(tool), (position.x, position.y, position.z))
        self._tool.publish(tool)

    def _on_twist(self, twist, info):
        linear, angular = twist.twist.linear, twist.twist.angular
        self.twists.see(
            info['source_timestamp'], [linear.x, linear.y, linear.z, angular.z])

    def _on_opening(self, opening, info):
        self.openings.see(info['source_timestamp'], opening.data)
