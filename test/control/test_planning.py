"""Requests answered: what the planner is given, and what becomes of its errors."""

from dataclasses import replace
from types import SimpleNamespace

from control_planners import Planner
from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import one_line
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanServer
from lps_ros.control.planning import Steering
from lps_ros.joining import JOIN_STEPS
import numpy as np
import pytest


def request(mode='echo', told=1.0, *, number=0, seed=None, **how):
    steering = {name: how.pop(name) for name in ('join', 'join_steps') if name in how}
    return PlanRequest(number=number, tick=7, observation=np.array([told], np.float32), seed=seed,
                       steering=Steering(mode=mode, strength=0.25, **steering), **how)


def test_a_plan_with_its_figures_and_time():
    clock = iter((1.0, 1.25))
    result = PlanServer(Planner(), steady_s=lambda: next(clock)).answer(request(number=3))
    assert (result.number, result.tick, result.error, result.plan_s) == (3, 7, '', 0.25)
    assert result.actions.tolist() == [[1.0], [1.0]]
    assert (result.q, result.unfamiliarity) == (0.25, 0.5)
    assert np.isnan(result.disagreement)


def test_latents_go_on_until_they_are_drawn_afresh():
    server = PlanServer(Planner())

    def drawn(seed=None):
        return float(server.answer(request('random', seed=seed)).actions[0, 0])

    first = [drawn(5), drawn(), drawn()]
    assert len(set(first)) == 3
    assert [drawn(5), drawn(), drawn()] == first
    assert drawn(6) != first[0]


@pytest.mark.parametrize('join', ['replace', 'ensemble', 'latent'])
@pytest.mark.parametrize('committed', [None, np.ones((2, 1), np.float32)])
def test_the_latent_is_joined_only_where_asked_and_something_is_under_way(join, committed):
    given = {}

    class Noting(Planner):
        def plan(self, observation, images=(), **how):
            given.update(how)
            return super().plan(observation, images, **how)

    PlanServer(Noting()).answer(request(join=join, join_steps=4, committed=committed, join_at=1))
    joins = join == 'latent' and committed is not None
    assert ('committed' in given) == ('join_weight' in given) == joins
    assert given.get('join_steps') == (4 if joins else None)
    assert given.get('join_at') == (1 if joins else None)


@pytest.mark.parametrize(('how', 'steps'), [
    ({'join': 'latent'}, JOIN_STEPS), ({'join': 'latent', 'join_steps': 7}, 7),
    ({'join': 'latent', 'candidates': 4}, JOIN_STEPS),
    # They choose the one that agrees best.
    ({'join': 'latent', 'candidates': 4, 'join_steps': 0}, 0),
    ({'join': 'latent', 'candidates': 1, 'join_steps': 0}, JOIN_STEPS)])
def test_a_join_in_the_latent_takes_steps_where_it_could_do_nothing_else(how, steps):
    assert JOIN_STEPS > 0
    assert Steering(**how).join_steps == Steering.told(how).join_steps == steps


@pytest.mark.parametrize(('said', 'steps'), [
    ({}, JOIN_STEPS), ({'join_steps': 0}, JOIN_STEPS), ({'join_steps': 5}, 5),
    ({'join': 'ensemble', 'join_steps': 0}, JOIN_STEPS),
    ({'join': 'replace', 'candidates': 4, 'join_steps': 0}, JOIN_STEPS),
    ({'join': 'latent', 'candidates': 4, 'join_steps': 0}, 0)])
def test_no_steps_of_a_bundle_that_joins_otherwise_do_not_say_how_to_join_in_the_latent(
        said, steps):
    own = Steering.told({**said, 'seed': 4})
    assert replace(own, join='latent').join_steps == steps
    assert own == replace(Steering(**said), join_steps=steps)


def test_an_error_is_one_line_and_no_plan():
    result = PlanServer(Planner()).answer(request('raise'))
    assert result.actions is None and result.error == 'RuntimeError: first second'


@pytest.mark.parametrize('odd', [
    {'actions': [[1.0], [1.0, 2.0]]}, {'actions': [[1.0]], 'q': None},
    {'actions': [[1.0]], 'unfamiliarity': [1, 2]}, {}])
def test_whatever_a_planner_returns_is_answered(odd):
    planner = SimpleNamespace(plan=lambda *_, **__: SimpleNamespace(**odd))
    result = PlanServer(planner).answer(request())
    assert result.actions is None and result.error and '\n' not in result.error


def test_errors_are_short_and_our_own_have_no_type():
    assert one_line(InferenceDied('it\nended')) == 'it ended'
    assert one_line(FileNotFoundError(2, 'No such file', 'x')) == "[Errno 2] No such file: 'x'"
    assert len(one_line(ValueError('x' * 10**6))) < 1100


def test_inline_the_plan_is_there_at_once_and_only_once():
    inference = InlineInference(Planner())
    assert inference.poll() is None
    inference.submit(request(told=2.0))
    assert inference.poll().actions[0, 0] == 2.0
    assert inference.poll() is None
    inference.submit(request(told=3.0))
    assert inference.wait().actions[0, 0] == 3.0
