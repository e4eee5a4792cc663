"""The trained policy: from one observation to one action chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from math import nan
from typing import Literal

from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import Proposals
from lps_ros.learning.familiarity import Familiarity
from lps_ros.learning.folded_planner import FoldedPlanner
from lps_ros.learning.latent_join import Join
from lps_ros.learning.latent_join import joined
from lps_ros.learning.latent_join import PROBES
from lps_ros.learning.networks.observations import Observations
import numpy as np
import torch
from torch import Tensor

Mode = Literal['steered', 'prior']


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """
    A chunk to execute.

    actions: float (H, A) in [-1, 1]; q: the smallest of the critics' values of the chunk;
    disagreement: the largest minus the smallest, both NaN without a critic; latent: float32
    (D,), the latent that it was decoded from; unfamiliarity: of the observation, about 1 at the
    edge of the training data, see `Familiarity`, NaN where that is not known.
    """

    actions: np.ndarray
    q: float
    latent: np.ndarray
    disagreement: float = nan
    unfamiliarity: float = nan


class Policy:
    """
    Plans chunks with the networks of an algorithm; keeps no state between plans.

    Made from an algorithm as it is now; one that learns on needs another policy.

    The caller sets torch to one thread: more make planning times erratic.
    """

    def __init__(
            self, agent: Algorithm, normaliser: Normaliser,
            familiarity: Familiarity | None = None,
            relative: RelativeActions | None = None) -> None:
        """Take what observations were trained on, where it is known, and relative actions."""
        self.agent = agent.eval()
        self.normaliser = normaliser
        self.familiarity = familiarity
        self.relative = relative
        self.horizon = agent.config.horizon
        self.action_size = agent.action_size
        self.observation_size = agent.shape.vector
        self._device = next(agent.parameters()).device
        self._prepare = (FoldedPlanner(agent) if FoldedPlanner.supports(agent) else agent).prepare

    def generator(self, seed: int) -> torch.Generator:
        """Return what latents are drawn with, on the CPU."""
        return torch.Generator().manual_seed(seed)

    def plan(
            self, observation: np.ndarray, images: Sequence[np.ndarray] = (), *, mode: Mode,
            candidates: int = 1, rng: torch.Generator, strength: float = 1.0,
            committed: np.ndarray | None = None, join_at: int = 0, join_steps: int = 0,
            join_weight: float = 1.0) -> Plan:
        """
        Plan from an un-normalised observation, float32 (S,), and frames uint8 (h, w, 3).

        'prior' decodes random latents, 'steered' the latent actor's own and `candidates` - 1
        random ones. A strength below 1 goes back towards the prior, see `Algorithm.propose`; 0
        is the prior.
        The chunk with the highest q is taken; with `committed` actions, float32 (m, A), one that
        also agrees with them, see `Join`, which the `join_` arguments make. `rng` is a generator
        on the CPU; the same state gives the same plan. Raises ValueError on a wrong argument.
        """
        join = Join(
            committed=np.zeros((0, self.action_size)) if committed is None else committed,
            at=join_at, steps=join_steps, weight=join_weight)
        join.check(self.horizon, self.action_size)
        if mode not in ('steered', 'prior'):
            raise ValueError(f"mode is {mode!r}, expected 'steered' or 'prior'")
        if candidates < 1:
            raise ValueError(f'candidates is {candidates}, expected 1 or more')
        if candidates > 1 and not self.agent.has_critic and not join.active:
            raise ValueError(f'candidates is {candidates}, expected 1: algorithm '
                             f'{self.agent.name} has no critic to choose by')
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f'strength is {strength}, expected 0 to 1')
        if observation.shape != (self.observation_size,):
            raise ValueError(f'observation has shape {observation.shape}, expected '
                             f'({self.observation_size},)')
        self._check_images(images, batch=())
        if join.active and self.relative is not None:
            join = replace(join, committed=self.relative.learnt(join.committed, observation))
        # What inference mode makes cannot be differentiated later.
        with torch.inference_mode(not join.active), torch.no_grad():
            points = self._points(candidates, rng)
            prepared = self._prepare(
                self._observations(observation[None], [image[None] for image in images]), points,
                mode=mode, strength=strength)
            if join.active:
                probes = self.agent.prior(self._points(PROBES, rng))
                proposals, best = joined(prepared, probes, join)
            else:
                proposals, best = prepared.propose(prepared.latents), None
        return self._plan(observation, proposals, best)

    def _plan(self, observation: np.ndarray, proposals: Proposals, best: int | None) -> Plan:
        """Return the best proposal as a plan, by its value where None says which that is."""
        q = disagreement = nan
        if proposals.values is not None:
            values = proposals.values.cpu().numpy()
            best = int(values.min(0).argmax()) if best is None else best
            q = float(values[:, best].min())
            disagreement = float(values[:, best].max()) - q
        best = best or 0
        chunks, latents = (each.cpu().numpy() for each in (proposals.chunks, proposals.latents))
        actions = chunks[best].reshape(self.horizon, self.action_size)
        if self.relative is not None:
            actions = self.relative.absolute(actions, observation)
        return Plan(
            actions=actions, q=q,
            latent=latents[best], disagreement=disagreement,
            unfamiliarity=(nan if self.familiarity is None
                           else self.familiarity.unfamiliarity(observation)))

    def _points(self, count: int, rng: torch.Generator) -> Tensor:
        return torch.randn(count, self.agent.chunk_size, generator=rng).to(self._device)

    @torch.inference_mode()
    def q_values(
            self, observations: np.ndarray, actions: np.ndarray,
            images: Sequence[np.ndarray] = ()) -> np.ndarray:
        """
        Return each critic's value, float32 (members, B), of chunks (B, H, A) at (B, S).

        images: uint8 (B, h, w, 3) of each camera. Without a critic one member says NaN.
        """
        self._check_images(images, batch=(len(observations),))
        if self.relative is not None:
            actions = self.relative.learnt(actions, observations)
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
