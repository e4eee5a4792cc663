"""Complete updates against the authors' numbers (golden group g, networks without images)."""

from golden_vectors import far
from golden_vectors import FOLDER
from golden_vectors import Golden
import pytest
import torch

CASES = sorted(path.stem for path in FOLDER.glob('g_update_mlp*.npz'))
METRICS = {'critic/critic_loss': 'critic.critic_loss', 'critic/q_mean': 'critic.q_mean',
           'critic/q_max': 'critic.q_max', 'critic/q_min': 'critic.q_min',
           'decoder/flow_loss': 'actor.actor_loss', 'latent/latent_loss': 'latent.latent_loss',
           'latent/z_norm': 'latent.z_norm'}
OUTLIERS = 1e-3  # where the gradient is about 1e-8, a step of Adam may differ
OUTLIER_ATOL = 6e-4


def assert_parameters(agent, golden, prefix, atol):
    ours = agent.state_dict()
    theirs = golden.parameters(prefix)
    assert theirs.keys() == ours.keys()
    target = {name: value for name, value in theirs.items() if name.startswith('target_critic.')}
    trained = {name: value for name, value in theirs.items() if name not in target}
    assert target
    assert trained
    assert max(far(ours, trained, OUTLIER_ATOL)) == 0
    sizes = [value.numel() for value in trained.values()]
    shares = far(ours, trained, atol)
    outliers = sum(share * size for share, size in zip(shares, sizes, strict=True))
    assert outliers <= OUTLIERS * sum(sizes)
    # Looser than 3e-7 could not tell the old critic from the new one in the target's average.
    assert max(far(ours, target, 3e-7)) == 0


def test_both_update_cases_are_there():
    assert {'g_update_mlp', 'g_update_mlp_mfql_mean'} <= set(CASES)


@pytest.mark.parametrize('name', CASES)
def test_updates(name):
    golden = Golden(name)
    agent = golden.lps('params0')
    updates = golden.description['n_updates']
    for index in range(updates):
        metrics = agent.update(golden.batch(index), golden.draws(index))
        for ours, theirs in METRICS.items():
            torch.testing.assert_close(
                metrics[ours], golden[f'info.{theirs}'][index], rtol=1e-4, atol=1e-5)
        if index == 0:
            assert_parameters(agent, golden, 'params1', 5e-6)
    assert_parameters(agent, golden, f'params{updates}', 2e-5)
