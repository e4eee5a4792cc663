"""Whatever comes in from robot, network or person: no exception, no command that is not fit."""

from functools import partial
from types import SimpleNamespace

from contract.contract_texts import EVERY_TYPE
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.contract import ActionCodec
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.control.authority import Source
from lps_ros.control.execution import Execution
from lps_ros.control.limits import CommandRefused
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Steering
from lps_ros.nodes.ros_messages import stamp_ns
from malformed_messages import contents
from malformed_messages import fit_content
from malformed_messages import junk
from malformed_messages import plain_message
from malformed_messages import ros_message
import numpy as np
import pytest

_CONTRACT = parse_contract(EVERY_TYPE)
_CODEC, _ENCODER = ActionCodec(_CONTRACT), ObservationEncoder(_CONTRACT)
_HORIZON = 3
_PERIOD_NS = _CONTRACT.clock.period_ns
_FIRST = 20_000  # ticks: a while after the clock's zero


class _Planner:
    """Plans whatever `answer` is; keeps what it was shown."""

    def __init__(self, answer=None):
        self.shown = []
        actions = np.tile(_CODEC.normalise(_rest()), (_HORIZON, 1))
        self.answer = SimpleNamespace(actions=actions) if answer is None else answer

    def generator(self, seed):
        return seed

    def plan(self, observation, images=(), **settings):
        self.shown.append((observation, images))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class _Streams:
    """What is known of every stream, as a second opinion on the gate's."""

    def __init__(self, pilot):
        self._pilot = pilot
        self._known = {spec.key: [] for spec in _CONTRACT.observations}

    def take(self, spec, message, now_ns):
        """Hand a message to the gate as the node does."""
        stamp = stamp_ns(message)
        row = partial(extract, spec, message)
        try:
            made = row()
        except MessageError as error:
            made = None
            if spec.image is None:
                self._pilot.gate.reject(spec.key, str(error))
        if made is not None or spec.image is not None:
            self._pilot.gate.accept(spec.key, row if spec.image else made, stamp_ns=stamp,
                                    received_ns=now_ns)
            self._known[spec.key].append((made, stamp, now_ns))

    def newest(self):
        """Return the row of each stream that fits and is newest."""
        return {key: rows[-1][0] for key, known in self._known.items()
                if (rows := [entry for entry in known if entry[0] is not None])}

    def fit(self, now_ns, *, decoded):
        """Tell whether all is fit; of pictures that which decodes, or that which came last."""
        return all(self._fit(spec, now_ns, decoded) for spec in _CONTRACT.observations)

    def _fit(self, spec, now_ns, decoded):
        known = [entry for entry in self._known[spec.key] if not decoded or entry[0] is not None]
        if not known:
            return False
        row, stamp, received_ns = known[-1]
        ages_s = [(now_ns - received_ns) * 1e-9]
        if stamp is not None:
            ages_s.append((now_ns - stamp) * 1e-9 + spec.latency_s)
        return all(-0.05 <= age_s <= spec.max_age_s for age_s in ages_s) and (
            spec.image is not None or np.isfinite(row).all())


@settings(max_examples=250, derandomize=True, deadline=None)
@given(data=st.data())
def test_a_command_needs_inputs_of_that_tick_that_are_fit(data):
    planner = _Planner()
    pilot = _armed(planner)
    streams = _Streams(pilot)
    for tick in range(_FIRST, _FIRST + 3):
        tick_ns = _CONTRACT.clock.time_ns(tick)
        form = data.draw(st.sampled_from((ros_message, lambda spec, content: plain_message(
            content))))
        wrong = data.draw(st.sets(st.sampled_from(range(10)), max_size=2))
        for i, spec in enumerate(_CONTRACT.observations):
            if i not in wrong:
                content = fit_content(spec, tick_ns)
            elif data.draw(st.integers(0, 3)):
                content = data.draw(contents(spec, tick_ns))
            else:
                continue  # silent
            streams.take(spec, form(spec, content), tick_ns)
        pilot.authority.arm()
        planner.shown.clear()
        now_ns = tick_ns + 1_000_000
        decision = pilot.tick(tick, lambda now_ns=now_ns: now_ns)
        check(decision)
        rows = streams.newest()
        with np.errstate(over='ignore'):
            encoded = None if len(rows) < len(_CONTRACT.observations) else _ENCODER.encode(
                {key: rows[key][None] for key in _ENCODER.keys})[0]
        if decision.acting:
            assert streams.fit(now_ns, decoded=True)
        elif streams.fit(now_ns, decoded=True) and streams.fit(now_ns, decoded=False):
            assert not np.isfinite(encoded).all(), decision.reasons
        for observation, images in planner.shown:
            np.testing.assert_array_equal(observation, encoded)
            for key, image in zip(_ENCODER.image_keys, images, strict=True):
                np.testing.assert_array_equal(image, rows[key])


@st.composite
def answers(draw):
    """Draw what a network may return, and whether it is a chunk."""
    size = _CODEC.size
    shape = draw(st.sampled_from((
        *12 * ((_HORIZON, size),), (_HORIZON + 1, size), (_HORIZON, size - 1), (_HORIZON,), (),
        (0, size), (_HORIZON, 0), (1, _HORIZON, size))))
    dtype = draw(st.sampled_from((
        *3 * ('f4', 'f8'), 'f2', 'i8', 'u1', '?', 'c16', 'O', 'U8', 'S8', 'M8[s]', 'V4')))
    with np.errstate(all='ignore'):
        actions = np.zeros(shape, 'V4') if dtype == 'V4' else np.resize(
            _CODEC.normalise(_rest()), shape).astype(dtype)
    if actions.size and dtype in ('f4', 'f8', 'O') and draw(st.booleans()):
        actions.flat[draw(st.integers(0, actions.size - 1))] = draw(st.sampled_from(
            (np.nan, np.inf, -np.inf, 1e38, -1e38, 5e-324, -1.0)))
    if dtype == 'O' and actions.size and draw(st.booleans()):
        actions.flat[0] = draw(st.sampled_from((None, 'x', 1j, [])))
    wrapped = draw(st.sampled_from((lambda a: a, lambda a: a.tolist())))(actions)
    extra = {name: draw(st.sampled_from((0.0, np.float32(0.5), np.nan, np.inf, None, 'x', [1, 2])))
             for name in ('q', 'disagreement', 'unfamiliarity') if draw(st.integers(0, 3)) == 0}
    answer = SimpleNamespace(actions=wrapped, **extra)
    return draw(st.sampled_from((*12 * (answer,), None, actions, RuntimeError('a\n\x1bb' * 9),
                                 MemoryError(), SimpleNamespace(actions=None))))


@settings(max_examples=400, derandomize=True, deadline=None)
@given(answer=answers(), waits=st.booleans())
def test_whatever_the_network_returns_a_command_is_finite_and_within_limits(answer, waits):
    planner = _Planner()
    planner.answer = answer
    pilot = _armed(planner, waits=waits)
    actions = getattr(answer, 'actions', None)
    try:
        chunk = np.asarray(actions)
        usable = (chunk.dtype.kind in 'fiu' and chunk.shape == (_HORIZON, _CODEC.size)
                  and np.isfinite(chunk).all())
    except ValueError:
        usable = False
    for tick in range(_FIRST, _FIRST + 3):
        time_ns = _CONTRACT.clock.time_ns(tick)
        _observe(pilot, time_ns)
        pilot.think(time_ns)
        decision = pilot.tick(tick, lambda time_ns=time_ns: time_ns + 1_000_000)
        pilot.think(time_ns + 2_000_000)
        check(decision)
        assert usable or not decision.acting


def test_a_chunk_is_the_pilots_own():
    planner = _Planner()
    planner.answer.actions = planner.answer.actions.astype(np.float64)
    pilot = _armed(planner, replan_every=0)
    before = _tick(pilot, _FIRST).command
    planner.answer.actions[:] = np.nan
    np.testing.assert_array_equal(_tick(pilot, _FIRST + 1).command, before)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(data=st.data(), spec=st.sampled_from(_CONTRACT.actions))
def test_teleoperation_sends_what_is_within_the_limits_or_refuses_in_one_line(data, spec):
    pilot = _armed(_Planner())
    for tick in range(_FIRST, _FIRST + 2):
        now_ns = _CONTRACT.clock.time_ns(tick)
        if data.draw(st.integers(0, 3)):
            _observe(pilot, now_ns)
        if data.draw(st.booleans()):
            check(pilot.tick(tick, lambda now_ns=now_ns: now_ns))
        key = data.draw(st.sampled_from((*5 * (spec.key,), 'nothing', 'joints')))
        try:
            messages = pilot.teleoperate(key, data.draw(rows(spec, now_ns)), now_ns)
        except CommandRefused as error:
            assert str(error).isprintable()
            continue
        assert {message.key for message in messages} <= {a.key for a in _CONTRACT.actions}
        assert messages and key in {message.key for message in messages}
        _check_messages(messages)
        decision = pilot.tick(tick + 1, lambda now_ns=now_ns: now_ns + _PERIOD_NS)
        check(decision)
        assert decision.source == Source.TELEOP and not decision.messages


def test_a_person_who_is_refused_has_not_taken_over():
    pilot = _armed(_Planner())
    now_ns = _CONTRACT.clock.time_ns(_FIRST)
    for key, row, reason in (
            ('twist', np.full(2, np.nan), 'command has a non-finite value in twist.linear.x'),
            ('twist', np.ones(2), "action 'twist': its workspace needs observation 'tool'"),
            ('twist', np.ones(1), r'command has shape \(1,\) of type float64, expected \(2,'),
            ('twist', np.array(['1', '1']), 'command has shape'),
            ('pose', np.zeros(9), 'rotation of a pose: found two parallel or zero columns'),
            ('grip', np.ones(1), "found no action 'grip', expected one of twist, gripper")):
        with pytest.raises(CommandRefused, match=reason):
            pilot.teleoperate(key, row, now_ns)
    assert _tick(pilot, _FIRST).source == Source.POLICY


def test_a_person_needs_no_command_for_the_other_channels():
    pilot = _armed(_Planner())
    messages = pilot.teleoperate('gripper', np.array([0.05]), _CONTRACT.clock.time_ns(_FIRST))
    # The pose channel has no command yet, and none can be made up for it.
    assert [message.key for message in messages] == ['twist', 'servo', 'gripper']


def test_a_workspace_is_not_judged_by_a_pose_that_is_old():
    pilot = _armed(_Planner())
    now_ns = _CONTRACT.clock.time_ns(_FIRST)
    _observe(pilot, now_ns)
    assert pilot.teleoperate('twist', np.array([0.1, 0.0]), now_ns)
    with pytest.raises(CommandRefused, match="its workspace needs observation 'tool'"):
        pilot.teleoperate('twist', np.array([0.1, 0.0]), now_ns + 3 * _PERIOD_NS)


@pytest.mark.parametrize('figures', [{'unfamiliarity': np.nan}, {}])
def test_an_unfamiliarity_that_is_not_known_is_too_large_where_there_is_a_limit(figures):
    planner = _Planner()
    planner.answer = SimpleNamespace(actions=planner.answer.actions, **figures)
    assert _tick(_armed(planner), _FIRST).acting
    pilot = _armed(planner, max_unfamiliarity=2.0)
    assert 'unfamiliar: nan' in str(_tick(pilot, _FIRST).reasons[0])


@pytest.mark.parametrize(('answer', 'reason'), [
    (np.full((3, 16), 'a'), 'planned chunk has values of type <U1, expected numbers'),
    (np.full((3, 16), None), 'planned chunk has values of type object, expected numbers'),
    (None, "no chunk could be planned: AttributeError: 'NoneType' object has no attribute")])
def test_what_is_no_chunk_is_told_from_beside_the_loop_too(answer, reason):
    planner = _Planner()
    planner.answer = None if answer is None else SimpleNamespace(actions=answer)
    pilot = _armed(planner, waits=False)
    time_ns = _CONTRACT.clock.time_ns(_FIRST)
    _observe(pilot, time_ns)
    pilot.think(time_ns)
    pilot.think(time_ns)
    assert str(pilot.tick(_FIRST, lambda: time_ns).reasons[0]).startswith(reason)


@st.composite
def rows(draw, spec, now_ns):
    """Draw what a message of teleoperation gives, or an array that no message gives."""
    if draw(st.booleans()):
        shape = draw(st.sampled_from(((spec.width,), (1,), (), (spec.width + 1,), (0,), (1, 1))))
        row = np.full(shape, draw(st.sampled_from((0.0, 0.3, np.nan, np.inf, 1e308, -1e308))))
        return draw(st.sampled_from((row, row, row.astype(object), row.astype('U8'), None)))
    drawn = draw(contents(spec, now_ns) if draw(st.booleans()) else junk(spec, now_ns))
    for content in (drawn, fit_content(spec, now_ns)):
        try:
            row = extract(spec, plain_message(content))
        except MessageError:
            continue
        return row


def check(decision):
    """Check that what a decision sends is finite and within limits, or a stop."""
    assert all(str(reason).isprintable() for reason in decision.reasons)
    assert decision.acting or decision.reasons or decision.source == Source.TELEOP
    _check_messages(decision.messages)
    if decision.acting:
        assert len(decision.messages) == len(_CONTRACT.actions)
        _check_limits(decision.command)
    else:
        assert not decision.chunks
        for message in decision.messages:
            assert _CONTRACT.action(message.key).stop == 'zeros'
            assert not extract(_CONTRACT.action(message.key), plain_message(message.content)).any()
    for message in decision.chunks:
        assert all(np.isfinite(number) for number in _numbers(message.content))


def _check_messages(messages):
    by_key = {message.key: message for message in messages}
    assert len(by_key) == len(messages)
    for part in by_key.values():
        assert all(np.isfinite(number) for number in _numbers(part.content))
    said = {action.key: extract(action, plain_message(by_key[action.key].content))[None]
            for action in _CONTRACT.actions if action.key in by_key}
    resting = {action.key: extract(action, plain_message(fit_content(action, 0)))[None]
               for action in _CONTRACT.actions}
    _check_limits(_CODEC.physical({**resting, **said})[0])


def _check_limits(command):
    low = np.concatenate([action.limits.low for action in _CONTRACT.actions])
    high = np.concatenate([action.limits.high for action in _CONTRACT.actions])
    assert (low - 1e-9 <= command).all() and (command <= high + 1e-9).all()


def _numbers(part):
    if isinstance(part, dict | list):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _numbers(item)
    elif not isinstance(part, str):
        yield part


def _rest():
    """Return a command (A,) that every limit allows."""
    return _CODEC.physical({
        action.key: extract(action, plain_message(fit_content(action, 0)))[None]
        for action in _CONTRACT.actions})[0]


def _armed(planner, *, waits=True, replan_every=1, **execution):
    pilot = Pilot(
        _CONTRACT, InlineInference(planner), horizon=_HORIZON,
        steering=Steering(mode='prior', replan_every=replan_every),
        execution=Execution(waits=waits, **execution))
    pilot.authority.arm()
    return pilot


def _observe(pilot, time_ns):
    for spec in _CONTRACT.observations:
        message = plain_message(fit_content(spec, time_ns))
        pilot.gate.accept(spec.key, extract(spec, message), stamp_ns=stamp_ns(message),
                          received_ns=time_ns)


def _tick(pilot, tick):
    time_ns = _CONTRACT.clock.time_ns(tick)
    _observe(pilot, time_ns)
    return pilot.tick(tick, lambda: time_ns + 1_000_000)


@pytest.fixture(autouse=True)
def quiet():
    """Let numbers overflow without a warning; what comes of them is judged."""
    with np.errstate(all='ignore'):
        yield
