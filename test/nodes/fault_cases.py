"""What goes wrong, how soon the contract lets it show, and what is to come of it."""

from collections.abc import Callable
from dataclasses import dataclass
import enum
import os
import signal

from fault_planner import HORIZON
from fault_planner import PERIOD_S
from fault_planner import REAL_TIME_FACTOR
from fault_relay import FRAME_NS
from fault_rig import DEACTIVATE
from fault_rig import FaultRig
from fault_ways import COMMAND_TIMEOUT_S
from fault_ways import WAYS

_READING_S = 0.01  # between two readings of the simulator's sensors
_MAX_IDENTICAL = 10
# The node looks for a stopped clock and for other commanders by steady time.
_STILL_S = 5 * PERIOD_S * REAL_TIME_FACTOR
_GRAPH_S = 0.5 * REAL_TIME_FACTOR
# A plan is asked for at every second tick and takes one.
_NEXT_PLAN_S = 3 * PERIOD_S


# With a simulated clock that stands still nothing tells how far the simulated arm has gone on: the
# stop calls it back to the last tick's command within a period, however fast that is.
_CALLS_BACK = ('velocity of a stop', 'speed')
# What somebody else sends is not ours.
_NOT_OURS = ('speed',)


class Then(enum.Enum):
    """What is to come of a fault."""

    RESUMES = 'stopped; went on by itself when it was over'
    DISARMED = 'stopped; stayed so when it was over'
    GOES_ON = 'went on'
    ENDS = 'stopped by the node as it ended'
    UNWATCHED = "stopped by the arm's own command timeout"
    RAN_OUT = 'came to rest at the end of its trajectory'


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table; `shows_s` is the longest until it can be known, in simulated s."""

    name: str
    cause: Callable[[FaultRig], None]
    shows_s: float = 0.0
    says: str = ''
    then: Then = Then.DISARMED
    mend: Callable[[FaultRig], None] = lambda rig: None
    until: Callable[[FaultRig], None] = lambda rig: rig.wait(1.5)  # where nothing is to stop
    exceeds: tuple[str, ...] = ()  # what is not kept by a trajectory then
    ways: tuple[str, ...] = tuple(WAYS)  # of commanding the arm, for which this holds

    @property
    def stops_within_s(self) -> float:
        """The longest until the arm is told to stop, or has nothing left to follow."""
        return self.shows_s + (0.0 if self.then == Then.RAN_OUT else 2 * PERIOD_S)


def _tampered(**tampering):
    """Return what tampers with streams, and what ends it."""
    def cause(rig):
        for name, value in tampering.items():
            setattr(rig.relay.tampering, name, value)
    return {'cause': cause, 'mend': lambda rig: rig.tamper_no_more()}


def _network(fault):
    return {'cause': lambda rig: rig.network(fault), 'mend': lambda rig: rig.network('')}


def _signal(number):
    return lambda rig: [os.kill(each, number) for each in rig.policy.planners()]


def _release(rig):
    rig.relay.tampering.dead_man_held = False
    rig.relay.publish_joy()


def _spoil(rig):
    rig.trigger('reload')
    (rig.bundle / 'policy.json').write_bytes(b'\xaf' * 2000)


def _kill_simulator(rig):
    rig.simulator.signal(signal.SIGKILL)
    rig.simulator.wait()


E_STOP = Fault(
    name='e-stop', says='the e-stop', cause=lambda rig: rig.press_e_stop(True),
    mend=lambda rig: rig.press_e_stop(False))

FAULTS = (
    Fault(name='dead-man switch released', says='the dead-man switch is not held',
          then=Then.RESUMES, cause=_release, mend=lambda rig: rig.tamper_no_more()),
    Fault(name='node deactivated', cause=lambda rig: rig.change(DEACTIVATE),
          mend=lambda rig: rig.activate()),
    Fault(name='camera frozen', says='has brought the same picture',
          shows_s=(_MAX_IDENTICAL + 1) * FRAME_NS * 1e-9, **_tampered(camera='frozen')),
    Fault(name='camera gone', says="observation 'front' is ", then=Then.RESUMES, shows_s=0.15,
          **_tampered(camera='gone')),
    Fault(name='camera gone for longer than patience_s', says='stopped for more than 2 s',
          shows_s=0.15, **_tampered(camera='gone')),
    Fault(name='joint states late by 200 ms', says='old by its header stamp',
          then=Then.RESUMES, shows_s=0.1, **_tampered(joints='late')),
    Fault(name='NaN from a sensor', says="observation 'joints' has a non-finite value",
          then=Then.RESUMES, shows_s=_READING_S, **_tampered(joints='nan')),
    Fault(name='NaN from the network', says='planned chunk has a non-finite value',
          shows_s=_NEXT_PLAN_S, **_network('nan')),
    Fault(name='clock jumps ahead by 60 s', says='the clock jumped ahead', shows_s=_READING_S,
          **_tampered(clock_offset_ns=60_000_000_000)),
    Fault(name='clock jumps back by 1 s', says='the clock jumped back', shows_s=_READING_S,
          **_tampered(clock_offset_ns=-1_000_000_000)),
    Fault(name='clock stops', says='the clock has stood still', shows_s=_STILL_S + _READING_S,
          exceeds=_CALLS_BACK, **_tampered(clock_stops=True)),
    Fault(name='inference three times slower than a control period', then=Then.GOES_ON,
          # 375 ms of wall time, and what a busy machine adds; 125 ms are usual.
          says='planning took 3', **_network('three times slower')),
    Fault(name='inference ten times slower than a control period', says='no action is left',
          shows_s=HORIZON * PERIOD_S, **_network('ten times slower')),
    Fault(name='inference hangs (SIGSTOP)', says='no action is left',
          shows_s=HORIZON * PERIOD_S, cause=_signal(signal.SIGSTOP),
          mend=_signal(signal.SIGCONT)),
    Fault(name='second commander on a command topic', says='also publishes on the command topic',
          shows_s=_GRAPH_S, exceeds=_NOT_OURS, cause=lambda rig: rig.command_too(True),
          mend=lambda rig: rig.command_too(False)),
    Fault(name='bundle replaced by garbage during reload', says='refused: ', then=Then.GOES_ON,
          cause=_spoil, until=lambda rig: rig.reloaded(),
          mend=lambda rig: (rig.bundle / 'policy.json').unlink()),
    Fault(name='inference process killed (-9)', says='was killed by signal 9',
          shows_s=2 * PERIOD_S, cause=_signal(signal.SIGKILL), mend=lambda rig: rig.reload()),
    Fault(name='simulator restarted', says='the clock has stood still',
          shows_s=_STILL_S + _READING_S, exceeds=_CALLS_BACK, cause=_kill_simulator,
          mend=lambda rig: rig.start_simulator()),
    Fault(name='SIGTERM', then=Then.ENDS, cause=lambda rig: rig.end_policy(signal.SIGTERM)),
    # Nobody is left to stop the arm: a twist ends by its timeout, a trajectory by itself.
    *(Fault(name='policy process killed (-9)', then=then, shows_s=shows_s, ways=(way,),
            cause=lambda rig: rig.end_policy(signal.SIGKILL))
      for way, then, shows_s in (('twist', Then.UNWATCHED, COMMAND_TIMEOUT_S),
                                 ('point', Then.RAN_OUT, PERIOD_S),
                                 ('chunk', Then.RAN_OUT, HORIZON * PERIOD_S))),
)
# Each way by which a stop comes about: between ticks, at one, by a clock that tells nothing, for
# want of a plan, and with nobody left to stop.
_IN_SHORT = ('dead-man switch released', 'NaN from a sensor', 'clock stops',
             'inference hangs (SIGSTOP)', 'policy process killed (-9)')


def faults(way: str, *, in_short: bool = False) -> list[Fault]:
    """Return the faults of a way of commanding; in short those that differ in the engine."""
    return [fault for fault in FAULTS if way in fault.ways
            and (not in_short or fault.name in _IN_SHORT)]
