"""The folded planner proposes what the networks propose."""

from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.folded_planner import FoldedPlanner
from lps_ros.learning.networks.observations import Observations
import pytest
from test_algorithms import batch
from test_algorithms import draws
from test_algorithms import make
from test_algorithms import VECTOR
import torch

ONE_STEP = ('lps', 'meanflow_bc', 'best_of_n', 'qc_mfql')
WAYS = [{'mode': 'prior', 'strength': 1.0},
        {'mode': 'steered', 'strength': 1.0},
        {'mode': 'steered', 'strength': 0.3},
        {'mode': 'steered', 'strength': 0.0}]


def assert_same(agent, count, **way):
    observation = Observations(torch.randn(1, VECTOR))
    points = torch.randn(count, agent.chunk_size)
    planner = FoldedPlanner(agent)
    with torch.inference_mode():
        expected = agent.propose(observation, points.clone(), **way)
        found = planner.propose(observation, points.clone(), **way)
    for ours, theirs in zip(found, expected, strict=True):
        if theirs is None:
            assert ours is None
        else:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    return planner


@pytest.mark.parametrize('name', ONE_STEP)
@pytest.mark.parametrize('count', [1, 4, 32])
@pytest.mark.parametrize('way', WAYS)
def test_proposals_are_those_of_the_networks(name, count, way):
    assert_same(make(name), count, **way)


@pytest.mark.parametrize('method', ['mfql', 'mf'])
def test_other_forms_of_the_flow(method):
    assert_same(make('lps', flow_method=method), 4, **WAYS[1])


def test_it_keeps_the_weights_that_it_was_made_of():
    agent = make('lps')
    planner = assert_same(agent, 2, **WAYS[1])
    observation, points = Observations(torch.randn(1, VECTOR)), torch.randn(2, agent.chunk_size)
    before = planner.propose(observation, points, **WAYS[1])
    agent.update(batch(agent), draws(agent))
    after = planner.propose(observation, points, **WAYS[1])
    assert all(map(torch.equal, before, after))
    assert_same(agent, 2, **WAYS[1])


def test_what_it_cannot_fold_is_told():
    for name in ALGORITHMS:
        assert FoldedPlanner.supports(make(name)) == (name in ONE_STEP)
        assert not FoldedPlanner.supports(make(name, 'images'))
    assert not FoldedPlanner.supports(make('lps', decoder='dit_nano'))
