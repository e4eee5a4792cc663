"""The whole state of a training run in one safetensors file, written atomically, no pickle."""

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from lps_ros.data.files import disk_errors
from lps_ros.data.files import replace
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.errors import TrainingError
from safetensors import safe_open
from safetensors import SafetensorError
from safetensors.torch import save
import torch
from torch import Tensor

NAME = 'checkpoint.safetensors'


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a checkpoint says beside the tensors."""

    step: int  # updates done
    trained_s: float  # time spent in updates
    run: dict[str, Any]  # settings and data of the run, ready for JSON
    sampler: dict[str, Any]  # state of the sampler's generator


def save_checkpoint(
        path: Path, agent: Algorithm, generator: torch.Generator, progress: Progress) -> None:
    """Write networks, optimiser and generators; raises StorageError, keeping the old file."""
    tensors = {f'agent.{name}': value for name, value in agent.state_dict().items()}
    for index, state in agent.optimiser.state_dict()['state'].items():
        tensors |= {f'adam.{index}.{name}': value for name, value in state.items()}
    tensors['generator'] = generator.get_state()
    metadata = {'progress': json.dumps(vars(progress))}
    content = save({name: value.cpu().contiguous() for name, value in tensors.items()}, metadata)
    with disk_errors(path):
        replace(path, content)


def read_progress(path: Path) -> Progress:
    """Read what a checkpoint says; raises TrainingError where it is damaged."""
    try:
        with safe_open(path, framework='pt') as file:
            return Progress(**json.loads(file.metadata()['progress']))
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise TrainingError(f'{path}: is not a checkpoint ({error}); remove it to start anew, '
                            'or choose another run folder') from error


def load_checkpoint(path: Path, agent: Algorithm, generator: torch.Generator) -> None:
    """
    Restore networks, optimiser and generator into an agent of the same configuration.

    Raises TrainingError where the file holds something else.
    """
    try:
        _restore(path, agent, generator)
    except (KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f'{path}: does not fit this training ({reason}); remove it to start '
                            'anew, or choose another run folder') from error


def _restore(path: Path, agent: Algorithm, generator: torch.Generator) -> None:
    tensors: dict[str, Tensor] = {}
    with safe_open(path, framework='pt') as file:
        for name in file.keys():
            tensors[name] = file.get_tensor(name)
    agent.load_state_dict(_below('agent.', tensors))
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in _below('adam.', tensors).items():
        index, key = name.split('.')
        states.setdefault(int(index), {})[key] = value
    groups = agent.optimiser.state_dict()['param_groups']
    agent.optimiser.load_state_dict({'state': states, 'param_groups': groups})
    generator.set_state(tensors['generator'])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items()
            if name.startswith(prefix)}
