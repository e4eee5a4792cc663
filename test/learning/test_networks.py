"""Networks: activation, initial weights, ensembles, and what is frozen."""

from lps_ros.learning.algorithms.algorithm import frozen
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.networks.activation import gelu_
from lps_ros.learning.networks.activation import gelu_tangent
from lps_ros.learning.networks.heads import Critic
from lps_ros.learning.networks.layers import Dense
from lps_ros.learning.networks.observations import ObservationShape
import pytest
import torch


def points():
    return torch.cat((torch.linspace(-30, 30, 501), torch.tensor([-1e4, 0.0, 1e4])))


def test_gelu_and_its_gradient_are_those_of_torch():
    ours, theirs = points().requires_grad_(), points().requires_grad_()
    value = gelu_(ours * 1)
    expected = torch.nn.functional.gelu(theirs, approximate='tanh')
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gelu_(points()), expected.detach(), rtol=1e-5, atol=1e-6)
    value.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        gelu_tangent(points(), 3 * torch.ones(504)), 3 * theirs.grad, rtol=1e-5, atol=1e-5)


def test_gelu_tangent_leaves_its_input():
    x = points()
    gelu_tangent(x, x)
    torch.testing.assert_close(x, points(), rtol=0, atol=0)


def test_dense_starts_xavier_uniform_without_bias():
    torch.manual_seed(0)
    dense = Dense(200, 100, members=3)
    limit = (6 / 300) ** 0.5
    assert dense.weight.shape == (3, 200, 100)
    assert limit * 0.99 < dense.weight.abs().max() <= limit
    assert dense.weight.mean().abs() < 0.01 * limit
    assert not dense.bias.any()
    assert not torch.equal(dense.weight[0], dense.weight[1])


def test_members_of_the_critic_are_independent():
    torch.manual_seed(0)
    critic = Critic((4,), 6, (16, 16), members=3)
    observations, chunks = torch.randn(5, 4), torch.randn(5, 6)
    before = critic((observations,), chunks)
    assert before.shape == (3, 5)
    with torch.no_grad():
        critic.hidden[0].weight[1] += 1
    after = critic((observations,), chunks)
    changed = (after != before).any(dim=1)
    assert changed.tolist() == [False, True, False]


def test_target_critic_starts_as_the_critic_and_is_not_trained():
    agent = LPS(LPSConfig(critic_widths=(8,)), ObservationShape(vector=3), 2)
    for ours, target in zip(agent.critic.parameters(), agent.target_critic.parameters()):
        assert torch.equal(ours, target)
        assert not target.requires_grad
    trained = {id(p) for group in agent.optimiser.param_groups for p in group['params']}
    assert trained == {id(p) for p in agent.parameters() if p.requires_grad}


def test_frozen_modules_are_trainable_again_even_after_an_error():
    dense = Dense(2, 2)
    with pytest.raises(ZeroDivisionError), frozen(dense):
        assert not dense.weight.requires_grad
        raise ZeroDivisionError
    assert dense.weight.requires_grad
