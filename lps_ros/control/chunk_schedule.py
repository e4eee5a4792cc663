"""Which action of which chunk is in force at a control tick."""

from collections import deque
from dataclasses import dataclass

import numpy as np

# Ensembling: weight of a chunk's action relative to that of the next newer chunk.
_OLDER = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkStep:
    """The action of one tick."""

    chunk: int  # number of the newest chunk that speaks, since the last reset, from 0
    index: int  # position in that chunk, 0 .. horizon - 1
    action: np.ndarray  # (A,)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Chunk:
    number: int
    start: int  # tick of the first action
    speaks_from: int  # first tick at which it was there
    actions: np.ndarray  # (H, A)

    def covers(self, tick: int) -> bool:
        return self.speaks_from <= tick < self.start + len(self.actions)


class ChunkSchedule:
    """
    Every action of every chunk belongs to a tick of the control clock, an absolute time.

    A chunk that comes late is joined where time has got to: the actions of ticks that were served
    before it came are dropped and counted. So neither a slow network nor a skipped tick shifts
    an action in time.
    """

    def __init__(self, horizon: int) -> None:
        """Take the chunk length H; raises ValueError below 1."""
        if horizon < 1:
            raise ValueError(f'horizon is {horizon}, expected at least 1')
        self._horizon = horizon
        self.reset()

    def reset(self) -> None:
        """Forget all chunks and the counts."""
        self.forget()
        self.count = 0  # chunks offered
        self._next: int | None = None  # the first tick not served yet
        self.dropped = 0  # actions whose time had passed when their chunk came
        self.skipped = 0  # ticks that were not served

    def forget(self) -> None:
        """Forget all chunks; what comes is joined at the next tick."""
        self._chunks: deque[_Chunk] = deque(maxlen=self._horizon)

    def offer(
            self, actions: np.ndarray, start: int, *, moved_on: bool = True, waited: bool = False
    ) -> int:
        """
        Take a chunk (H, A) whose first action belongs to tick `start`; return how many come late.

        moved_on: whether the world went on since; where it stood still meanwhile, the chunk
        begins at the next tick with its first action. waited: tick `start` itself waits for it,
        perhaps not for the first time. Raises ValueError for another length than the horizon.
        """
        if actions.ndim != 2 or len(actions) != self._horizon:
            raise ValueError(
                f'chunk has shape {actions.shape}, expected ({self._horizon}, action size)')
        first = start if waited else self.unserved(start)
        if not moved_on:
            start = first
        late = min(first - start, self._horizon)
        self.dropped += late
        if late < self._horizon:
            self._chunks.append(_Chunk(
                number=self.count, start=start, speaks_from=first, actions=actions))
        self.count += 1
        return late

    def step(self, tick: int, *, ensemble: bool = False) -> ChunkStep | None:
        """
        Return the action of `tick`, None where no chunk covers it, and count skipped ticks.

        ensemble: the mean of all chunks that cover it, a newer one weighing twice the one before.
        """
        self.serve(tick)
        while self._chunks and tick >= self._chunks[0].start + self._horizon:
            self._chunks.popleft()
        return self._step(tick, ensemble)

    def serve(self, tick: int) -> None:
        """Note that `tick` is over, with or without an action, and count skipped ticks."""
        if self._next is not None and tick > self._next:
            self.skipped += tick - self._next
        self._next = tick + 1

    def unserved(self, tick: int) -> int:
        """Return the first tick from `tick` on that has not been served."""
        return tick if self._next is None else max(tick, self._next)

    def ahead(self, tick: int, *, ensemble: bool = False) -> np.ndarray:
        """Return the actions (m, A) of `tick` and the ticks after it, as far as is known."""
        steps = []
        while (step := self._step(tick + len(steps), ensemble)) is not None:
            steps.append(step.action)
        return np.array(steps) if steps else np.empty((0, 0))

    def _step(self, tick: int, ensemble: bool) -> ChunkStep | None:
        covering = [chunk for chunk in self._chunks if chunk.covers(tick)]
        if not covering:
            return None
        newest = covering[-1]
        action = newest.actions[tick - newest.start]
        if ensemble and len(covering) > 1:
            weights = _OLDER ** np.arange(len(covering))[::-1]
            actions = np.array([chunk.actions[tick - chunk.start] for chunk in covering])
            action = weights @ actions / weights.sum()
        return ChunkStep(chunk=newest.number, index=tick - newest.start, action=action)
