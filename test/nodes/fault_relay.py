"""Between the simulated arm and the policy: passes topics on, tampered with on demand."""

from collections import deque
from dataclasses import dataclass

from fault_measure import JointReadings
from fault_measure import SimulatedTime
from fault_measure import ToolPath
from fault_measure import Values
from fault_planner import REAL_TIME_FACTOR
from geometry_msgs.msg import PoseStamped
from lps_ros.contract import parse_contract
from lps_ros.nodes.camera_messages import image
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import SENSOR_SOURCE
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from sensor_msgs.msg import Joy
from std_msgs.msg import Float64MultiArray

# The simulator's topics, out of the policy's sight.
BEHIND = {'/clock': '/behind/clock', 'joint_states': 'behind/joint_states',
          'tool_pose': 'behind/tool_pose'}
LATE_NS = 200_000_000
FRAME_NS = 30_000_000
JOY_NS = 50_000_000


@dataclass
class Tampering:
    """What is done to the streams; nothing unless set."""

    clock_offset_ns: int = 0
    clock_stops: bool = False
    joints: str = ''  # 'late' or 'nan'
    camera: str = ''  # 'frozen' or 'gone'
    dead_man_held: bool = True


class Relay:
    """Passes streams on, is the camera and the dead-man switch, and notes what really happens."""

    def __init__(self, node, way):
        """Take the node that passes on and how the arm is commanded, see fault_ways."""
        self.tampering = Tampering()
        self.time = SimulatedTime(REAL_TIME_FACTOR)
        self.path, self.joints = ToolPath(), JointReadings()
        contract = parse_contract(way.contract())
        self.arm = way.channel(contract, self.joints)
        self._gripper = Values(contract, 'gripper_command')
        self.channels = (self.arm, self._gripper)
        self._late = deque()
        self._noise = np.random.default_rng(0)
        self._frame_due_ns = self._joy_due_ns = 0
        self._picture = self._new_picture()
        self._out = {
            '/clock': node.create_publisher(Clock, '/clock', 100),
            **{topic: node.create_publisher(kind, topic, SENSOR_SOURCE) for topic, kind in (
                ('joint_states', JointState), ('tool_pose', PoseStamped), ('joy', Joy),
                ('camera/front/image_raw', Image))}}
        for topic, kind, callback in (
                ('/clock', Clock, self._on_clock), ('joint_states', JointState, self._on_joints),
                ('tool_pose', PoseStamped, self._on_tool)):
            node.create_subscription(kind, BEHIND[topic], callback, 100)
        node.create_subscription(
            way.kind, way.topic,
            lambda message, info: way.heard(self.arm, message, info, self.time), 50)
        node.create_subscription(
            Float64MultiArray, 'gripper_controller/commands', self._on_gripper, 50)

    def begin_anew(self):
        """Take it that the simulator, and its clock, has started again."""
        self.path = ToolPath()
        for channel in self.channels:
            channel.robot_is_new()
        self._late.clear()
        self._frame_due_ns = self._joy_due_ns = 0

    def heard_by_policy(self):
        """Tell whether every stream has its subscriber."""
        return all(publisher.get_subscription_count() for publisher in self._out.values())

    def _on_clock(self, clock: Clock, info):
        now_ns = clock.clock.sec * 10**9 + clock.clock.nanosec
        self.time.see(info['source_timestamp'], now_ns)
        if not self.tampering.clock_stops:
            seconds, nanoseconds = divmod(now_ns + self.tampering.clock_offset_ns, 10**9)
            clock.clock.sec, clock.clock.nanosec = seconds, nanoseconds
            self._out['/clock'].publish(clock)

    def _on_joints(self, joints):
        self.joints.see(joints)
        if self.tampering.joints == 'nan':
            joints.velocity[2] = float('nan')
        self._late.append(joints)
        due_ns = stamp_ns(joints) - LATE_NS * (self.tampering.joints == 'late')
        while self._late and stamp_ns(self._late[0]) <= due_ns:
            self._out['joint_states'].publish(self._late.popleft())

    def _on_tool(self, pose):
        point, now_ns = pose.pose.position, stamp_ns(pose)
        self.path.see(now_ns, (point.x, point.y, point.z))
        self._out['tool_pose'].publish(pose)
        if now_ns >= self._frame_due_ns and self.tampering.camera != 'gone':
            self._frame_due_ns = now_ns + FRAME_NS
            if self.tampering.camera != 'frozen':
                self._picture = self._new_picture()
            self._out['camera/front/image_raw'].publish(
                image(self._picture, stamped_header(now_ns, 'camera')))
        if now_ns >= self._joy_due_ns:
            self._joy_due_ns = now_ns + JOY_NS
            self.publish_joy()

    def publish_joy(self):
        """Tell whether the dead-man switch is held."""
        self._out['joy'].publish(Joy(buttons=[int(self.tampering.dead_man_held)]))

    def _new_picture(self):
        return self._noise.integers(0, 255, (32, 32, 3), np.uint8)

    def _on_gripper(self, opening, info):
        self._gripper.see(info, opening.data)
