"""
Play data as OGBench makes it: its scripted planner works on one random target after the other.

Facts from OGBench's own generator (Park et al. 2025, "OGBench: Benchmarking Offline
Goal-Conditioned RL"): how likely a cube is stacked, how long an episode is, which episodes of
the scene are thrown away.
"""

from collections.abc import Callable
from dataclasses import dataclass
import re
from typing import Any

import gymnasium
from lps_ros.errors import UserError
from lps_ros.sim.ogbench_task import seed_all_draws
from lps_ros.sim.ogbench_task import seeded
import numpy as np
from ogbench.manipspace.oracles.plan.button_plan import ButtonPlanOracle
from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle
from ogbench.manipspace.oracles.plan.drawer_plan import DrawerPlanOracle
from ogbench.manipspace.oracles.plan.plan_oracle import PlanOracle
from ogbench.manipspace.oracles.plan.window_plan import WindowPlanOracle

EPISODE_STEPS = 1001
_NAME = re.compile(r'((?:cube|scene|puzzle)[\w-]*?)-play-(v\d+)')
# Least and most probability of stacking, drawn for each episode; other domains 0.5.
_STACKING = {'cube-single': (0.0, 0.0), 'cube-double': (0.0, 0.25), 'cube-triple': (0.05, 0.35),
             'cube-quadruple': (0.1, 0.5), 'cube-octuple': (0.0, 0.35)}
_PLANNERS = {'cube': CubePlanOracle, 'button': ButtonPlanOracle, 'drawer': DrawerPlanOracle,
             'window': WindowPlanOracle}
_TYPES = {'terminals': bool, 'button_states': np.int64}  # all others float32
# Where the scene's cube is out of sight (m): right of the table; left of it and not in the drawer.
_CUBE = slice(14, 17)  # of qpos
_RIGHT_M, _LEFT_M, _DRAWER_M = 0.29, -0.3, (0.06, 0.08)


@dataclass(frozen=True, kw_only=True)
class PlaySettings:
    """What is played, and how: noise of the plan and how smooth it is, as OGBench has them."""

    environment: str = 'cube-single-play-v0'
    episodes: int = 1000
    seed: int = 0
    noise: float = 0.1
    smoothing: float = 0.5
    episode_steps: int = EPISODE_STEPS


class Player:
    """Plays episodes in OGBench's data-collection mode; each depends on its seed alone."""

    def __init__(self, settings: PlaySettings) -> None:
        """Make the environment; raises UserError where the planner cannot play in it."""
        name = _NAME.fullmatch(settings.environment)
        try:
            if not name:
                raise gymnasium.error.Error('no play data of a robot arm')
            self._env = gymnasium.make(
                '-'.join(name.groups()), mode='data_collection', terminate_at_goal=False,
                max_episode_steps=settings.episode_steps, disable_env_checker=True)
        except gymnasium.error.Error as error:
            raise UserError(f"environment '{settings.environment}': the planner cannot play in "
                            'it; expected one such as cube-single-play-v0, scene-play-v0 or '
                            'puzzle-3x3-play-v0') from error
        seed_all_draws(self._env)
        self._settings = settings
        self._domain = name[1]
        options: dict[str, Any] = {
            'env': self._env, 'noise': settings.noise, 'noise_smoothing': settings.smoothing}
        closed = {'gripper_always_closed': True} if self._domain.startswith('puzzle') else {}
        self._planners = {task: kind(**options, **(closed if task == 'button' else {}))
                          for task, kind in _PLANNERS.items()}

    def episode(self, number: int) -> tuple[dict[str, np.ndarray], int]:
        """
        Play one episode; return its columns in OGBench's layout, and how many targets were met.

        Row t holds what was seen and the state before action t; terminals is true in the last.
        """
        for attempt in range(100):
            columns, met = self._play(
                np.random.SeedSequence((self._settings.seed, number, attempt)))
            if self._domain != 'scene' or _in_sight(columns['qpos'][:, _CUBE]):
                return columns, met
        raise UserError(f'{self._settings.environment}: the cube went out of sight in every try')

    def _play(self, seeds: np.random.SeedSequence) -> tuple[dict[str, np.ndarray], int]:
        seed, stacking_seed = (int(word) for word in seeds.generate_state(2))
        low, high = _STACKING.get(self._domain, (0.5, 0.5))
        stacking = np.random.default_rng(stacking_seed).uniform(low, high)
        rows: dict[str, list[Any]] = {}
        with seeded(self._env, seed):
            observation, info = self._env.reset(seed=seed)
            planner = self._planner(observation, info)
            met, done = 0, False
            while not done:
                action = np.clip(planner.select_action(observation, info), -1.0, 1.0)
                later, _, ended, cut, info = self._env.step(action)
                done = ended or cut
                row = {'observations': observation, 'actions': action, 'terminals': done,
                       'qpos': info['prev_qpos'], 'qvel': info['prev_qvel']}
                if 'prev_button_states' in info:
                    row['button_states'] = info['prev_button_states']
                for name, value in row.items():
                    rows.setdefault(name, []).append(value)
                observation = later
                if planner.done:
                    met += bool(info['success'])
                    planner = self._planner(
                        *self._env.unwrapped.set_new_target(p_stack=stacking))
        return {name: np.array(values, _TYPES.get(name, np.float32))
                for name, values in rows.items()}, met

    def _planner(self, observation: np.ndarray, info: dict[str, Any]) -> PlanOracle:
        planner = self._planners[info['privileged/target_task']]
        planner.reset(observation, info)
        return planner


def _in_sight(cube: np.ndarray) -> bool:
    """Return whether the scene's cube (T, 3) was always on the table or in the drawer."""
    _, y, z = cube.T
    beside_drawer = (z < _DRAWER_M[0]) | (z > _DRAWER_M[1])
    return not ((y >= _RIGHT_M) | (y <= _LEFT_M) & beside_drawer).any()


def play(
        settings: PlaySettings, tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, np.ndarray], int]:
    """Return the columns of all episodes, one after the other, and how many targets were met."""
    player = Player(settings)
    episodes, met = [], 0
    for number in range(settings.episodes):
        columns, targets = player.episode(number)
        episodes.append(columns)
        met += targets
        tell(number + 1, settings.episodes)
    return {name: np.concatenate([columns[name] for columns in episodes])
            for name in episodes[0]}, met
