"""A task so small that LPS solves it in seconds, and its recordings as a cache in memory."""

from pathlib import Path

from lps_ros.contract import Contract
from lps_ros.contract import parse_contract
from lps_ros.data.cache import TrainingCache
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np

CONTRACT = """
name: slider
rate_hz: 20
observations:
  - key: position
    topic: position
    type: std_msgs/msg/Float64MultiArray
    names: [x, y]
    max_age_s: 0.1
  - key: camera
    topic: camera/image_raw
    type: sensor_msgs/msg/Image
    image: {width: 8, height: 6}
    max_age_s: 0.2
    required: false
actions:
  - key: speed
    topic: speed
    type: std_msgs/msg/Float64MultiArray
    names: [x, y]
    unit: m/s
    scale: {low: [-2.0, -2.0], high: [2.0, 2.0]}
    stop: zeros
task: {name: slide, success_reward: 0.0, step_reward: -1.0, failure_reward: -100.0, max_ticks: 200}
"""
SMALL = {'decoder_widths': (32, 32), 'critic_widths': (32, 32), 'latent_actor_widths': (32,),
         'batch_size': 32, 'log_every': 5, 'checkpoint_every': 10}
_STEP = 0.1
_SEGMENT = 10  # ticks that the operator keeps a speed
_SPEEDS = (1.0, 0.3, -0.4)


def contract() -> Contract:
    return parse_contract(CONTRACT)


def config(**changes) -> TrainerConfig:
    return TrainerConfig.from_mapping({'steps': 20, **SMALL, **changes})


def move(position: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Take one control tick; the goal is reached at x >= 1."""
    return position + _STEP * np.clip(action, -1, 1)


def start(rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.uniform(-0.3, 0.0), rng.uniform(-1, 1)])


def episode(rng: np.random.Generator, ticks: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Let an operator dawdle towards the goal; return T + 1 observations and actions."""
    observations, actions = [start(rng)], []
    while len(actions) < ticks and observations[-1][0] < 1:
        if len(actions) % _SEGMENT == 0:
            speed = np.array([rng.choice(_SPEEDS), -0.5 * observations[-1][1]])
        actions.append(np.clip(speed + rng.normal(0, 0.1, 2), -1, 1))
        observations.append(move(observations[-1], actions[-1]))
    return (np.array(observations), np.array([*actions, actions[-1]]),
            bool(observations[-1][0] >= 1))


def cache(episodes: int = 12, seed: int = 0, ticks: int = 40) -> TrainingCache:
    """Return recordings; those that did not get there in time are failures."""
    rng = np.random.default_rng(seed)
    runs = [episode(rng, ticks) for _ in range(episodes)]
    lengths = [len(observations) for observations, _, _ in runs]
    return TrainingCache(
        observations=np.concatenate([run[0] for run in runs]).astype(np.float32),
        actions=np.concatenate([run[1] for run in runs]).astype(np.float32),
        episode_offsets=np.cumsum([0, *lengths]),
        outcomes=np.array([run[2] for run in runs]),
        paths=tuple(Path(f'dataset/{number}.hdf5') for number in range(episodes)),
        names=('position.x', 'position.y'), action_names=('speed.x', 'speed.y'))


def use_cache(monkeypatch, made: TrainingCache) -> None:
    """Let training find this cache, whatever the dataset."""
    monkeypatch.setattr(TrainingCache, 'build', lambda *arguments, **options: made)
