"""Loads the golden vectors: arrays by name, configuration, and parameters under our names."""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import re
from typing import Any

from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.algorithms.target_selection import CandidateDraws
from lps_ros.learning.networks.observations import Observations
from lps_ros.learning.networks.observations import ObservationShape
import numpy as np
import torch
from torch import Tensor

FOLDER = Path(os.environ.get('LPS_GOLDEN') or Path(__file__).parents[1] / 'golden')
_MODULES = {'actor_bc_flow': 'decoder.mlp', 'latent_actor': 'latent_actor.mlp',
            'critic': 'critic', 'target_critic': 'target_critic'}
_LEAVES = {'kernel': 'weight', 'bias': 'bias', 'scale': 'scale'}


class Golden:
    """One case: `case['name']` is a tensor, `config` and `description` its JSON."""

    def __init__(self, name: str) -> None:
        """Load NAME.json and NAME.npz."""
        self.description: dict[str, Any] = json.loads((FOLDER / f'{name}.json').read_text())
        self.config: dict[str, Any] = self.description.get('config', {})
        with np.load(FOLDER / f'{name}.npz') as arrays:
            self._arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    def __getitem__(self, key: str) -> Tensor:
        """Return one array."""
        return self._arrays[key]

    def __contains__(self, key: str) -> bool:
        """Whether the case has this array."""
        return key in self._arrays

    def flat(self, key: str) -> Tensor:
        """Return action chunks (B, H, A) as (B, D)."""
        return self[key].flatten(start_dim=1)

    def parameters(self, prefix: str) -> dict[str, Tensor]:
        """Return the arrays below `prefix` (params, grads, ...) under the names of LPS."""
        return {_our_name(key.removeprefix(f'{prefix}.'), self): value
                for key, value in self._arrays.items() if key.startswith(f'{prefix}.')}

    def lps_config(self, **changes: Any) -> LPSConfig:
        """Translate the configuration."""
        config = self.config
        values = {
            'horizon': config['horizon_length'], 'discount': config['discount'],
            'decoder_widths': tuple(config['actor_hidden_dims']),
            'critic_widths': tuple(config['critic_hidden_dims']),
            'latent_actor_widths': tuple(config['latent_actor_hidden_dims']),
            'critics': config['num_critic'], 'lr': config['lr'], 'alpha': config['alpha'],
            'tau': config['tau'], 'flow_ratio': config['flow_ratio'],
            'flow_method': config['mf_method'], 'critic_aggregation': config['critic_agg']}
        return LPSConfig(**values | changes)

    def lps(self, prefix: str = 'params', **changes: Any) -> LPS:
        """Build LPS with the case's parameters; parts that the case lacks stay random."""
        observations = 'observations' if 'observations' in self else 'batches.observations'
        shape = ObservationShape(vector=self[observations].shape[-1])
        agent = LPS(self.lps_config(**changes), shape, self.config['action_dim'])
        load(agent, self.parameters(prefix))
        return agent

    def batch(self, index: int) -> Transitions:
        """Return batch `index` of an update case."""
        observations, actions, rewards, masks, later = (
            self[f'batches.{name}'][index] for name in (
                'observations', 'actions', 'rewards', 'masks', 'next_observations'))
        return Transitions(
            Observations(observations), actions.flatten(start_dim=1), rewards, masks,
            Observations(later), cloned=torch.ones_like(rewards))

    def draws(self, index: int) -> CandidateDraws:
        """Return the random draws of update `index`; the target takes no other latents."""
        latents, t, r = (self[f'draws.{name}'][index] for name in 'etr')
        return CandidateDraws(latents, t, r, candidates=latents[None][:0])


def load(agent: LPS, parameters: dict[str, Tensor]) -> None:
    """Copy parameters into an agent; every one must exist there and fit."""
    unexpected = agent.load_state_dict(parameters, strict=False).unexpected_keys
    assert not unexpected


def _our_name(key: str, case: Golden) -> str:
    module, *path, layer, leaf = key.split('.')
    kind, number = re.fullmatch(r'(Dense|LayerNorm)_(\d+)', layer).groups()
    prefix = _MODULES[module]
    if kind == 'LayerNorm':
        return f'{prefix}.norms.{number}.{_LEAVES[leaf]}'
    widths = {'decoder.mlp': 'actor_hidden_dims', 'latent_actor.mlp': 'latent_actor_hidden_dims'}
    hidden = len(case.config[widths.get(prefix, 'critic_hidden_dims')])
    place = 'output' if int(number) == hidden else f'hidden.{number}'
    return f'{prefix}.{place}.{_LEAVES[leaf]}'


def assert_close(ours: Tensor, golden: Tensor) -> None:
    """Compare values: rtol 1e-4, atol 1e-5."""
    torch.testing.assert_close(ours.detach(), golden, rtol=1e-4, atol=1e-5)


def assert_gradients(agent: LPS, gradients: dict[str, Tensor]) -> None:
    """Compare all gradients to 1e-4 of each array's maximum; parts without one must have none."""
    assert gradients
    for name, parameter in agent.named_parameters():
        if name in gradients:
            golden = gradients[name]
            error = (parameter.grad - golden).abs().max()
            assert error <= 1e-4 * golden.abs().max(), f'{name}: off by {error}'
        else:
            assert parameter.grad is None, f'{name} has a gradient'


def far(ours: dict[str, Tensor], golden: dict[str, Tensor], atol: float) -> Iterator[float]:
    """Give the share of elements further than `atol` away, array by array."""
    for name, value in golden.items():
        yield ((ours[name] - value).abs() > atol).float().mean().item()
