"""
Best of N (Q-chunking, Li et al. 2025): a cloned decoder, whose best chunk by Q is taken.

Nothing is pushed up the critic: it judges what the clone would do, in acting and in its target.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from lps_ros.learning.algorithms.actor_critic import ActorCritic
from lps_ros.learning.algorithms.actor_critic import CriticConfig
from lps_ros.learning.algorithms.algorithm import Metrics
from lps_ros.learning.algorithms.algorithm import Transitions
from lps_ros.learning.algorithms.meanflow import MeanFlowConfig
from lps_ros.learning.algorithms.meanflow import MeanFlowDecoding
from lps_ros.learning.algorithms.target_selection import CandidateDraws
from lps_ros.learning.algorithms.target_selection import TargetSelection
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class BestOfNConfig(MeanFlowConfig, CriticConfig):
    """Settings of best of N."""

    target_candidates: int = 8  # latents of which the critic's target takes the best


class BestOfN(TargetSelection, MeanFlowDecoding, ActorCritic):
    """Decoder, critics and target critics, trained together by one Adam."""

    name = 'best_of_n'
    config_type = BestOfNConfig
    steering: ClassVar[Mapping[str, Any]] = {
        'mode': 'prior', 'candidates': 32, 'replan_every': 2}

    def loss(self, batch: Transitions, draws: CandidateDraws) -> tuple[Tensor, Metrics]:
        """Return the sum of both losses, at the same parameters."""
        now = self.encoded(batch.observations)
        next_value = self.best_value(self.encoded(batch.next_observations), draws.candidates)
        critic, critic_metrics = self.critic_loss(now, batch, next_value)
        flow, flow_metrics = self.flow_loss(now, batch, draws)
        return critic + flow, critic_metrics | flow_metrics
