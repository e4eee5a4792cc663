"""A critic's target that takes the best of several latents of the prior (Q-chunking, Li 2025)."""

from typing import NamedTuple

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.networks.observations import Encoded
import torch
from torch import Tensor


class CandidateDraws(NamedTuple):
    """Latents and times of the flow loss; candidates (N, B, D), the latents of the target."""

    latents: Tensor
    t: Tensor
    r: Tensor
    candidates: Tensor


class TargetSelection(ActorCritic):
    """An algorithm whose config has `target_candidates`, and whose target may select."""

    def draw(self, batch_size: int, generator: torch.Generator) -> CandidateDraws:
        """Draw the random numbers of the flow loss, then the latents of the target."""
        flow = super().draw(batch_size, generator)
        points = torch.randn(
            self.config.target_candidates, batch_size, self.chunk_size, generator=generator)
        return CandidateDraws(*flow, self.prior(points))

    @torch.no_grad()
    def best_value(self, later: Encoded, candidates: Tensor) -> Tensor:
        """Return the target critics' value (B,) of the best chunk of candidates (N, B, D)."""
        count = len(candidates)
        decoder, critic = (
            tuple(part.repeat(count, 1) for part in later(network))
            for network in ('decoder', 'target_critic'))
        chunks = self.decoded(decoder, candidates.flatten(0, 1))
        return self.aggregated(self.target_critic(critic, chunks)).unflatten(
            0, (count, -1)).amax(0)
