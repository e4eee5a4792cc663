"""OGBench's UR5e with a Robotiq gripper as a robot: commands in SI units, plain state out."""

from dataclasses import dataclass

from lps_ros.sim.pose import Pose
from lps_ros.sim.progress import ProgressTracker
from lps_ros.sim.progress import TaskProgress
from lps_ros.sim.rendering import CameraRenderer
from lps_ros.sim.scene import CubeScene
from lps_ros.sim.scene import PHYSICS_STEP_S
from lps_ros.sim.scene import STEPS_PER_PERIOD
from lps_ros.sim.scene import TASKS
from lps_ros.sim.trajectory import JointTrajectory
from lps_ros.sim.trajectory import TrajectoryFollower
import mujoco
import numpy as np

JOINT_NAMES = ('shoulder_pan_joint', 'shoulder_lift_joint', 'elbow_joint', 'wrist_1_joint',
               'wrist_2_joint', 'wrist_3_joint')
# The command whose OGBench action is 1: 0.05 m and 0.3 rad per 0.05 s.
FULL_TWIST = np.array([1.0, 1.0, 1.0, 6.0])
# OGBench's opening is the driver joint's angle, 0 open to 1 closed; the gap between the pads is
# linear in it to 2 mm.
OPEN_M = 0.085
FULL_SENSOR_FORCE_N = 50.0
_DRIVER_RANGE_RAD = 0.8


@dataclass(frozen=True, kw_only=True)
class RobotState:
    """
    What the robot's sensors read, in the base's frame; `time_s` is since the reset.

    `joint_positions` (6,) rad, `joint_velocities` (6,) rad/s and `joint_efforts` (6,) Nm in the
    order of JOINT_NAMES; `gripper_opening_m` 0 closed to 0.085; `gripper_force_n` at the right
    pad, at most 50.
    """

    time_s: float
    joint_positions: np.ndarray
    joint_velocities: np.ndarray
    joint_efforts: np.ndarray
    gripper_opening_m: float
    gripper_velocity_m_s: float
    gripper_force_n: float
    tool: Pose
    cube: Pose
    goal: Pose


class SimulatedRobot:
    """
    OGBench's cube task behind the commands of a real arm.

    A command moves the joint targets once, as one OGBench step does: 25 physics steps after each
    command are exactly OGBench's `env.step`. Call `reset` before anything else.
    """

    def __init__(self) -> None:
        self._scene = CubeScene()
        self._cameras: CameraRenderer | None = None
        self._holding = False
        self._follower: TrajectoryFollower | None = None
        self._substeps = 0

    def reset(self, task: int, seed: int, *, episode_steps: int = 200) -> None:
        """
        Start an episode; equal arguments give the same state to the bit, whatever was before.

        `episode_steps` control periods end it, 0 means no limit. Raises ValueError for a task
        that OGBench does not have.
        """
        if task not in TASKS:
            raise ValueError(f'task is {task}, expected {TASKS.start} to {TASKS.stop - 1}')
        self._scene.load(task, seed)
        if self._cameras is None:
            self._bind()
        qpos, goal = self._data.qpos.copy(), self._data.mocap_pos.copy()
        goal_quaternion = self._data.mocap_quat.copy()
        # Clears what OGBench's steps towards the goal's observation leave behind: warm starts,
        # contact forces, time.
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:], self._data.mocap_pos[:] = qpos, goal
        self._data.mocap_quat[:] = goal_quaternion
        mujoco.mj_forward(self._model, self._data)
        self._holding, self._follower = False, None
        self.hold()
        # What the sensors read follows from the targets too.
        mujoco.mj_forward(self._model, self._data)
        self._substeps = 0
        self._tracker = ProgressTracker(task=task, seed=seed, episode_steps=episode_steps)

    @property
    def progress(self) -> TaskProgress:
        """Return how far the episode has come."""
        return self._tracker.progress

    @property
    def following(self) -> bool:
        """Return whether a joint trajectory is being followed, or its end held."""
        return self._follower is not None

    def command(self, motion: np.ndarray | JointTrajectory, opening_m: float) -> None:
        """Move the tool by a twist, see `twist`, or the joints, see `follow`; and grip."""
        if isinstance(motion, JointTrajectory):
            self.follow(motion)
            self.grip(opening_m)
        else:
            self.twist(motion, opening_m)

    def twist(self, twist: np.ndarray, opening_m: float) -> None:
        """
        Set the joint targets from a tool velocity and a gripper opening.

        `twist` (4,): linear x, y, z in m/s and angular z in rad/s in the base's frame, cut at
        FULL_TWIST; all zero holds. The targets then stay until the next command: a motion goes
        on only while commands come, one every control period. Raises ValueError for a wrong
        shape or a number that is not finite.
        """
        twist = np.asarray(twist, np.float64)
        if twist.shape != (4,) or not np.isfinite(twist).all() or not np.isfinite(opening_m):
            raise ValueError(
                f'command is {twist.tolist()} with opening {opening_m}, expected four finite '
                'velocities and one finite opening in m')
        if not twist.any():
            self.hold()
            self.grip(opening_m)
            return
        self._holding, self._follower = False, None
        self._scene.set_control(np.append(
            np.clip(twist / FULL_TWIST, -1.0, 1.0),
            _closed(opening_m) - self._closed_fraction()))

    def follow(self, trajectory: JointTrajectory) -> None:
        """
        Follow a trajectory of the joints, in the order of JOINT_NAMES, from now on.

        The targets lead by what OGBench's position servos lag, as a real arm's drives do, and
        make up for gravity. Raises ValueError for a trajectory that cannot be followed.
        """
        if self._follower is None:
            self._follower = TrajectoryFollower(self._data.qpos[self._arm_qpos])
        self._follower.follow(trajectory)
        self._holding = False

    def grip(self, opening_m: float) -> None:
        """Set the gripper's target, an opening in m; the arm's targets stay."""
        self._data.ctrl[self._gripper_actuator] = 255.0 * _closed(opening_m)

    def hold(self) -> None:
        """
        Stop the arm where it is now; the gripper keeps its target.

        The targets are set once, to the measured joints plus the deflection under gravity of
        OGBench's position servos, so that the arm does not sag.
        """
        if self._holding:
            return
        self._aim(self._data.qpos[self._arm_qpos])
        self._holding, self._follower = True, None

    def advance(self, substeps: int) -> None:
        """Run physics steps of 2 ms; the task's progress is judged every 25, as in OGBench."""
        while substeps > 0:
            count = min(substeps, STEPS_PER_PERIOD - self._substeps % STEPS_PER_PERIOD)
            if self._follower is None:
                mujoco.mj_step(self._model, self._data, nstep=count)
            else:
                count = 1
                self._follower.advance(PHYSICS_STEP_S)
                self._aim(self._follower.position, self._follower.velocity)
                mujoco.mj_step(self._model, self._data)
            self._substeps += count
            substeps -= count
            if self._substeps % STEPS_PER_PERIOD == 0:
                self._judge()
        # Contact forces.
        mujoco.mj_rnePostConstraint(self._model, self._data)

    def state(self) -> RobotState:
        """Return what the sensors read now."""
        data = self._data
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, data.site_xmat[self._pinch])
        cube = data.qpos[self._cube_qpos:self._cube_qpos + 7]
        force = np.linalg.norm(data.cfrc_ext[self._pad, 3:])
        driver_velocity = data.qvel[self._driver_dof]
        return RobotState(
            time_s=float(data.time),
            joint_positions=data.qpos[self._arm_qpos].copy(),
            joint_velocities=data.qvel[self._arm_dof].copy(),
            joint_efforts=data.qfrc_actuator[self._arm_dof].copy(),
            gripper_opening_m=self._opening_m(),
            gripper_velocity_m_s=float(-driver_velocity / _DRIVER_RANGE_RAD * OPEN_M),
            gripper_force_n=float(min(force, FULL_SENSOR_FORCE_N)),
            tool=Pose(position=data.site_xpos[self._pinch].copy(), quaternion=_xyzw(quaternion)),
            cube=Pose(position=cube[:3].copy(), quaternion=_xyzw(cube[3:])),
            goal=Pose(
                position=data.mocap_pos[0].copy(), quaternion=_xyzw(data.mocap_quat[0])))

    def physics_state(self) -> np.ndarray:
        """Return all that decides the future of the physics, targets included."""
        kind = mujoco.mjtState.mjSTATE_INTEGRATION
        state = np.empty(mujoco.mj_stateSize(self._model, kind))
        mujoco.mj_getState(self._model, self._data, state, kind)
        return state

    def render(self, camera: str, width: int, height: int) -> np.ndarray:
        """
        Return a picture (height, width, 3) uint8 RGB of `front` or `front_pixels`.

        Raises RenderingUnavailable, which says what to install.
        """
        return self._cameras.render(self._data, camera, width, height)

    def camera_intrinsics(self, camera: str, width: int, height: int) -> np.ndarray:
        """Return a camera's pinhole matrix (3, 3)."""
        return self._cameras.intrinsics(camera, width, height)

    def close(self) -> None:
        """Free the rendering contexts."""
        if self._cameras is not None:
            self._cameras.close()

    def _bind(self) -> None:
        """Look up the model's parts by name, once it is compiled."""
        model = self._model = self._scene.model
        self._data = self._scene.data
        self._cameras = CameraRenderer(model)
        joints = [model.joint(f'ur5e/{name}') for name in JOINT_NAMES]
        self._arm_qpos = np.array([joint.qposadr[0] for joint in joints])
        self._arm_dof = np.array([joint.dofadr[0] for joint in joints])
        self._arm_actuators = np.array([
            model.actuator(f'ur5e/{name.removesuffix("_joint")}').id for name in JOINT_NAMES])
        self._gripper_actuator = model.actuator('ur5e/robotiq/fingers_actuator').id
        driver = model.joint('ur5e/robotiq/right_driver_joint')
        self._driver_qpos, self._driver_dof = driver.qposadr[0], driver.dofadr[0]
        self._pinch = model.site('ur5e/robotiq/pinch').id
        self._pad = model.body('ur5e/robotiq/right_pad').id
        cube = model.joint('object_joint_0')
        self._cube_qpos, self._cube_dof = cube.qposadr[0], cube.dofadr[0]
        self._cube_body = model.body('object_0').id
        root = model.body('ur5e/').id
        self._is_robot_geom = model.body_rootid[model.geom_bodyid] == model.body_rootid[root]

    def _aim(self, positions: np.ndarray, velocities: np.ndarray | float = 0.0) -> None:
        """Set the servos' targets so that the joints are led to positions (6,) rad."""
        stiffness = self._model.actuator_gainprm[self._arm_actuators, 0]
        damping = -self._model.actuator_biasprm[self._arm_actuators, 2]
        self._data.ctrl[self._arm_actuators] = positions + (
            self._data.qfrc_bias[self._arm_dof] + damping * velocities) / stiffness

    def _closed_fraction(self) -> float:
        """Return OGBench's measure of the gripper, 0 open to 1 closed."""
        return float(np.clip(self._data.qpos[self._driver_qpos] / _DRIVER_RANGE_RAD, 0.0, 1.0))

    def _opening_m(self) -> float:
        return OPEN_M * (1.0 - self._closed_fraction())

    def _judge(self) -> None:
        cube = self._data.qpos[self._cube_qpos:self._cube_qpos + 3]
        velocity = self._data.qvel[self._cube_dof:self._cube_dof + 3]
        self._tracker.update(
            distance_m=float(np.linalg.norm(cube - self._data.mocap_pos[0])),
            speed_m_s=float(np.linalg.norm(velocity)),
            opening_m=self._opening_m(), touched=self._touches_cube())

    def _touches_cube(self) -> bool:
        pairs = self._data.contact.geom
        on_cube = self._model.geom_bodyid[pairs] == self._cube_body
        return bool((on_cube[:, ::-1] & self._is_robot_geom[pairs]).any())


def _closed(opening_m: float) -> float:
    """Return an opening on OGBench's scale, 0 open to 1 closed."""
    return 1.0 - float(np.clip(opening_m / OPEN_M, 0.0, 1.0))


def _xyzw(wxyz: np.ndarray) -> np.ndarray:
    return np.array([wxyz[1], wxyz[2], wxyz[3], wxyz[0]])
