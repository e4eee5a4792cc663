"""Which action of which chunk is in force at a control tick."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkStep:
    """One action of a chunk."""

    chunk: int  # number of the chunk since the last reset, from 0
    index: int  # position in the chunk, 0 .. horizon - 1
    action: np.ndarray  # (A,)


class ChunkExecutor:
    """
    Plays action chunks against the control clock.

    Ticks are the absolute numbers of a ControlClock, so an action belongs to a time: after
    skipped ticks the chunk goes on where it would be, not where the last call left it.
    """

    def __init__(self, *, horizon: int, replan_every: int) -> None:
        """
        Take the chunk length and after how many ticks to plan again, at most that length.

        Raises ValueError where either is below 1.
        """
        if horizon < 1:
            raise ValueError(f'horizon is {horizon}, expected at least 1')
        self._horizon = horizon
        self.replan_every = replan_every
        self.reset()

    @property
    def replan_every(self) -> int:
        """Ticks after which a new chunk is planned; takes effect at the next tick."""
        return self._replan_every

    @replan_every.setter
    def replan_every(self, ticks: int) -> None:
        if ticks < 1:
            raise ValueError(f'replan_every is {ticks}, expected at least 1')
        self._replan_every = min(ticks, self._horizon)

    @property
    def skipped(self) -> int:
        """Ticks since the last reset for which no action was asked."""
        return self._skipped

    def reset(self) -> None:
        """Forget the chunk, its number and the skipped ticks."""
        self._actions: np.ndarray | None = None
        self._start = 0
        self._chunk = -1
        self._last: int | None = None
        self._skipped = 0

    def needs_chunk(self, tick: int) -> bool:
        """
        Tell whether a chunk has to be planned before the action of `tick`.

        So it is without a chunk, when it is used up or due to be replaced, and when the clock
        has jumped back before its start.
        """
        return self._actions is None or not 0 <= tick - self._start < self._replan_every

    def start(self, actions: np.ndarray, tick: int) -> None:
        """
        Put a chunk (horizon, A) in force whose first action belongs to `tick`.

        Raises ValueError for another length than the horizon.
        """
        if actions.ndim != 2 or len(actions) != self._horizon:
            raise ValueError(
                f'chunk has shape {actions.shape}, expected ({self._horizon}, action size)')
        self._actions = actions
        self._start = tick
        self._chunk += 1

    def step(self, tick: int) -> ChunkStep:
        """
        Return the action of `tick`, and count the ticks skipped since the last one.

        Raises ValueError when the chunk does not reach to `tick`.
        """
        index = tick - self._start
        if self._actions is None or not 0 <= index < self._horizon:
            raise ValueError(f'no chunk covers tick {tick}; plan one first')
        if self._last is not None and tick > self._last:
            self._skipped += tick - self._last - 1
        self._last = tick
        return ChunkStep(chunk=self._chunk, index=index, action=self._actions[index])
