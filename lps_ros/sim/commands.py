"""The topics that command the simulated robot, and what a joint trajectory on one of them says."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from lps_ros.contract import Contract
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np

TWIST_TOPIC = 'servo_node/delta_twist_cmds'
TRAJECTORY_TOPIC = 'joint_trajectory_controller/joint_trajectory'
GRIPPER_TOPIC = 'gripper_controller/commands'


def by_joints(contract: Contract) -> bool:
    """Tell whether a contract commands the arm by joint trajectories instead of twists."""
    return any(action.topic == TRAJECTORY_TOPIC for action in contract.actions)


def joint_trajectory(message: Any, now_ns: int) -> JointTrajectory:
    """
    Return a trajectory_msgs/JointTrajectory in the order of JOINT_NAMES, its times from now.

    message: any object with the ROS field names as attributes, velocities may be left out; a
    stamp of zero means now. Raises
    ValueError for one that the robot cannot follow.
    """
    if sorted(message.joint_names) != sorted(JOINT_NAMES):
        raise ValueError(f'has joints {", ".join(message.joint_names) or "none"}, expected '
                         f'{", ".join(JOINT_NAMES)}')
    order = [list(message.joint_names).index(name) for name in JOINT_NAMES]
    positions, velocities = (
        _values([getattr(point, field, ()) for point in message.points], field, order)
        for field in ('positions', 'velocities'))
    if positions is None:
        raise ValueError('has no positions, expected them at every point')
    begins_ns = _ns(message.header.stamp) or now_ns
    times_s = np.array([
        begins_ns - now_ns + _ns(point.time_from_start) for point in message.points]) * 1e-9
    trajectory = JointTrajectory(times_s=times_s, positions=positions, velocities=velocities)
    if fault := trajectory.fault():
        raise ValueError(fault)
    return trajectory


def as_message(content: Mapping[str, Any]) -> SimpleNamespace:
    """Return plain field values, as of an OutgoingMessage, with the fields as attributes."""
    return SimpleNamespace(**{name: _plain(value) for name, value in content.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return as_message(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _values(rows: list, field: str, order: list[int]) -> np.ndarray | None:
    """Return one field of all points (n, J) in the order of the joints, None where none has it."""
    lengths = {len(row) for row in rows}
    if lengths <= {0}:
        return None
    if lengths != {len(order)}:
        raise ValueError(f'has {min(lengths)} to {max(lengths)} {field} a point, expected '
                         f'{len(order)} at every point, or none')
    return np.array(rows, np.float64)[:, order]


def _ns(time: Any) -> int:
    return time.sec * 1_000_000_000 + time.nanosec
