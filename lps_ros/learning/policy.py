"""The trained policy: from one observation to one action chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.folded_planner import FoldedPlanner
from lps_ros.learning.networks.observations import Observations
import numpy as np
import torch
from torch import Tensor

Mode = Literal['steered', 'prior']


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """
    A chunk to execute.

    actions: float32 (H, A) in [-1, 1]; q: the smallest of the critics' values of the chunk, NaN
    without a critic; latent: float32 (D,), the latent that it was decoded from.
    """

    actions: np.ndarray
    q: float
    latent: np.ndarray


class Policy:
    """
    Plans chunks with the networks of an algorithm; keeps no state between plans.

    Made from an algorithm as it is now; one that learns on needs another policy.

    The caller sets torch to one thread: more make planning times erratic.
    """

    def __init__(self, agent: Algorithm, normaliser: Normaliser) -> None:
        self.agent = agent.eval()
        self.normaliser = normaliser
        self.horizon = agent.config.horizon
        self.action_size = agent.action_size
        self.observation_size = agent.shape.vector
        self._device = next(agent.parameters()).device
        self._propose = (FoldedPlanner(agent) if FoldedPlanner.supports(agent) else agent).propose

    @torch.inference_mode()
    def plan(
            self, observation: np.ndarray, images: Sequence[np.ndarray] = (), *, mode: Mode,
            candidates: int = 1, rng: torch.Generator, strength: float = 1.0) -> Plan:
        """
        Plan from an un-normalised observation, float32 (S,), and frames uint8 (h, w, 3).

        'prior' decodes random latents, 'steered' the latent actor's own and `candidates` - 1
        random ones. A strength below 1 goes back towards the prior, see `Algorithm.propose`; 0
        is the prior.
        The chunk with the highest q is taken. `rng` is a generator on the CPU; the same state
        gives the same plan. Raises ValueError on a wrong argument.
        """
        if mode not in ('steered', 'prior'):
            raise ValueError(f"mode is {mode!r}, expected 'steered' or 'prior'")
        if candidates < 1:
            raise ValueError(f'candidates is {candidates}, expected 1 or more')
        if candidates > 1 and not self.agent.has_critic:
            raise ValueError(f'candidates is {candidates}, expected 1: algorithm '
                             f'{self.agent.name} has no critic to choose by')
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f'strength is {strength}, expected 0 to 1')
        if observation.shape != (self.observation_size,):
            raise ValueError(f'observation has shape {observation.shape}, expected '
                             f'({self.observation_size},)')
        self._check_images(images, batch=())
        points = torch.randn(candidates, self.agent.chunk_size, generator=rng).to(self._device)
        proposals = self._propose(
            self._observations(observation[None], [image[None] for image in images]), points,
            mode=mode, strength=strength)
        best, q = 0, nan
        if proposals.values is not None:
            lowest = proposals.values.cpu().numpy().min(0)
            best = int(lowest.argmax())
            q = float(lowest[best])
        chunks, latents = (each.cpu().numpy() for each in (proposals.chunks, proposals.latents))
        return Plan(
            actions=chunks[best].reshape(self.horizon, self.action_size), q=q,
            latent=latents[best])

    @torch.inference_mode()
    def q_values(
            self, observations: np.ndarray, actions: np.ndarray,
            images: Sequence[np.ndarray] = ()) -> np.ndarray:
        """
        Return each critic's value, float32 (members, B), of chunks (B, H, A) at (B, S).

        images: uint8 (B, h, w, 3) of each camera. Without a critic one member says NaN.
        """
        self._check_images(images, batch=(len(observations),))
        chunks = torch.from_numpy(np.ascontiguousarray(actions, np.float32)).to(self._device)
        values = self.agent.scores(
            self.agent.encoded(self._observations(observations, images)),
            chunks.flatten(start_dim=1))
        if values is None:
            return np.full((1, len(observations)), nan, np.float32)
        return values.cpu().numpy()

    def _observations(
            self, vectors: np.ndarray, images: Sequence[np.ndarray]) -> Observations:
        normalised = (vectors - self.normaliser.mean) / self.normaliser.std
        return Observations(self._moved(normalised.astype(np.float32, copy=False)), tuple(
            self._moved(image) for image in images))

    def _moved(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _check_images(self, images: Sequence[np.ndarray], batch: tuple[int, ...]) -> None:
        expected = [(*batch, height, width, 3) for height, width in self.agent.shape.images]
        found = [image.shape for image in images]
        if found != expected or any(image.dtype != np.uint8 for image in images):
            raise ValueError(
                f'images have shapes {found} and types {[str(i.dtype) for i in images]}, expected '
                f'{expected} of uint8')
