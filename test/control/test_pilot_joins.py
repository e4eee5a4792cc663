"""How a new chunk takes over: replacement, ensemble, and what the latent is joined with."""

from lps_ros.control.planning import Steering
import numpy as np
from pilot_rig import acting
from pilot_rig import Rig
from pilot_rig import TimeTeller
import pytest


class _Numbered(TimeTeller):
    """Plans chunks of the fractions 0, 0.1, 0.2, ... of the scale, one for each plan."""

    def plan(self, observation, images=(), **how):
        self.actions = np.full((self.horizon, 2), [0.1 * len(self.asked), 0.0])
        return super().plan(observation, images, **how)


def _commands(join, *, takes_ms=None, horizon=4, replan_every=2, ticks=8):
    rig = Rig(horizon=horizon, takes_ms=takes_ms, planner=_Numbered(horizon),
              steering=Steering(mode='prior', replan_every=replan_every, join=join, join_steps=5,
                                join_weight=0.5))
    decisions = rig.run(1, ticks, think=takes_ms is not None)
    return rig, [decision.command[0] for decision in decisions.values() if decision.acting]


@pytest.mark.parametrize('join', ['replace', 'latent'])
def test_replacement_takes_the_newest_chunk(join):
    _, commands = _commands(join)
    assert commands == pytest.approx([0, 0, .2, .2, .4, .4, .6, .6])


def test_an_ensemble_goes_over_from_one_chunk_to_the_next():
    _, commands = _commands('ensemble')
    between = [.2 * (n + 2 / 3) for n in range(3) for _ in range(2)]
    assert commands == pytest.approx([0, 0, *between])


def test_the_join_can_be_changed_while_it_runs():
    rig = Rig(horizon=4, planner=_Numbered(4),
              steering=Steering(mode='prior', replan_every=2, join='replace'))
    for tick in range(1, 4):
        rig.tick(tick)
    rig.pilot.steering = Steering(mode='prior', replan_every=2, join='ensemble')
    assert rig.tick(4).command[0] == pytest.approx(.2 * 2 / 3)
    rig.pilot.steering = Steering(mode='prior', replan_every=2, join='replace')
    assert rig.tick(4).command[0] == pytest.approx(.2)


def test_an_ensemble_is_given_as_a_whole_as_it_will_be_executed():
    rig = Rig(horizon=4, planner=_Numbered(4),
              steering=Steering(mode='prior', replan_every=2, join='ensemble'))
    told = [rig.tick(tick).chunks for tick in range(1, 4)][2]
    speeds = [point['velocities'][0]['linear']['x'] for point in told[0].content['points']]
    assert speeds == pytest.approx([.2 * 2 / 3] * 2 + [.2] * 2)


@pytest.mark.parametrize('join', ['replace', 'ensemble', 'latent'])
def test_what_is_under_way_is_told_to_the_planner_of_latents_alone(join):
    rig, _ = _commands(join)
    first, *later = rig.inference.requests
    assert first.committed is None
    for number, request in enumerate(later):
        if join == 'latent':
            # The last two of the chunk before, not scaled.
            assert request.committed == pytest.approx(np.full((2, 2), [0.1 * number, 0.0]))
        else:
            assert request.committed is None
    how = rig.planner.asked[-1][1]
    assert ('committed' in how) == (join == 'latent')
    assert join != 'latent' or (how['join_steps'], how['join_weight']) == (5, 0.5)


@pytest.mark.parametrize('takes_ms', [3, 30, 70, 120, 190])
def test_a_chunk_comes_in_where_its_planner_was_told_it_would(takes_ms):
    rig = Rig(horizon=16, takes_ms=takes_ms, planner=TimeTeller(16),
              steering=Steering(mode='prior', replan_every=6, join='latent'))
    decisions = rig.run(1, 80)
    came_in = {}
    for tick in acting(decisions):
        step = decisions[tick].step
        came_in.setdefault(step.chunk, step.index)
    told = [request.join_at for request in rig.inference.requests]
    # Of the first plan no time is known.
    chunks = sorted(came_in)[1:]
    assert len(chunks) > 8
    assert [came_in[chunk] for chunk in chunks] == [told[chunk] for chunk in chunks]
    # Up to there the rest of the chunk before is what is executed.
    for chunk in chunks:
        committed = rig.inference.requests[chunk].committed
        assert len(committed) > told[chunk]
        assert committed[:, 0] == pytest.approx(
            1e-3 * (rig.inference.requests[chunk].tick + np.arange(len(committed))))


def test_an_expected_time_beyond_the_chunk_is_its_end():
    rig = Rig(horizon=4, takes_ms=1000.0, planner=TimeTeller(4), patience_s=60.0,
              steering=Steering(mode='prior', join='latent'))
    rig.run(1, 60)
    rig.authority.arm()
    rig.run(61, 62)
    assert rig.inference.requests[-1].join_at == 3
