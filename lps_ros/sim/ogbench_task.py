"""OGBench's own single-task environments, without ROS, with every draw decided by a seed."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from lps_ros.errors import UserError
import numpy as np

try:
    import gymnasium
    from gymnasium.spaces import Box
    import ogbench
    from ogbench.manipspace.envs.manipspace_env import ManipSpaceEnv
except ModuleNotFoundError as error:
    raise UserError(f"this benchmark needs OGBench, and Python finds no module '{error.name}'; "
                    "pip install 'lps_ros[sim]'") from error

_EXAMPLE = 'cube-single-play-singletask-task1-v0'


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an episode ended; total_reward is the environment's own, not discounted."""

    success: bool
    steps: int
    total_reward: float


class OGBenchTask:
    """
    A single-task environment of OGBench, by the name of environment, data and task.

    `dataset` is the name of its data, `env` the Gym environment, which sees (S,) and takes (A,).
    """

    def __init__(self, name: str, max_episode_steps: int | None = None) -> None:
        """Make it; raises UserError where there is no such environment, or it shows images."""
        self.name = name
        parts = name.split('-')
        if 'singletask' not in parts or name.startswith('visual'):
            raise UserError(f"environment '{name}': expected a single-task name with states, "
                            f'such as {_EXAMPLE}')
        self.dataset = '-'.join((*parts[:parts.index('singletask')], parts[-1]))
        try:
            self.env = ogbench.make_env_and_datasets(
                name, env_only=True, disable_env_checker=True,
                **({'max_episode_steps': max_episode_steps} if max_episode_steps else {}))
        except gymnasium.error.Error as error:
            raise UserError(f"environment '{name}': OGBench has none of this name; "
                            f'{_advice(name)}') from error
        seed_all_draws(self.env)
        self.observation_size = self.env.observation_space.shape[0]
        self.action_size = self.env.action_space.shape[0]
        self.max_episode_steps = self.env.spec.max_episode_steps

    def run_episode(
            self, plan: Callable[[np.ndarray], np.ndarray], *, seed: int,
            replan_every: int = 0) -> Outcome:
        """
        Run one episode: plans (H, A) from observations float32 (S,), executed open loop.

        replan_every: steps until the next plan, 0 for the whole chunk. Success is what the
        environment says at the end; the same seed and plans give the same episode.
        """
        with seeded(self.env, seed):
            observation, _ = self.env.reset(seed=seed)
            step, total, done = 0, 0.0, False
            info: dict[str, Any] = {}
            while not done:
                chunk = plan(np.asarray(observation, np.float32))
                for action in chunk[:replan_every or len(chunk)]:
                    observation, reward, ended, cut, info = self.env.step(
                        np.clip(action, -1.0, 1.0))
                    step += 1
                    total += float(reward)
                    done = ended or cut
                    if done:
                        break
        return Outcome(success=bool(info['success']), steps=step, total_reward=total)


def _advice(name: str) -> str:
    parts = name.split('-')
    at = parts.index('singletask')
    close = get_close_matches('-'.join((*parts[:max(at - 1, 0)], *parts[at:])), [
        known for known in gymnasium.registry if 'singletask' in known], n=1)
    if not close:
        return f'expected one such as {_EXAMPLE}'
    known = close[0].split('-')
    at = known.index('singletask')
    data = 'play' if known[0] in ('cube', 'scene', 'puzzle') else 'navigate'
    return f"did you mean '{'-'.join((*known[:at], data, *known[at:]))}'?"


@contextmanager
def seeded(env: gymnasium.Env, seed: int) -> Iterator[None]:
    """Seed what OGBench draws beside an environment's own generator, and restore numpy's."""
    state = np.random.get_state()
    np.random.seed(seed)
    env.action_space.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


def seed_all_draws(env: gymnasium.Env) -> None:
    """
    Let the random actions within a reset of OGBench's robots come from one space.

    OGBench makes a new, unseeded one whenever it is asked.
    """
    inner = env.unwrapped
    if isinstance(inner, ManipSpaceEnv):
        space = Box(-np.ones(5, np.float32), np.ones(5, np.float32))
        inner.__class__ = type(type(inner).__name__, (type(inner),), {
            'action_space': property(lambda self: space)})
