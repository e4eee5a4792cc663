"""
What a controller makes of joint trajectories, and how near that comes to the contract's limits.

Written without the package's own code on purpose: it is to find what that has wrong.
"""

from fault_measure import Channel
from fault_measure import Command
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.interpolate import PPoly

# How fast a monotone cubic is at most, of its mean: a step of a chunk is so much smaller.
_CUBIC_PEAK = 1.5
_READING_S = 0.01  # of the simulator's clock: a message that comes later is caught up with
_ON_ITS_WAY_S = 0.002  # at most, on a machine that is not busy
# A trajectory that begins so long after the end of the one before, in periods, begins anew.
_ANEW_PERIODS = 2


class Motion:
    """The joints (J,) from a place and velocity on, by a trajectory's points; then they rest."""

    def __init__(self, begins_ns, place, velocity, times_ns, positions, velocities):
        """Take when it begins and when (n,) its points are passed, and those (n, J)."""
        ahead = times_ns > begins_ns
        self.begins_ns, self.ends_ns = begins_ns, times_ns[-1]
        times_s = np.append(0.0, (times_ns[ahead] - begins_ns) * 1e-9)
        places = np.vstack([place, positions[ahead]])
        if velocities is None:
            slopes = np.diff(places, axis=0) / np.diff(times_s)[:, None]
            self._curve = PPoly(np.array([slopes, places[:-1]]), times_s)
        else:
            self._curve = CubicHermiteSpline(
                times_s, places, np.vstack([velocity, velocities[ahead]]))
        self._slope = self._curve.derivative()

    def at(self, time_ns):
        """Return positions and velocities (J,)."""
        if time_ns >= self.ends_ns:
            place = self._curve(self._curve.x[-1])
            return place, np.zeros_like(place)
        time_s = (time_ns - self.begins_ns) * 1e-9
        return self._curve(time_s), self._slope(time_s)

    def fastest(self):
        """Return the highest speed (J,) on all of the way."""
        turns = np.concatenate(self._slope.derivative().roots(extrapolate=False).tolist())
        times_s = np.concatenate([self._curve.x, turns[np.isfinite(turns)]])
        return np.abs(self._slope(times_s)).max(axis=0)


class Trajectories(Channel):
    """
    The JointTrajectory messages of one channel.

    A message takes over at its stamp, or as it comes where it has none, from the motion in force.
    """

    def __init__(self, contract, key, joints):
        """Take the robot's JointReadings too: there begins what was never commanded."""
        super().__init__(contract, key)
        action = contract.action(key)
        self._names, self._joints = action.names, joints
        self._in_chunks = action.send == 'chunk'
        self._motion = self.newest = None
        self._begins, self._latest_s = True, 0.0
        peak = _CUBIC_PEAK if self._in_chunks else 1.0
        self._step = np.minimum(
            self._limits.step, self._limits.velocity / peak * self._period_s)

    def see(self, info, message, heard_ns):
        """Take a message that was heard at a simulated time."""
        self.newest, heard_all = message, self.count(info)
        stamped_ns = stamp_ns(message)
        begins_ns = stamped_ns or heard_ns
        times_ns = begins_ns + np.array([
            point.time_from_start.sec * 1e9 + point.time_from_start.nanosec
            for point in message.points])
        order = [list(message.joint_names).index(name) for name in self._names]
        positions = np.array([point.positions for point in message.points])[:, order]
        velocities = None
        if any(len(point.velocities) for point in message.points):
            velocities = np.array([point.velocities for point in message.points])[:, order]
        at_rest = velocities is not None and not velocities[-1].any()
        anew = self._motion is None or begins_ns > (
            self._motion.ends_ns + _ANEW_PERIODS * self._period_s * 1e9)
        self.all.append(Command(
            info['source_timestamp'], stamped_ns == 0 and at_rest, times_ns[-1], anew))
        if not (np.isfinite(positions).all() and (at_rest or velocities is None)):
            self.use('range', np.inf)
            return
        self.use_range(positions)
        # What follows a message that was not heard is judged by itself.
        before = self._motion if heard_all else None
        place, velocity = positions[0], np.zeros_like(positions[0])
        if before is not None:
            place, velocity = before.at(begins_ns)
        elif heard_all:
            place = np.array([self._joints.positions[name] for name in self._names])
        self._motion = Motion(begins_ns, place, velocity, times_ns, positions, velocities)
        late_s = 0.0
        if before is not None and not self._in_chunks:
            # A point that was sent late is under way still when the next one, sent in time, takes
            # over: what is left of it is caught up within that period.
            late_s = max(0.0, before.ends_ns - begins_ns) * 1e-9
            place, _ = before.at(before.ends_ns)
        limit = 'velocity' if stamped_ns else 'velocity of a stop'
        self.use(limit, self._motion.fastest() / (
            self._limits.velocity * (1.0 + late_s / self._period_s)))
        if stamped_ns:
            self._latest_s = max(self._latest_s, (heard_ns - stamped_ns) * 1e-9)
            # Who begins does so from where the robot is, which is not known to the step's size.
            begin = positions[0] if self._begins or before is None else place
            self.use('step', np.abs(np.diff(np.vstack([begin, positions]), axis=0)) / self._step)
        self._begins = False

    def begin_anew(self):
        """Take it that the policy that sends begins: it knows of no command before."""
        super().begin_anew()
        self._begins = True

    def robot_is_new(self):
        """Take it that the robot has never been commanded."""
        self._motion = None

    def take_share_of_velocity(self, speeds):
        """
        Return the largest share of the velocity limit among speeds by joint, rad/s.

        What was sent so late that the simulated controller had less than a period for it may be
        so much faster.
        """
        late_s = (self._latest_s + _ON_ITS_WAY_S) // _READING_S * _READING_S
        hurry = self._period_s / max(self._period_s - late_s, _READING_S)
        self._latest_s = 0.0
        return max(speeds.get(name, 0.0) / (limit * hurry)
                   for name, limit in zip(self._names, self._limits.velocity, strict=True))
