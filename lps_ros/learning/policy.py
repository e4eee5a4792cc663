"""The trained policy: from one observation to one action chunk."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.lps import LPS
from lps_ros.learning.networks import project_to_sphere
import numpy as np
import torch
from torch import Tensor

Mode = Literal['steered', 'prior']


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """
    A chunk to execute.

    actions: float32 (H, A) in [-1, 1]; q: the smallest of the critics' values of the chunk;
    latent: float32 (D,), the point on the sphere that the chunk was decoded from.
    """

    actions: np.ndarray
    q: float
    latent: np.ndarray


class Policy:
    """
    Plans chunks with the networks of LPS; keeps no state between plans.

    The caller sets torch to one thread: more make planning times erratic.
    """

    def __init__(self, agent: LPS, normaliser: Normaliser) -> None:
        self.agent = agent.eval()
        self.normaliser = normaliser
        self.horizon = agent.config.horizon
        self.action_size = agent.action_size
        self.observation_size = agent.observation_size
        self._device = next(agent.parameters()).device
        self._mean = torch.from_numpy(normaliser.mean).to(self._device)
        self._std = torch.from_numpy(normaliser.std).to(self._device)

    @torch.inference_mode()
    def plan(
            self, observation: np.ndarray, *, mode: Mode, candidates: int = 1,
            rng: torch.Generator, spread: float = inf) -> Plan:
        """
        Plan from an un-normalised observation, float32 (S,).

        'prior' decodes latents drawn uniformly from the sphere, 'steered' the latent actor's own
        and `candidates` - 1 others: sphere(own + spread * random), for an infinite spread the
        random ones themselves. The chunk with the highest q is taken. `rng` is a generator on
        the CPU; the same state gives the same plan. Raises ValueError on a wrong argument.
        """
        if mode not in ('steered', 'prior'):
            raise ValueError(f"mode is {mode!r}, expected 'steered' or 'prior'")
        if candidates < 1:
            raise ValueError(f'candidates is {candidates}, expected 1 or more')
        if observation.shape != (self.observation_size,):
            raise ValueError(f'observation has shape {observation.shape}, expected '
                             f'({self.observation_size},)')
        normalised = self._normalised(observation[None])
        latents = self._latents(normalised, mode, candidates, rng, spread)
        observations = normalised.expand(candidates, -1)
        chunks = self.agent.act(observations, latents)
        values = self.agent.critic(observations, chunks).amin(0)
        best = int(values.argmax())
        return Plan(
            actions=chunks[best].view(self.horizon, self.action_size).cpu().numpy(),
            q=values[best].item(), latent=latents[best].cpu().numpy())

    @torch.inference_mode()
    def q_values(self, observations: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return each critic's value, float32 (members, B), of chunks (B, H, A) at (B, S)."""
        chunks = torch.from_numpy(np.ascontiguousarray(actions, np.float32)).to(self._device)
        values = self.agent.critic(self._normalised(observations), chunks.flatten(start_dim=1))
        return values.cpu().numpy()

    def _normalised(self, observations: np.ndarray) -> Tensor:
        raw = torch.from_numpy(np.ascontiguousarray(observations, np.float32)).to(self._device)
        return (raw - self._mean) / self._std

    def _latents(
            self, normalised: Tensor, mode: Mode, candidates: int, rng: torch.Generator,
            spread: float) -> Tensor:
        drawn = candidates if mode == 'prior' else candidates - 1
        points = torch.randn(drawn, self.agent.chunk_size, generator=rng).to(self._device)
        latents = project_to_sphere(points)
        if mode == 'prior':
            return latents
        own = self.agent.latent_actor(normalised)
        others = latents if spread == inf else project_to_sphere(own + spread * latents)
        return torch.cat((own, others))
