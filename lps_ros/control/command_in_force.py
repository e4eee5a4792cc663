"""What the robot was told last, and so goes by."""

from lps_ros.contract import Contract
import numpy as np


class CommandInForce:
    """
    The command that each channel carries out, whoever gave it.

    A channel with `send: chunk` was told what follows too: as time passes, one command of its
    chunk after the other comes in force without being sent. Times are ns of one clock.

    Attributes: `command` (A,) physical, NaN where there was none; `since_ns` (A,) when it came in
    force; `sends_chunks` whether any channel is sent whole chunks.
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
        self.since_ns = np.full(len(self.command), -np.inf)
        self._chunk: np.ndarray | None = None  # (H, A), under way
        self._sent_ns = 0

    def send(self, ahead: np.ndarray, now_ns: int) -> None:
        """Take a tick's command and what follows it (H, A), as it is sent."""
        self.command = ahead[0]
        self.since_ns = np.full(len(self.command), float(now_ns))
        self._chunk, self._sent_ns = (ahead if self.sends_chunks else None), now_ns

    def send_part(self, columns: slice, values: np.ndarray, now_ns: int) -> None:
        """Take the command of one channel alone."""
        self.command, self.since_ns = self.command.copy(), self.since_ns.copy()
        self.command[columns], self.since_ns[columns] = values, now_ns

    def go_on(self, now_ns: int) -> None:
        """Put in force what has become due of a chunk that is under way."""
        if self._chunk is None:
            return
        # The next tick, which comes a little early or late, finds what was sent at the one before.
        passed = max(1, round((now_ns - self._sent_ns) / self._period_ns))
        index = min(passed, len(self._chunk)) - 1
        self.command = np.where(self._in_chunks, self._chunk[index], self.command)
        self.since_ns[self._in_chunks] = self._sent_ns + index * self._period_ns
        if passed > len(self._chunk):
            self._chunk = None

    def stop(self, now_ns: int) -> np.ndarray:
        """
        Come to rest; return where a chunk under way is to end (A,), NaN where there is none.

        What came to its end by itself is not sent again: the robot may have been moved since.
        """
        ends = self._in_chunks & (self._chunk is not None)
        rests = np.isfinite(self._at_rest)
        # A channel that holds goes on from its last command, within its step limit.
        self.command = np.where(rests, self._at_rest, self.command)
        self.since_ns[rests | ends] = now_ns
        self._chunk = None
        return np.where(ends, self.command, np.nan)
