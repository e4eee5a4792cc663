"""The ways in which the arm is commanded: what is sent, and what a stop is."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
import time

from fault_measure import Values
from fault_trajectories import Trajectories
from geometry_msgs.msg import TwistStamped
from lps_ros.nodes.ros_messages import stamp_ns
from trajectory_msgs.msg import JointTrajectory

COMMAND_TIMEOUT_S = 0.1  # of the simulated arm, for twists
# How much faster than its trajectory a joint of the simulated arm may be while its servo settles.
SERVO_OVERSHOOT = 0.08
_SILENT_S = 0.1  # after the end of a trajectory, until it is sure that none follows
_SOMEBODY_ELSE = 'somebody_else'


@dataclass(frozen=True)
class Stop:
    """How the arm was stopped."""

    at_ns: float  # simulated time
    sent_ns: int  # wall time of the last command: the stop, if it was sent one
    sent: bool


class _Way:
    """
    What the ways have in common.

    `key` is of the action that moves the arm; above `fast_m_s` a fault may strike.
    """

    def contract(self):
        """Return the contract's text."""
        return Path(__file__).with_name(self._file).read_text(encoding='utf-8')

    def interrupted(self, arm, since_ns):
        """Tell whether the arm was stopped since a wall time."""
        return any(command.stops or command.begins_anew for command in arm.since(since_ns))

    def moved(self, arm, stop):
        """Tell whether the arm was commanded to move since a stop."""
        return not all(command.stops for command in arm.since(stop.sent_ns + 1))

    @staticmethod
    def _told(arm, since_ns, simulated):
        """Return the first stop that was sent since a wall time, None without."""
        for command in arm.since(since_ns):
            if command.stops:
                return Stop(simulated.at(command.sent_ns), command.sent_ns, True)
        return None


class Twists(_Way):
    """By tool velocities; a stop is zeros, sent whatever the arm does."""

    name, key, kind = 'twist', 'twist', TwistStamped
    topic = 'servo_node/delta_twist_cmds'
    fast_m_s = 0.05  # the tool is told to be twice as fast
    _file = 'fault_contract.yaml'

    def channel(self, contract, joints):
        """Return what keeps the commands."""
        return Values(contract, self.key)

    def heard(self, arm, message, info, simulated):
        """Take a message of the command topic."""
        # What the second commander of the tests sends has no stamp.
        if stamp_ns(message):
            linear, angular = message.twist.linear, message.twist.angular
            arm.see(info, (linear.x, linear.y, linear.z, angular.z))

    def somebody_else(self, arm):
        """Return a command of somebody else."""
        twist = TwistStamped()
        twist.header.frame_id, twist.twist.linear.y = 'base_link', 0.1
        return twist

    def stop(self, arm, since_ns, simulated):
        """Return how the arm was stopped since a wall time, None unless it was."""
        return self._told(arm, since_ns, simulated)

    def unwatched(self, arm, simulated):
        """Return when the arm stops by itself."""
        last_ns = arm.all[-1].sent_ns
        timeout_ns = COMMAND_TIMEOUT_S * 1e9 / simulated.factor
        return Stop(simulated.at(last_ns + timeout_ns), last_ns, False)

    def overspeed(self, arm, fastest):
        """Return the share of its velocity limit that the fastest joint reached: it has none."""
        return 0.0


class JointTrajectories(_Way):
    """
    By joint trajectories, of one point or of whole chunks.

    The arm stops where a trajectory has led it. A chunk under way is ended by a stop, a point is
    not: there silence is the stop, and the arm stops when the last point is reached.
    """

    key, kind = 'arm', JointTrajectory
    topic = 'joint_trajectory_controller/joint_trajectory'
    fast_m_s = 0.1  # 0.15 once it has set off
    _file = 'fault_contract_joints.yaml'

    def __init__(self, send):
        """Take the contract's `send`."""
        self.name = send

    def contract(self):
        """Return the contract's text."""
        return super().contract().replace('send: chunk', f'send: {self.name}')

    def channel(self, contract, joints):
        """Return what keeps the commands."""
        return Trajectories(contract, self.key, joints)

    def heard(self, arm, message, info, simulated):
        """Take a message of the command topic."""
        if message.header.frame_id != _SOMEBODY_ELSE:
            arm.see(info, message, simulated.at(info['source_timestamp']))

    def somebody_else(self, arm):
        """Return a command of somebody else: the last one again."""
        message = deepcopy(arm.newest)
        message.header.frame_id = _SOMEBODY_ELSE
        return message

    def stop(self, arm, since_ns, simulated):
        """Return how the arm was stopped since a wall time, None unless it was."""
        last = arm.all[-1]
        silent = simulated.at(time.time_ns()) > last.ends_ns + _SILENT_S * 1e9
        return self._told(arm, since_ns, simulated) or (
            Stop(last.ends_ns, last.sent_ns, False) if silent else None)

    def overspeed(self, arm, fastest):
        """Return the share of its velocity limit that the fastest joint reached."""
        return arm.take_share_of_velocity(fastest)


WAYS = {way.name: way for way in (
    Twists(), JointTrajectories('chunk'), JointTrajectories('point'))}
