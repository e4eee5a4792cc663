"""A teleoperation device that moves joints: it turns a person's tool velocities into targets."""

from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.scene import CONTROL_PERIOD_S
from lps_ros.sim.scene import CubeScene
from lps_ros.sim.trajectory import JointTrajectory
import mujoco
import numpy as np

# The joints follow a trajectory exactly, while a twist moves the arm at half its speed.
_SPEED = 0.5
_TREMOR_RAD = 0.01
# Keeps the tremor's draws apart from the operator's and the scene's.
_STREAM = 2


class JointTeleoperation:
    """
    Moves the joints to where half a tool velocity leads within a control period.

    The inverse kinematics are OGBench's own, within its workspace, with the gripper pointing
    down. Every joint trembles by itself, as under a hand that leads it: where demonstrations
    never tilt the gripper, nobody can learn from them how to right it.

    :param tremor_rad: standard deviation of each joint's target, new at every command
    """

    def __init__(self, tremor_rad: float = _TREMOR_RAD) -> None:
        self._tremor_rad = tremor_rad
        self._scene = CubeScene()
        self._scene.load(1, seed=0)
        model = self._scene.model
        self._qpos = [model.joint(f'ur5e/{name}').qposadr[0] for name in JOINT_NAMES]
        self._actuators = [
            model.actuator(f'ur5e/{name.removesuffix("_joint")}').id for name in JOINT_NAMES]
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self._rng = np.random.default_rng((_STREAM, seed))
        self._target: np.ndarray | None = None

    def trajectory(self, twist: np.ndarray, joint_positions: np.ndarray) -> JointTrajectory:
        """
        Return where to go within a control period, as one point.

        :param twist: (4,) linear x, y, z in m/s and angular z in rad/s in the base's frame; all
            zero stays at the last target
        :param joint_positions: (6,) measured, in rad
        """
        if self._target is None:
            self._target = np.array(joint_positions)
        if twist.any():
            data = self._scene.data
            data.qpos[self._qpos] = joint_positions
            mujoco.mj_kinematics(self._scene.model, data)
            action = _SPEED * np.clip(twist / FULL_TWIST, -1.0, 1.0)
            self._scene.set_control(np.append(action, 0.0))
            self._target = data.ctrl[self._actuators].copy()
        return JointTrajectory(
            times_s=np.array([CONTROL_PERIOD_S]),
            positions=self._target + self._tremor_rad * self._rng.standard_normal((1, 6)))
