"""What an arm did: where and when, in simulated time, and whether a command was beyond limits."""

from dataclasses import dataclass

import numpy as np

STOPPED_M_S = 0.005


class SimulatedTime:
    """The simulated time of any instant: the middleware stamps when a reading was sent."""

    def __init__(self, real_time_factor):
        self.factor = real_time_factor
        self._wall_ns, self._readings_ns = [], []

    def see(self, sent_ns, reading_ns):
        """Take a reading of the simulator's clock."""
        if not self._wall_ns or sent_ns > self._wall_ns[-1]:
            self._wall_ns.append(sent_ns)
            self._readings_ns.append(reading_ns)

    @property
    def newest_ns(self):
        """Return the last reading."""
        return self._readings_ns[-1] if self._readings_ns else 0

    def at(self, wall_ns):
        """Return the simulated time in ns at a wall time in ns; it goes on if the clock ended."""
        after_ns = max(0, wall_ns - self._wall_ns[-1]) * self.factor
        return float(np.interp(wall_ns, self._wall_ns, self._readings_ns)) + after_ns


class ToolPath:
    """Where the tool was."""

    def __init__(self):
        self._times_ns, self._points = [], []

    def see(self, stamp_ns, point):
        """Take a position in m."""
        if not self._times_ns or stamp_ns > self._times_ns[-1]:
            self._times_ns.append(stamp_ns)
            self._points.append(point)

    @property
    def known(self):
        """Tell whether anything is known."""
        return len(self._times_ns) > 1

    @property
    def newest_ns(self):
        """Return when it was last seen."""
        return self._times_ns[-1]

    @property
    def y(self):
        """Return how far to the left the tool is, in m."""
        return self._points[-1][1]

    @property
    def y_velocity(self):
        """Return how fast the tool moves to the left, in m/s."""
        return (self._points[-1][1] - self._points[-2][1]) / (
            1e-9 * (self._times_ns[-1] - self._times_ns[-2]))

    def speeds(self, since_ns):
        """Return the ends (N,) in ns of the steps since a time and the speeds (N,) in m/s."""
        first = max(0, np.searchsorted(self._times_ns, since_ns) - 1)
        times_ns, points = np.array(self._times_ns[first:]), np.array(self._points[first:])
        if len(times_ns) < 2:
            return np.empty(0), np.empty(0)
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return times_ns[1:], lengths / (np.diff(times_ns) * 1e-9)

    def at_rest_since_ns(self, since_ns):
        """Return from when on the tool has been slower than 5 mm/s; `inf` if it still moves."""
        times_ns, speeds = self.speeds(since_ns)
        fast = np.flatnonzero(speeds >= STOPPED_M_S)
        if not len(fast):
            return since_ns
        return times_ns[fast[-1] + 1] if fast[-1] + 1 < len(times_ns) else np.inf


class JointReadings:
    """Where the joints are, and how fast they were."""

    def __init__(self):
        self.positions = {}  # rad, the newest
        self._fastest = {}

    def see(self, joints):
        """Take a JointState."""
        self.positions = dict(zip(joints.name, joints.position))
        for name, velocity in zip(joints.name, joints.velocity):
            self._fastest[name] = max(self._fastest.get(name, 0.0), abs(velocity))

    def take_fastest(self):
        """Return the highest speed of each joint in rad/s, and begin from nothing."""
        fastest, self._fastest = self._fastest, {}
        return fastest


@dataclass(frozen=True)
class Command:
    """A command as it was heard."""

    sent_ns: int  # wall time
    stops: bool  # whether it is a stop
    ends_ns: float | None = None  # simulated time of a trajectory's end
    begins_anew: bool = False  # whether the trajectory before had come to its end


class Channel:
    """All commands of one channel, and how near they came to its limits."""

    def __init__(self, contract, key):
        action = contract.action(key)
        self._limits = action.limits
        self._period_s = contract.clock.period_ns * 1e-9
        self._number = None  # of the message, by its publisher
        self.all = []
        self.lost = 0
        self._used = {}

    def count(self, info):
        """Tell whether the commands before this one have all been heard."""
        number, before = info['publication_sequence_number'], self._number
        self._number = number
        if before is None or number == before + 1:
            return True
        self.lost += number - before - 1
        return False

    def use(self, limit, of_it):
        """Take how much of a limit a command used, 1 is all; the most of it counts."""
        self._used[limit] = max(self._used.get(limit, 0.0), float(np.max(of_it)))

    def take_use(self):
        """Return how much of each limit was used, and begin from nothing."""
        used, self._used = self._used, {}
        return used

    def use_range(self, values):
        """Take how much of the range is used by commands (..., W)."""
        middle = 0.5 * (self._limits.low + self._limits.high)
        self.use('range', np.abs(values - middle) / (self._limits.high - middle))

    def since(self, wall_ns):
        """Return the commands sent at or after a wall time."""
        return [command for command in self.all if command.sent_ns >= wall_ns]

    def begin_anew(self):
        """Take it that the policy that sends begins: it knows of no command before."""
        self._number = None

    def robot_is_new(self):
        """Take it that the robot has never been commanded."""


class Values(Channel):
    """Commands of plain numbers, such as a twist."""

    def __init__(self, contract, key):
        super().__init__(contract, key)
        self._stops_with_zeros = contract.action(key).stop == 'zeros'
        self.begin_anew()

    def see(self, info, values):
        """Take a command (W,) and what the middleware says of its message."""
        values = np.asarray(values, np.float64)
        if not self.count(info):
            # A step over a command that was not heard is not known.
            self._before = None
        self.all.append(Command(info['source_timestamp'], not values.any()))
        if not np.isfinite(values).all():
            self.use('range', np.inf)
            return
        self.use_range(values)
        if self._before is not None:
            self.use('step', np.abs(values - self._before) / self._largest_step())
        self._before = values

    def begin_anew(self):
        """Compare the next command with none: a node that begins knows of none before."""
        super().begin_anew()
        self._before = np.zeros_like(self._limits.low) if self._stops_with_zeros else None

    def _largest_step(self):
        step, velocity = self._limits.step, self._limits.velocity
        return step if velocity is None else velocity * self._period_s
