"""The whole chain on a task that LPS solves in seconds: steering must pay."""

from learning_samples import cache
from learning_samples import config
from learning_samples import contract
from learning_samples import move
from learning_samples import start
from learning_samples import use_cache
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.trainer import Trainer
import numpy as np
import torch

_MOST_TICKS = 200


def mean_ticks(policy, mode, candidates=1):
    """Slide to the goal 20 times, chunk by chunk."""
    rng, latents = np.random.default_rng(9), torch.Generator().manual_seed(1)
    total = 0
    for _ in range(20):
        position, ticks = start(rng), 0
        while position[0] < 1 and ticks < _MOST_TICKS:
            plan = policy.plan(position.astype(np.float32), mode=mode, candidates=candidates,
                               rng=latents)
            for action in plan.actions:
                position, ticks = move(position, action), ticks + 1
                if position[0] >= 1:
                    break
        total += ticks
    return total / 20


def test_steered_policy_beats_the_prior_and_the_operator(tmp_path, monkeypatch):
    made = cache(60, ticks=_MOST_TICKS)
    use_cache(monkeypatch, made)
    settings = config(
        steps=600, tau=0.02, batch_size=64, checkpoint_every=1000, log_every=100,
        decoder_widths=(64, 64), critic_widths=(64, 64), latent_actor_widths=(64,))
    result = Trainer(settings, 'dataset', contract(), tmp_path).run()
    policy = load_bundle(result.bundle).policy
    operator = np.diff(made.episode_offsets).mean() - 1
    prior = mean_ticks(policy, 'prior')
    assert 0.6 * operator < prior < 1.4 * operator  # it has cloned the operator
    assert mean_ticks(policy, 'steered') < 0.7 * prior
    assert mean_ticks(policy, 'prior', candidates=16) < 0.7 * prior
    assert mean_ticks(policy, 'steered', candidates=16) < 0.7 * prior
