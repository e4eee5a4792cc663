"""Whatever people, network, sensors and clock do: limits hold, and a stop is a stop."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.control.authority import Source
from lps_ros.control.limits import CommandRefused
import numpy as np
from pilot_rig import ARM
from pilot_rig import LATE_MS
from pilot_rig import LOOK_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import speed
from pilot_rig import TimeTeller
import pytest

_HIGHEST, _PER_S = 1.0, 2.0
_CONTRACT = ARM.replace('high: [1]}', f'high: [1], velocity: [{_PER_S}]}}')
_VALUES = st.one_of(st.floats(-5, 5), st.sampled_from([np.nan, np.inf, -np.inf]))
_EVENTS = st.lists(st.one_of(
    st.tuples(st.just('run'), st.integers(1, 60)),
    st.tuples(st.just('run'), st.integers(1, 60)),
    st.tuples(st.just('person'), _VALUES),
    st.tuples(st.just('plans'), _VALUES),
    st.tuples(st.just('takes_ms'), st.sampled_from([0, 3, 40, 170, 5000])),
    st.tuples(st.just('e_stop'), st.booleans()),
    st.tuples(st.just('armed'), st.booleans()),
    st.tuples(st.just('sees'), st.sampled_from([None, 1.0, np.nan])),
    st.tuples(st.just('dead'), st.booleans()),
    st.tuples(st.just('clock_ms'), st.sampled_from([-2000, -100, -5, 5, 100, 2000]))), max_size=30)


class _World:
    """A rig whose every message is looked at."""

    def __init__(self, horizon, **execution):
        self.rig = Rig(_CONTRACT, horizon=horizon, takes_ms=0.0, planner=TimeTeller(horizon),
                       **execution)
        self.time_ms, self.sees, self.pressed = 10_000, 1.0, False
        self.last, self.last_ms, self.served_ms = 0.0, -np.inf, None
        self.horizon = horizon

    def run(self, looks):
        for _ in range(looks):
            self.time_ms += LOOK_MS
            rig = self.rig
            rig.now_ns = (self.time_ms + LATE_MS) * MS
            if self.sees is not None:
                rig.observe(self.time_ms, self.time_ms if self.sees == 1.0 else self.sees)
            # As the node's loop, which serves no tick twice.
            if self.time_ms % PERIOD_MS == 0 and self.time_ms != self.served_ms:
                self.served_ms = self.time_ms
                may = rig.authority.armed and not self.pressed
                decision = rig.pilot.tick(self.time_ms // PERIOD_MS, rig.clock_ns)
                assert may or not decision.acting
                self.look_at(decision.messages, a_command=decision.acting)
                if decision.source == Source.NONE:
                    assert self.last == 0.0
                assert not decision.acting or len(decision.messages) == 2
            rig.pilot.think(rig.now_ns)

    def person(self, value):
        self.rig.now_ns = (self.time_ms + LATE_MS) * MS
        try:
            messages = self.rig.pilot.teleoperate('twist', np.array([value]), self.rig.now_ns)
        except CommandRefused:
            assert not np.isfinite(value)
            return
        assert bool(messages) != self.pressed
        self.look_at(messages, a_command=True)

    def look_at(self, messages, *, a_command):
        for message in messages:
            if message.key == 'gripper':
                assert a_command and 0.0 <= message.content['data'][0] <= 0.08
                continue
            if a_command:
                # A clock that jumped says nothing of the time that has passed.
                passed_ms = self.time_ms - self.last_ms
                passed_ms = PERIOD_MS if not 0 <= passed_ms < PERIOD_MS else passed_ms
                assert abs(speed(message)) <= _HIGHEST
                assert abs(speed(message) - self.last) <= _PER_S * 1e-3 * passed_ms + 1e-9
            else:
                assert speed(message) == 0.0
            self.last, self.last_ms = speed(message), self.time_ms

    def do(self, event, value):
        rig = self.rig
        if event == 'run':
            self.run(value)
        elif event == 'person':
            self.person(value)
        elif event == 'plans':
            rig.planner.actions = np.full((self.horizon, 2), value)
        elif event == 'takes_ms':
            rig.inference.takes_ms = float(value)
        elif event == 'e_stop':
            self.pressed = value
            rig.authority.press_stop(value)
        elif event == 'armed':
            rig.authority.arm() if value else rig.authority.disarm('asked')
        elif event == 'sees':
            self.sees = value
        elif event == 'dead':
            rig.inference.dead = value
        elif event == 'clock_ms':
            self.time_ms += value


@settings(max_examples=150)
@given(events=_EVENTS, horizon=st.integers(1, 8), stops_to_think=st.booleans(),
       ramp_s=st.sampled_from([0.0, 0.3]))
def test_limits_hold_and_a_stop_is_a_stop_whatever_happens(
        events, horizon, stops_to_think, ramp_s):
    world = _World(horizon, stops_to_think=stops_to_think, ramp_s=ramp_s)
    world.run(30)
    for event in events:
        world.do(*event)
    world.run(30)


@pytest.mark.parametrize('stops_to_think', [False, True])
def test_after_whatever_happened_a_person_gets_it_going_again(stops_to_think):
    """Every fault in turn; then all is well, and armed it acts."""
    faults = [('plans', np.nan), ('takes_ms', 5000), ('e_stop', True), ('armed', False),
              ('sees', None), ('sees', np.nan), ('dead', True), ('clock_ms', -2000),
              ('clock_ms', 2000), ('person', 0.5)]
    world = _World(6, stops_to_think=stops_to_think)
    for fault in faults:
        world.run(60)
        world.do(*fault)
        world.run(120)
        world.do('e_stop', False)
        world.do('sees', 1.0)
        world.do('dead', False)
        world.do('takes_ms', 3)
        world.do('plans', 0.1)
        world.run(1200)
        world.do('armed', True)
        world.run(60)
        assert world.rig.authority.armed and world.last == pytest.approx(0.2), fault
