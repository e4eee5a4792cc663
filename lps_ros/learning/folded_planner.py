"""
Proposals of a one-step MLP decoder in few kernels, with all that is constant folded into weights.

For one observation a call of PyTorch costs as much as its product, so what counts is their
number: 13 products with GELU and LayerNorm between them, and little else.
"""

from collections.abc import Sequence

from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import Prepared
from lps_ros.learning.algorithms.algorithm import Proposals
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.decoder import MLPDecoder
from lps_ros.learning.networks.layers import Dense
from lps_ros.learning.networks.layers import NORM_EPS
from lps_ros.learning.networks.layers import project_to_sphere
from lps_ros.learning.networks.observations import Observations
import torch
from torch import Tensor

_Layer = tuple[Tensor, Tensor]  # weight and bias


class FoldedPlanner:
    """
    Computes `Algorithm.propose` up to rounding, with the weights as they are when it is made.

    The parts of the networks' first products that only the observation decides are one product;
    the decoder's times, both 1, are in its bias; LayerNorm's scale and bias are in the layer that
    follows it.
    """

    def __init__(self, agent: Algorithm) -> None:
        """Take an algorithm that `supports` allows; what it learns later is not seen."""
        self._agent = agent
        vector, chunk = agent.shape.vector, agent.chunk_size
        (weight, bias), *layers = _layers(agent.decoder.mlp.hidden, agent.decoder.mlp.output)
        self._decoder = (weight[vector:vector + chunk].clone(), *layers)
        self._actor: list[_Layer] = []
        seen = weight.new_zeros(vector, 0), bias.new_zeros(0)
        if hasattr(agent, 'latent_actor'):
            mlp = agent.latent_actor.mlp
            seen, *self._actor = _layers(mlp.hidden, mlp.output)
        parts = [seen, (weight[:vector], bias + weight[vector + chunk:].sum(0)),
                 *(self._fold_critic(vector) if agent.has_critic else ())]
        self._widths = [weight.shape[1] for weight, _ in parts]
        self._seen = torch.cat([weight for weight, _ in parts], dim=1)
        self._seen_bias = torch.cat([bias for _, bias in parts])

    @staticmethod
    def supports(agent: Algorithm) -> bool:
        """Tell whether it is a one-step MLP decoder on a CPU that sees no images."""
        return (isinstance(agent, MeanFlowDecoding) and isinstance(agent.decoder, MLPDecoder)
                and not agent.shape.images and next(agent.parameters()).device.type == 'cpu')

    def propose(
            self, observations: Observations, points: Tensor, *, mode: str,
            strength: float) -> Proposals:
        """See `Algorithm.propose`."""
        prepared = self.prepare(observations, points, mode=mode, strength=strength)
        return prepared.propose(prepared.latents)

    def prepare(
            self, observations: Observations, points: Tensor, *, mode: str,
            strength: float) -> Prepared:
        """See `Algorithm.prepare`."""
        agent = self._agent
        actor, decoder, *critic = torch.addmm(
            self._seen_bias, observations.vector, self._seen).split_with_sizes(self._widths, 1)
        strength = strength if mode == 'steered' else 0.0
        own = None
        if strength and self._actor:
            own = project_to_sphere(_run(gelu_(actor), self._actor))
        weight, *layers = self._decoder

        def decode(latents: Tensor) -> Tensor:
            chunks = _run(gelu_(torch.addmm(decoder, latents, weight)), layers)
            if agent.config.flow_method == 'mf':
                chunks = latents - chunks
            return chunks.clamp_(-1, 1)

        return Prepared(
            agent.steered_latents(points, own, strength), decode,
            lambda chunks: self._values(critic, chunks) if critic else None)

    def _values(self, seen: Sequence[Tensor], chunks: Tensor) -> Tensor:
        weight, *layers = self._critic
        x = torch.baddbmm(torch.stack(seen), chunks.expand(len(seen), -1, -1), weight)
        for weight, bias in layers:
            x = torch.layer_norm(gelu_(x), x.shape[-1:], eps=NORM_EPS)
            x = torch.baddbmm(bias, x, weight)
        return x.squeeze(-1)

    def _fold_critic(self, vector: int) -> list[_Layer]:
        """Keep the critic's layers; return what each member makes of the observation alone."""
        critic = self._agent.critic
        (weight, bias), *layers = _layers(critic.hidden, critic.output)
        self._critic = (weight[:, vector:].clone(), *(
            (norm.scale.detach()[..., None] * after,
             torch.baddbmm(bias_after[:, None], norm.bias.detach()[:, None], after))
            for norm, (after, bias_after) in zip(critic.norms, layers, strict=True)))
        return list(zip(weight[:, :vector], bias))


def _layers(hidden: Sequence[Dense], output: Dense) -> list[_Layer]:
    return [(dense.weight.detach().clone(), dense.bias.detach().clone())
            for dense in (*hidden, output)]


def _run(x: Tensor, layers: Sequence[_Layer]) -> Tensor:
    """Pass activations (N, width) through the layers; the last one is linear."""
    *hidden, (weight, bias) = layers
    for inner, offset in hidden:
        x = gelu_(torch.addmm(offset, x, inner))
    return torch.addmm(bias, x, weight)
