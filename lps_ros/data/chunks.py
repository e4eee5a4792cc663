"""Action chunks for training, drawn from the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Literal

from lps_ros.contract import Task
from lps_ros.data.cache import TrainingCache
from lps_ros.data.errors import DatasetError
from lps_ros.data.relative_actions import RelativeActions
import numpy as np

# What failed episodes are for: nothing; critics learn from them, but nothing imitates them; the
# same as successes.
Failures = Literal['unused', 'valued', 'cloned']


@dataclass(frozen=True, kw_only=True)
class Batch:
    """
    B chunks of H actions.

    observations and next_observations (B, S), before and after the chunk; actions (B, H * A);
    rewards (B,), the discounted sum over the chunk; masks (B,), 0 where the episode ends within
    it; cloned (B,), 1 where the chunk is to be imitated, else 0; all float32. images and
    next_images: of each camera, uint8 (B, h, w, 3).
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    masks: np.ndarray
    cloned: np.ndarray
    next_observations: np.ndarray
    images: tuple[np.ndarray, ...] = ()
    next_images: tuple[np.ndarray, ...] = ()


class Chunks:
    """
    Every chunk of H transitions that lies within one episode.

    In episodes that are `padded` a chunk may also start in the last H - 1 transitions: its last
    action is repeated, and nothing is earned after the episode's end. `starts` int64 (C,) are the
    rows at which a chunk begins; `relative`, for the caller to set, is what translates actions
    into what is learnt.
    """

    def __init__(
            self, *, observations: np.ndarray, actions: np.ndarray, offsets: np.ndarray,
            rewards: np.ndarray, masks: np.ndarray, padded: np.ndarray, used: np.ndarray,
            cloned: np.ndarray, horizon: int, discount: float,
            images: Sequence[np.ndarray] = ()) -> None:
        """
        Take columns of N rows: observations (N, S), actions (N, A), rewards (N,), masks (N,).

        images: of each camera (N, h, w, 3); a batch reads only its own rows of them. offsets
        (E + 1,), padded, used and cloned (E,) are per episode; the last row of each episode only
        holds its final observation.
        """
        self.relative: RelativeActions | None = None
        self._observations = observations
        self._actions = actions
        self._images = tuple(images)
        self._horizon = horizon
        rows = np.arange(offsets[-1])
        length = np.diff(offsets)
        self._last = np.repeat(offsets[1:] - 2, length)
        fits = rows + horizon - 1 <= self._last
        fits |= np.repeat(padded, length) & (rows <= self._last)
        self.starts = np.flatnonzero(fits & np.repeat(used, length))
        self._cloned = np.repeat(cloned, length)
        self._rewards = np.zeros(len(rows))
        self._masks = np.ones(len(rows))
        for step in range(horizon):
            at = np.minimum(rows + step, self._last)
            self._rewards += np.where(
                rows + step <= self._last, discount**step * rewards[at], 0.0)
            self._masks *= masks[at]

    def actions(self, starts: np.ndarray) -> np.ndarray:
        """Return the actions (B, H, A) of the chunks that begin at these rows, as recorded."""
        last = self._last[starts]
        rows = np.minimum(starts[:, None] + np.arange(self._horizon), last[:, None])
        return np.asarray(self._actions[rows])

    def observations(self, starts: np.ndarray) -> np.ndarray:
        """Return the observations (B, S) that the chunks that begin at these rows start from."""
        return np.asarray(self._observations[starts])

    def batch(self, starts: np.ndarray) -> Batch:
        """Return the chunks that begin at these rows, int64 (B,)."""
        after = np.minimum(starts + self._horizon, self._last[starts] + 1)
        observations, actions = self.observations(starts), self.actions(starts)
        if self.relative is not None:
            actions = self.relative.learnt(actions, observations)
        return Batch(
            observations=observations, actions=actions.reshape(len(starts), -1),
            rewards=self._rewards[starts].astype(np.float32),
            masks=self._masks[starts].astype(np.float32),
            cloned=self._cloned[starts].astype(np.float32),
            next_observations=np.asarray(self._observations[after]),
            images=tuple(np.asarray(column[starts]) for column in self._images),
            next_images=tuple(np.asarray(column[after]) for column in self._images))


class Sampler:
    """Draws `chunks` at random; `starts` and `batch` are theirs."""

    def __init__(self, chunks: Chunks, seed: int) -> None:
        self.chunks = chunks
        self.starts = chunks.starts
        self.batch = chunks.batch
        self._generator = np.random.default_rng(seed)

    @property
    def state(self) -> dict[str, Any]:
        """State of the generator, ready for JSON; set it to draw the same batches again."""
        return self._generator.bit_generator.state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._generator.bit_generator.state = state

    def sample(self, batch_size: int, rows: np.ndarray | None = None) -> Batch:
        """
        Draw chunks with replacement, every start being equally likely.

        rows: those of the batch to return, int64; None for all of them.
        """
        starts = self.starts[self._generator.integers(len(self.starts), size=batch_size)]
        return self.batch(starts if rows is None else starts[rows])


class ChunkSampler(Sampler):
    """
    Draws chunks at random from recorded episodes, with the rewards of a task.

    A success earns `task.step_reward` at every step and `task.success_reward` at its last one,
    where it ends. Failures end with `task.failure_reward`, or, where the task has none, count as
    cut off by time and have no end; see `Failures` for their use. `starts` int64 (C,) are the
    rows of the cache at which a chunk may begin; `batch` gives chunks by row. Raises DatasetError
    where no episode is left or one is shorter than a chunk.
    """

    def __init__(
            self, cache: TrainingCache, *, horizon: int, discount: float, task: Task,
            failures: Failures, seed: int) -> None:
        used = used_episodes(cache, failures)
        cloned = cache.outcomes | (failures == 'cloned')
        _check(cache, used, cloned, horizon)
        ends = np.where(cache.outcomes, task.success_reward,
                        np.nan if task.failure_reward is None else task.failure_reward)
        terminal = ~np.isnan(ends)
        rewards = np.full(len(cache.actions), task.step_reward)
        masks = np.ones(len(cache.actions))
        last = cache.episode_offsets[1:][terminal] - 2
        rewards[last] = ends[terminal]
        masks[last] = 0.0
        super().__init__(Chunks(
            observations=cache.observations, actions=cache.actions,
            offsets=cache.episode_offsets, rewards=rewards, masks=masks, padded=terminal,
            used=used, cloned=cloned, horizon=horizon, discount=discount,
            images=tuple(cache.images.values())), seed)


def used_episodes(cache: TrainingCache, failures: Failures) -> np.ndarray:
    """Return which episodes are learned from, bool (E,)."""
    return cache.outcomes | (failures != 'unused')


def _check(cache: TrainingCache, used: np.ndarray, cloned: np.ndarray, horizon: int) -> None:
    if not cloned.any():
        raise DatasetError(f'{cache.paths[0].parent.parent}: found no success among '
                           f'{len(used)} episodes; record one, or set failures to cloned')
    transitions = np.diff(cache.episode_offsets) - 1
    for episode in np.flatnonzero(used & (transitions < horizon))[:1]:
        raise DatasetError(f'{cache.paths[episode]}: has {transitions[episode]} transitions, '
                           f'expected at least a chunk of {horizon}; remove it')
