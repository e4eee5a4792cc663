"""Episodes of the simulated robot in this process, without ROS: the same lock-step, but faster."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import OutgoingMessage
from lps_ros.control.execution import Execution
from lps_ros.control.gates import ObservationGate
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Steering
from lps_ros.errors import UserError
from lps_ros.evaluation.comparison import EpisodeResult
from lps_ros.sim.commands import as_message
from lps_ros.sim.commands import GRIPPER_TOPIC
from lps_ros.sim.commands import joint_trajectory
from lps_ros.sim.commands import TRAJECTORY_TOPIC
from lps_ros.sim.commands import TWIST_TOPIC
from lps_ros.sim.joint_teleoperation import JointTeleoperation
from lps_ros.sim.operator import ClumsyOperator
from lps_ros.sim.operator import OperatorSettings
from lps_ros.sim.pose import Pose
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.robot import RobotState
from lps_ros.sim.robot import SimulatedRobot
from lps_ros.sim.scene import STEPS_PER_PERIOD
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np

_BASE_FRAME = 'base_link'
_CAMERA = 'front'
# The numbers of ticks and the reading of the clock after one are those of the node in lock-step,
# as rounding of stamps must not make a difference.
_FIRST_TICK = 20
_AFTER_TICK_NS = 1_000_000

Motion = np.ndarray | JointTrajectory
Act = Callable[[RobotState, int], tuple[Motion, float]]


class InProcessRobot:
    """Runs episodes of one task; an outcome is what the same seed gives over ROS in lock-step."""

    def __init__(
            self, task: int, episode_steps: int, rate_hz: float,
            camera: Mapping[str, Any]) -> None:
        """
        Take how many control periods end an episode, and the control rate.

        :param camera: `camera_parameters` of what the policy sees
        """
        self._robot = SimulatedRobot()
        self._device: JointTeleoperation | None = None
        self._task = task
        self._episode_steps = episode_steps
        self._rate_hz = rate_hz
        self._camera = camera

    def run_operator(self, seed: int, *, joints: bool = False) -> EpisodeResult:
        """Let the scripted operator demonstrate, by a device that moves the tool or the joints."""
        operator = ClumsyOperator(OperatorSettings())
        operator.reset(seed)
        if not joints:
            return self._run(seed, lambda state, tick: operator.act(state))
        self._device = self._device or JointTeleoperation()
        device = self._device
        device.reset(seed)

        def act(state: RobotState, tick: int) -> tuple[Motion, float]:
            twist, opening_m = operator.act(state)
            trajectory = device.trajectory(twist, state.joint_positions)
            return trajectory.later(_AFTER_TICK_NS * 1e-9), opening_m

        return self._run(seed, act)

    def run_policy(
            self, seed: int, contract: Contract, policy: Any, steering: Steering) -> EpisodeResult:
        """Let a policy drive, latents drawn by the seed; raises UserError if it does not act."""
        pilot = Pilot(
            contract, InlineInference(policy), horizon=policy.horizon, steering=steering,
            execution=Execution(waits=True))
        pilot.authority.arm()
        pilot.begin(seed)

        def act(state: RobotState, tick: int) -> tuple[Motion, float]:
            time_ns = contract.clock.time_ns(tick)
            feed(pilot.gate, contract, observed(state) | self._pictures(), time_ns)
            decision = pilot.tick(tick, lambda: time_ns + _AFTER_TICK_NS)
            if decision.reasons:
                raise UserError('the policy does not act: '
                                + '; '.join(map(str, decision.reasons)))
            return commanded(decision.messages, time_ns)

        return self._run(seed, act)

    def _pictures(self) -> dict[str, Any]:
        if not self._camera:
            return {}
        width, height = self._camera['camera_width'], self._camera['camera_height']
        pixels = self._robot.render(_CAMERA, width, height)
        return {f'camera/{_CAMERA}/image_raw': SimpleNamespace(
            header=SimpleNamespace(frame_id=''), encoding='rgb8', width=width, height=height,
            step=3 * width, data=pixels.tobytes())}

    def _run(self, seed: int, act: Act) -> EpisodeResult:
        self._robot.reset(self._task, seed, episode_steps=self._episode_steps)
        tick = _FIRST_TICK
        while not self._robot.progress.done:
            self._robot.command(*act(self._robot.state(), tick))
            self._robot.advance(STEPS_PER_PERIOD)
            tick += 1
        progress = self._robot.progress
        return EpisodeResult(
            seed=seed, success=progress.success, placed=progress.placed,
            success_step=progress.success_step, placed_step=progress.placed_step,
            steps=progress.step, sim_time_s=progress.step / self._rate_hz)


def observed(state: RobotState) -> dict[str, Any]:
    """Return what the robot's topics tell, by topic, as plain data with the messages' fields."""
    joints = SimpleNamespace(
        name=[*JOINT_NAMES, 'gripper_opening'],
        position=[*state.joint_positions, state.gripper_opening_m],
        velocity=[*state.joint_velocities, state.gripper_velocity_m_s],
        effort=[*state.joint_efforts, state.gripper_force_n])
    return {'joint_states': joints, 'tool_pose': _pose(state.tool),
            'cube_pose': _pose(state.cube), 'goal_pose': _pose(state.goal)}


def feed(gate: ObservationGate, contract: Contract, seen: Mapping[str, Any], time_ns: int) -> None:
    """Give a gate what the topics tell at a time; raises UserError where a topic is not there."""
    for spec in contract.observations:
        if spec.topic not in seen:
            raise UserError(f'{contract.name} observes {spec.topic}, expected some of '
                            f'{", ".join(seen)}; run it over ROS')
        gate.accept(spec.key, extract(spec, seen[spec.topic]), stamp_ns=time_ns,
                    received_ns=time_ns)


def commanded(
        messages: Sequence[OutgoingMessage], now_ns: int,
        opening_m: float = OPEN_M) -> tuple[Motion | None, float]:
    """
    Return a tick's commands: the arm's motion and the gripper's opening in m.

    A motion is a twist (4,), or a joint trajectory from `now_ns` on; None where none is sent.
    `opening_m` stands where no opening is sent.
    """
    content = {message.topic: message.content for message in messages}
    if GRIPPER_TOPIC in content:
        opening_m = content[GRIPPER_TOPIC]['data'][0]
    if TRAJECTORY_TOPIC in content:
        return joint_trajectory(as_message(content[TRAJECTORY_TOPIC]), now_ns), opening_m
    if TWIST_TOPIC not in content:
        return None, opening_m
    linear, angular = (content[TWIST_TOPIC]['twist'][part] for part in ('linear', 'angular'))
    return np.array([linear['x'], linear['y'], linear['z'], angular['z']]), opening_m


def _pose(pose: Pose) -> SimpleNamespace:
    position, quaternion = (
        SimpleNamespace(**dict(zip('xyzw', values.tolist())))
        for values in (pose.position, pose.quaternion))
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=_BASE_FRAME),
        pose=SimpleNamespace(position=position, orientation=quaternion))
