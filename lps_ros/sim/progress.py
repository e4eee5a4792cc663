"""How far a simulated episode has come: OGBench's success, and the cube really placed."""

from dataclasses import dataclass
from dataclasses import replace

SUCCESS_DISTANCE_M = 0.04
REST_SPEED_M_S = 0.005
# Half a second at 20 Hz.
REST_PERIODS = 10
# The cube is 40 mm wide.
RELEASED_OPENING_M = 0.05


@dataclass(frozen=True, kw_only=True)
class TaskProgress:
    """
    What a robot's `task/status` tells of an episode.

    `step` counts control periods since the reset. `success` is OGBench's own: the cube was
    within 4 cm of the goal at the end of some period, perhaps still held. `placed`: it was
    released and at rest there for 0.5 s. `done`: placed, or the episode's steps are used up.
    """

    task: int
    seed: int
    step: int = 0
    success_step: int | None = None
    placed_step: int | None = None
    done: bool = False

    @property
    def success(self) -> bool:
        """Return whether the cube has been within 4 cm of the goal."""
        return self.success_step is not None

    @property
    def placed(self) -> bool:
        """Return whether the cube has been released and at rest there for 0.5 s."""
        return self.placed_step is not None


class ProgressTracker:
    """Follows one episode of `episode_steps` control periods; 0 means no limit."""

    def __init__(self, *, task: int, seed: int, episode_steps: int) -> None:
        self._episode_steps = episode_steps
        self._resting_periods = -1
        self.progress = TaskProgress(task=task, seed=seed)

    def update(
            self, *, distance_m: float, speed_m_s: float, opening_m: float,
            touched: bool) -> None:
        """
        Count one control period: where the cube is at its end, and whether it is free.

        `distance_m` is from the cube to the goal, `speed_m_s` the cube's, `touched` whether the
        robot touches it. Nothing changes once the episode is done.
        """
        old = self.progress
        if old.done:
            return
        step = old.step + 1
        near = distance_m <= SUCCESS_DISTANCE_M
        resting = (near and not touched and speed_m_s < REST_SPEED_M_S
                   and opening_m >= RELEASED_OPENING_M)
        self._resting_periods = self._resting_periods + 1 if resting else -1
        placed = self._resting_periods >= REST_PERIODS
        self.progress = replace(
            old, step=step,
            success_step=step if near and not old.success else old.success_step,
            placed_step=step if placed else None,
            done=placed or step == self._episode_steps)
