"""What the robot was told last, and so goes by."""

from lps_ros.contract import Contract
from lps_ros.contract import path_velocities
from lps_ros.control.cubic_path import CubicPath
import numpy as np


class CommandInForce:
    """
    The command that each channel carries out, whoever gave it.

    A channel with `send: chunk` was told what follows too: as time passes it moves on without
    being sent anything, and its command is where its controller has it. Times are ns of the clock
    that the controller goes by, see `Pilot`.

    Attributes: `command` (A,) physical, NaN where there was none; `velocity` (A,) with which a
    chunk passes it, else zero; `since_ns` (A,) when it came in force; `sends_chunks` whether any
    channel is sent whole chunks.
    """

    def __init__(self, contract: Contract, at_rest: np.ndarray) -> None:
        """Take what a stop leaves in force (A,), NaN where that is the command before."""
        self._period_ns = contract.clock.period_ns
        self._at_rest = at_rest
        self._in_chunks = np.concatenate([
            np.full(action.width, action.send == 'chunk') for action in contract.actions])
        self.sends_chunks = bool(self._in_chunks.any())
        self.reset()

    def reset(self) -> None:
        """Forget every command."""
        self.command = self._at_rest
        self.velocity = np.zeros(len(self.command))
        self.since_ns = np.full(len(self.command), -np.inf)
        self._path: CubicPath | None = None  # under way
        self._follows = np.zeros(len(self.command), bool)  # which channels are on it
        self._ends = self._is_over = False  # by a stop; by itself, when it was last looked at
        self._sent, self._sent_ns = self.command, 0

    def send(self, ahead: np.ndarray, time_ns: int) -> None:
        """Take a tick's command and what follows it (H, A), as it is sent."""
        if self.sends_chunks:
            begin = np.where(np.isfinite(self.command), self.command, ahead[0])
            velocities = path_velocities(ahead, self.command, self._period_ns * 1e-9)
            self._go(np.vstack([begin, ahead]), np.vstack([self.velocity, velocities]),
                     self._period_ns * 1e-9 * np.arange(len(ahead) + 1), time_ns)
            self._follows = self._in_chunks
        self.command = self._sent = ahead[0]
        self.velocity = np.zeros(len(self.command))
        self.since_ns = np.full(len(self.command), float(time_ns))

    def send_part(self, columns: slice, values: np.ndarray, time_ns: int) -> None:
        """Take the command of one channel alone."""
        self.command, self.since_ns = self.command.copy(), self.since_ns.copy()
        self.command[columns], self.since_ns[columns] = values, time_ns
        self._follows = self._follows.copy()
        self._follows[columns] = False

    def go_on(self, time_ns: int) -> None:
        """Put in force where the channels with a chunk under way have got to."""
        if self._path is None:
            return
        place, velocity = self._path.at(self._passed_s(time_ns))
        self.command = np.where(self._follows, place, self.command)
        self.velocity = np.where(self._follows, velocity, 0.0)
        # Where it is, and not where it goes: a whole step is left.
        self.since_ns[self._follows] = time_ns - self._period_ns
        was_over, self._is_over = self._is_over, self._passed_s(time_ns) > self._path.end_s
        if was_over and self._is_over:
            self._path = None

    def stop(self, time_ns: int, clock: str = 'right') -> tuple[np.ndarray, int]:
        """
        Come to rest; return where a chunk under way is to end (A,), NaN without, and in what ns.

        What came to its end by itself is not sent again: the robot may have been moved since.
        clock: 'right', or 'doubted': a chunk that should be over may go on, or 'wrong': time does
        not tell either how far it has got, so that it ends at the command sent last.
        """
        passed_s, within_s = self._passed_s(time_ns), self._period_ns * 1e-9
        hold = self.command
        ends = self._follows & (self._path is not None and not self._ends and (
            clock != 'right' or passed_s <= self._path.end_s))
        if ends.any():
            if clock == 'wrong':
                hold = begin = self._sent
                speed = np.zeros(len(hold))
            else:
                begin, speed = self._path.at(passed_s)
                hold, within_s = self._path.brake(passed_s, within_s)
            self._go(np.vstack([begin, hold]), np.vstack([speed, np.zeros(len(hold))]),
                     np.array([0.0, within_s]), time_ns)
            self._ends = True
        rests = np.isfinite(self._at_rest)
        # A channel that holds goes on from its last command, within its step limit.
        self.command = np.where(rests, self._at_rest, np.where(ends, hold, self.command))
        self.velocity = np.zeros(len(self.command))
        self.since_ns[rests | ends] = time_ns
        return np.where(ends, hold, np.nan), max(1, round(within_s * 1e9))

    def _go(self, positions: np.ndarray, velocities: np.ndarray, times_s: np.ndarray,
            time_ns: int) -> None:
        self._path, self._sent_ns = CubicPath(positions, velocities, times_s), time_ns
        self._ends = self._is_over = False

    def _passed_s(self, time_ns: int) -> float:
        """Return how far the path has got, s; a period where the clock went back."""
        passed_ns = time_ns - self._sent_ns
        return 1e-9 * (passed_ns if passed_ns >= 0 else self._period_ns)
