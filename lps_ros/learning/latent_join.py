"""
Joining in the latent: a chunk that agrees with the actions that are already under way.

Rows of the overlap are weighed as in real-time chunking (Black et al. 2025, "Real-Time Execution
of Action Chunking Flow Policies"): fully before the join, then falling towards the overlap's end.
"""

from dataclasses import dataclass
import math

from lps_ros.learning.algorithms.algorithm import Prepared
from lps_ros.learning.algorithms.algorithm import Proposals
import numpy as np
import torch
from torch import nn
from torch import Tensor

PROBES = 8  # random latents that tell how much values and actions differ at an observation
_FIRST_STEP_RAD = 0.2  # along the sphere; later steps shrink linearly
_LEAST_SPREAD = 0.08  # of actions in [-1, 1], the least unit of distance
_TINY = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Join:
    """
    What a new chunk has to agree with, and how.

    committed: float32 (m, A) in [-1, 1], row i is under way at the time of action i of the new
    chunk; at: the first row that the new chunk will carry out itself; steps: of the latents'
    improvement; weight: of agreement against value.
    """

    committed: np.ndarray
    at: int = 0
    steps: int = 0
    weight: float = 1.0

    def check(self, horizon: int, action_size: int) -> None:
        """Raise ValueError, one line, where it fits no chunk (horizon, action_size)."""
        shape = np.shape(self.committed)
        if len(shape) != 2 or shape[0] > horizon or shape[1] != action_size:
            raise ValueError(f'committed has shape {shape}, expected (0 to {horizon}, '
                             f'{action_size})')
        if not np.isfinite(self.committed).all():
            raise ValueError('committed has a non-finite value, expected actions in [-1, 1]')
        if not 0 <= self.at <= horizon:
            raise ValueError(f'join_at is {self.at}, expected 0 to {horizon}')
        if self.steps < 0:
            raise ValueError(f'join_steps is {self.steps}, expected 0 or more')
        if not 0 <= self.weight < np.inf:
            raise ValueError(f'join_weight is {self.weight}, expected a number from 0 on')

    @property
    def active(self) -> bool:
        """Whether there is anything to agree with."""
        return len(self.committed) > 0 and self.weight > 0


def row_weights(rows: int, at: int) -> np.ndarray:
    """Return float32 (rows,), of sum 1: how much each committed row counts, see the module."""
    left = np.minimum(1, (rows - np.arange(rows)) / (rows - min(at, rows) + 1))
    weights = left * np.expm1(left)
    return (weights / weights.sum()).astype(np.float32)


class Agreement:
    """Judges chunks (N, D) by their distance from what is committed, the first rows of them."""

    def __init__(self, join: Join, like: Tensor) -> None:
        """Take what is committed, to the device and type of `like`."""
        rows, width = join.committed.shape
        self._size = rows * width
        self._weights = torch.from_numpy(
            np.repeat(row_weights(rows, join.at) / width, width)).to(like)
        self._committed = torch.from_numpy(
            np.ascontiguousarray(join.committed, np.float32).ravel()).to(like)

    def distance(self, chunks: Tensor, other: Tensor | None = None) -> Tensor:
        """Return the weighed root mean square (N,), from another chunk (D,) where one is given."""
        other = self._committed if other is None else other[:self._size]
        return ((chunks[:, :self._size] - other).square() @ self._weights).sqrt()

    def uphill(self, chunks: Tensor) -> Tensor:
        """Return the direction (N, D) in which chunks move away fastest."""
        away = torch.zeros_like(chunks)
        away[:, :self._size] = (chunks[:, :self._size] - self._committed) * self._weights
        return away


def joined(prepared: Prepared, probes: Tensor, join: Join) -> tuple[Proposals, int]:
    """
    Return all that was proposed on the way of `join.steps` from the latents, and which is best.

    Each step goes down the gradient of the distance, on the latents' sphere, whose radius is
    kept. Best is the highest sum of value, in units of its spread over `probes`, and
    -`join.weight` times distance, in units of the probes' own spread. A value counts at most as
    that at the way's beginning, and no gradient passes through the critics, as climbing them
    finds their errors. probes (PROBES, D): random latents. To be called without inference mode.
    """
    count = len(prepared.latents)
    agreement = Agreement(join, probes)
    latents, chunks = [prepared.latents], []
    for step in range(join.steps):
        angle_rad = _FIRST_STEP_RAD * (1 - step / join.steps)
        chunk, latent = _stepped(prepared, agreement, latents[-1], angle_rad)
        chunks.append(chunk)
        latents.append(latent)
    points = torch.cat((*latents, probes))
    # The steps have decoded all but the last latents already.
    chunks.append(prepared.decode(torch.cat((latents[-1], probes))))
    proposals = Proposals(points, torch.cat(chunks), None)
    proposals = proposals._replace(values=prepared.values(proposals.chunks))
    score = _scores(proposals, agreement, count, join)
    return proposals, int(score.argmax())


def _scores(proposals: Proposals, agreement: Agreement, count: int, join: Join) -> Tensor:
    """Return the score of all proposals but the probes, which are the last ones."""
    chunks, probes = proposals.chunks[:-PROBES], proposals.chunks[-PROBES:]
    unit = agreement.distance(probes, probes.mean(0)).mean().clamp(min=_LEAST_SPREAD)
    score = -join.weight * agreement.distance(chunks) / unit
    if proposals.values is None:
        return score
    value = proposals.values.amin(0)
    ways = value[:-PROBES].view(-1, count)
    return score + torch.minimum(ways, ways[0]).flatten() / (value[-PROBES:].std() + _TINY)


def _stepped(
        prepared: Prepared, agreement: Agreement, latents: Tensor, angle_rad: float,
) -> tuple[Tensor, Tensor]:
    """
    Return the chunks of latents (N, D), and latents so far down along the sphere of each.

    The weights of the networks get no gradient.
    """
    with torch.enable_grad():
        latents = latents.detach().requires_grad_()
        chunks = prepared.decode(latents)
    (gradient,) = torch.autograd.grad(chunks, latents, agreement.uphill(chunks.detach()))
    latents = latents.detach()
    radius = latents.norm(dim=-1, keepdim=True)
    outward = latents / radius
    tangent = gradient - (gradient * outward).sum(dim=-1, keepdim=True) * outward
    moved = (math.cos(angle_rad) * outward
             - math.sin(angle_rad) * nn.functional.normalize(tangent, dim=-1))
    return chunks.detach(), radius * nn.functional.normalize(moved, dim=-1)
