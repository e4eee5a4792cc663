"""Two arms that people and the policy command in turn, and that are moved by hand in between."""

from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.control.limits import CommandRefused
import numpy as np
from pilot_rig import LATE_MS
from pilot_rig import LOOK_MS
from pilot_rig import MS
from pilot_rig import PERIOD_MS
from pilot_rig import Rig
from pilot_rig import TASK
from pilot_rig import TimeTeller

_ARMS = ('left', 'right')
_WITHIN, _PER_S = 0.2, 2.0
_ARM = """  - {{key: {0}, topic: {0}, type: trajectory_msgs/msg/JointTrajectory, names: [{0}],
     scale: {{low: [-3], high: [3]}}, stop: hold, send: {1},
     limits: {{velocity: [{2}], start: {{observation: joints, within: [{3}]}}}}}}
"""
_EVENTS = st.lists(st.one_of(
    st.tuples(st.just('run'), st.integers(1, 120)),
    st.tuples(st.sampled_from(_ARMS), st.floats(-3, 3)),
    st.tuples(st.sampled_from(_ARMS), st.floats(-3, 3)),
    st.tuples(st.just('plans'), st.floats(-1, 1)),
    st.tuples(st.just('armed'), st.booleans()),
    st.tuples(st.just('e_stop'), st.booleans()),
    st.tuples(st.just('sees'), st.booleans()),
    st.tuples(st.just('moved'), st.tuples(st.floats(-2, 2), st.floats(-2, 2)))), max_size=40)


def _contract(send):
    return f"""
name: arms
rate_hz: 20
observations:
  - {{key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [left, right], max_age_s: 0.1}}
actions:
{''.join(_ARM.format(arm, send, _PER_S, _WITHIN) for arm in _ARMS)}
{TASK}
"""


class _World:
    """Arms that are where they were told to be, or where somebody has put them since."""

    def __init__(self, send):
        self.rig = Rig(_contract(send), horizon=4, takes_ms=3.0, planner=TimeTeller(4),
                       armed=False)
        self.planned(0.0)
        self.place, self.time_ms, self.sees = dict.fromkeys(_ARMS, 1.0), 10_000, True
        self.ahead = dict.fromkeys(_ARMS, [])  # what is left of a trajectory
        self.run(30)

    def planned(self, value):
        self.rig.planner.actions = np.full((4, 2), value)

    def run(self, looks):
        for _ in range(looks):
            self.time_ms += LOOK_MS
            self.rig.now_ns = (self.time_ms + LATE_MS) * MS
            for arm in _ARMS:
                while self.ahead[arm] and self.ahead[arm][0][0] <= self.rig.now_ns:
                    self.place[arm] = self.ahead[arm].pop(0)[1]
            if self.sees:
                self.rig.pilot.gate.accept(
                    'joints', np.array([*self.place.values()]), stamp_ns=None,
                    received_ns=self.time_ms * MS)
            if self.time_ms % PERIOD_MS == 0:
                self.obey(self.rig.pilot.tick(
                    self.time_ms // PERIOD_MS, self.rig.clock_ns).messages)
            self.rig.pilot.think(self.rig.now_ns)

    def obey(self, messages):
        for message in messages:
            points = message.content['points']
            first, = points[0]['positions']
            assert abs(first - self.place[message.key]) <= _WITHIN + _PER_S * 0.05 + 1e-6
            self.place[message.key] = first
            self.ahead[message.key] = [
                (self.rig.now_ns + i * PERIOD_MS * MS, point['positions'][0])
                for i, point in enumerate(points[1:], 1)]

    def do(self, event, value):
        if event in _ARMS:
            try:
                self.obey(self.rig.pilot.teleoperate(event, np.array([value]), self.rig.now_ns))
            except CommandRefused:
                assert not self.sees or abs(self.place[event]) > 3.0
        elif event == 'run':
            self.run(value)
        elif event == 'plans':
            self.planned(value)
        elif event == 'armed':
            self.rig.authority.arm() if value else self.rig.authority.disarm('asked')
        elif event == 'e_stop':
            self.rig.authority.press_stop(value)
        elif event == 'sees':
            self.sees = value
            # Until then nothing is seen.
            self.run(1)
        elif event == 'moved':
            self.rig.authority.disarm('to be moved by hand')
            self.run(100)
            self.place = dict(zip(_ARMS, value, strict=True))
            self.run(5)


@settings(max_examples=150)
@example(events=[('sees', False), ('run', 20), ('sees', True), ('left', 0.0)], send='point')
@given(events=_EVENTS, send=st.sampled_from(['point', 'chunk']))
def test_no_arm_is_ever_sent_far_from_where_it_is(events, send):
    world = _World(send)
    for event in events:
        world.do(*event)
    world.run(60)
