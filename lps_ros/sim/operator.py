"""A scripted person who teleoperates the simulated robot, clumsily and reproducibly."""

from dataclasses import dataclass

from lps_ros.sim.pose import Pose
from lps_ros.sim.robot import FULL_SENSOR_FORCE_N
from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import OPEN_M
import numpy as np
from ogbench.manipspace.oracles.markov.cube_markov import CubeMarkovOracle

_CLOSED_M = 0.0
# Keeps the operator's draws apart from the scene's, which use the bare seed.
_STREAM = 1
# Where OGBench's oracle takes the empty hand in the end.
_REST_LOW_M = (0.25, -0.35, 0.20)
_REST_HIGH_M = (0.6, 0.35, 0.35)


@dataclass(frozen=True, kw_only=True)
class OperatorSettings:
    """How clumsy the operator is; probabilities are per control period of 0.05 s."""

    gain: float = 0.6  # of the oracle's velocities
    noise_std: float = 0.25  # stationary, of each velocity's full scale
    noise_correlation: float = 0.8  # from one period to the next
    pause_probability: float = 0.03
    pause_periods: tuple[int, int] = (8, 25)  # shortest and longest, both inclusive
    fumble_probability: float = 0.03  # while the cube is above fumble_height_m
    fumble_periods: int = 20  # until the open gripper is noticed
    fumble_height_m: float = 0.05


# The bare oracle.
CLEAN = OperatorSettings(
    gain=1.0, noise_std=0.0, pause_probability=0.0, fumble_probability=0.0)


@dataclass(frozen=True, kw_only=True)
class OperatorView:
    """What the operator sees; a RobotState has the same names."""

    tool: Pose
    cube: Pose
    goal: Pose
    gripper_opening_m: float
    gripper_force_n: float
    joint_positions: np.ndarray


class ClumsyOperator:
    """
    OGBench's Markov oracle, slower, shaky, with pauses and fumbles that drop the cube.

    The commands depend on the settings, the seed and what was seen since `reset`, nothing else.
    """

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._oracle = _Oracle()

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self._rng = np.random.default_rng((_STREAM, seed))
        self._oracle.rest(self._rng)
        self._noise = self._settings.noise_std * self._rng.standard_normal(4)
        self._pause_left = 0
        self._fumble_left = 0
        self._opening_m = OPEN_M

    def act(self, seen: OperatorView) -> tuple[np.ndarray, float]:
        """
        Return the next command: twist (4,) in m/s and rad/s, gripper opening in m.

        The gripper has a button: fully open or fully closed.
        """
        settings = self._settings
        # One draw of each kind in every period keeps the streams in step with time.
        shake = self._rng.standard_normal(4)
        pauses, fumbles = self._rng.random(2) < (
            settings.pause_probability, settings.fumble_probability)
        pause_periods = int(self._rng.integers(*settings.pause_periods, endpoint=True))
        correlation = settings.noise_correlation
        self._noise = (correlation * self._noise
                       + settings.noise_std * np.sqrt(1.0 - correlation ** 2) * shake)
        if self._pause_left == 0 and pauses:
            self._pause_left = pause_periods
        if self._pause_left:
            self._pause_left -= 1
            return np.zeros(4), self._opening_m
        action = self._oracle.select_action(None, _oracle_info(seen))
        self._opening_m = _CLOSED_M if action[4] > 0 else OPEN_M
        if fumbles and seen.cube.position[2] > settings.fumble_height_m:
            self._fumble_left = settings.fumble_periods
        if self._fumble_left:
            self._fumble_left -= 1
            self._opening_m = OPEN_M
        velocity = np.clip(settings.gain * action[:4] + self._noise, -1.0, 1.0)
        return velocity * FULL_TWIST, self._opening_m


class _Oracle(CubeMarkovOracle):
    """OGBench's oracle with a generator of its own and without a limit of steps."""

    def __init__(self) -> None:
        super().__init__(env=None)

    def rest(self, rng: np.random.Generator) -> None:
        self._step = 0
        self._final_pos = rng.uniform(_REST_LOW_M, _REST_HIGH_M)
        self._final_yaw = rng.uniform(-np.pi, np.pi)


def _oracle_info(seen: OperatorView) -> dict[str, object]:
    """Return the entries of OGBench's `info` that the oracle reads."""
    return {
        'proprio/effector_pos': seen.tool.position,
        'proprio/effector_yaw': np.array([seen.tool.yaw_rad]),
        'proprio/gripper_opening': np.array([1.0 - seen.gripper_opening_m / OPEN_M]),
        'proprio/gripper_contact': np.array([seen.gripper_force_n / FULL_SENSOR_FORCE_N]),
        'privileged/target_block': 0,
        'privileged/block_0_pos': seen.cube.position,
        'privileged/block_0_yaw': np.array([seen.cube.yaw_rad]),
        'privileged/target_block_pos': seen.goal.position,
        'privileged/target_block_yaw': np.array([seen.goal.yaw_rad]),
    }
