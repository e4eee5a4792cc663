"""OGBench's cube environment, its one source of unseeded randomness and its warnings removed."""

from lps_ros.errors import UserError
import numpy as np

try:
    from gymnasium.spaces import Box
    from ogbench.manipspace.envs.cube_env import CubeEnv
except ModuleNotFoundError as error:
    raise UserError(f"the simulated robot needs OGBench, and Python finds no module "
                    f"'{error.name}'; pip install 'lps_ros[sim]'") from error

TASKS = range(1, 6)
PHYSICS_STEP_S = 0.002
CONTROL_PERIOD_S = 0.05
STEPS_PER_PERIOD = 25
# The goal shows as a mark on the table; OGBench would also recolour the cube on success, which
# no camera on a robot sees.
_GOAL_OPACITY = 0.2


class CubeScene(CubeEnv):
    """OGBench's `cube-single` in task mode, as its single-task variants set it up."""

    def __init__(self) -> None:
        super().__init__(
            'single', permute_blocks=False, mode='task', terminate_at_goal=False,
            visualize_info=False, physics_timestep=PHYSICS_STEP_S,
            control_timestep=CONTROL_PERIOD_S)
        self._still = _StillActions()

    @property
    def action_space(self) -> Box:
        """Return a space whose samples are zero: a reset takes two steps with such samples."""
        return self._still

    def load(self, task: int, seed: int) -> None:
        """Place the arm, the cube and the goal of a task as OGBench does for this seed."""
        self.reset(options={'task_id': task}, seed=seed)
        target = self.model.body('object_target_0').id
        self.model.geom_rgba[self.model.geom_bodyid == target, 3] = _GOAL_OPACITY


class _StillActions(Box):
    def __init__(self) -> None:
        super().__init__(-np.ones(5, np.float32), np.ones(5, np.float32))

    def sample(self, *args: object, **kwargs: object) -> np.ndarray:
        return np.zeros(5, np.float32)
