"""A task in which only the picture tells where to go: recordings as a cache, and the task."""

from pathlib import Path

from learning_samples import config
from learning_samples import move
from lps_ros.data.cache import TrainingCache
from lps_ros.learning.policy import Policy
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
import torch

SEEING = {'observations': ('position', 'camera'), 'encoder': 'impala_debug',
          'shared_encoder': True, 'augment_padding': 1}


def seeing(**changes) -> TrainerConfig:
    return config(**SEEING | changes)


def picture(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return a frame uint8 (6, 8, 3) whose left (-1) or right (1) half is lit."""
    frame = rng.integers(0, 60, (6, 8, 3), np.uint8)
    frame[:, 4:] += np.uint8(150 * (side > 0))
    frame[:, :4] += np.uint8(150 * (side < 0))
    return frame


def start(rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.uniform(-0.2, 0.2), rng.uniform(-1, 1)])


def episode(
        rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Go to x = side; return T + 1 positions, frames and actions."""
    positions, actions = [start(rng)], []
    while side * positions[-1][0] < 1:
        speed = np.array([side * rng.uniform(0.5, 1.0), -0.5 * positions[-1][1]])
        actions.append(np.clip(speed + rng.normal(0, 0.1, 2), -1, 1))
        positions.append(move(positions[-1], actions[-1]))
    frames = [picture(rng, side) for _ in positions]
    return np.array(positions), np.array(frames), np.array([*actions, actions[-1]])


def image_cache(episodes: int = 24, seed: int = 0) -> TrainingCache:
    """Return recordings, all successes."""
    rng = np.random.default_rng(seed)
    runs = [episode(rng, (-1, 1)[number % 2]) for number in range(episodes)]
    positions, frames, actions = (np.concatenate(parts) for parts in zip(*runs))
    return TrainingCache(
        observations=positions.astype(np.float32), actions=actions.astype(np.float32),
        images={'camera': frames},
        episode_offsets=np.cumsum([0, *(len(run[0]) for run in runs)]),
        outcomes=np.ones(episodes, bool),
        paths=tuple(Path(f'dataset/{number}.hdf5') for number in range(episodes)),
        names=('position.x', 'position.y'), action_names=('speed.x', 'speed.y'))


def ends(policy: Policy, shown: int, *, runs: int, ticks: int = 40) -> list[float]:
    """Return x at the end of some runs in which the picture shows this side."""
    rng, latents = np.random.default_rng(5), torch.Generator().manual_seed(0)
    found = []
    for _ in range(runs):
        position = start(rng)
        for tick in range(ticks):
            if tick % 2 == 0:
                chunk = policy.plan(
                    position.astype(np.float32), [picture(rng, shown)], mode='prior',
                    candidates=4, rng=latents).actions
            position = move(position, chunk[tick % 2])
            if abs(position[0]) >= 1:
                break
        found.append(position[0])
    return found
