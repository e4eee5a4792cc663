"""Encodes one episode for training."""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import MessageError
from lps_ros.contract import ObservationEncoder
from lps_ros.data.episode import Episode
from lps_ros.data.errors import DatasetError
from lps_ros.data.verification import contract_problems
import numpy as np


@dataclass(frozen=True, kw_only=True)
class EncodedEpisode:
    """
    What training needs of an episode.

    observations: float32 (T + 1, S), not normalised; actions: float32 (T + 1, A) in [-1, 1];
    images: for each camera its T + 1 frames, uint8 (h, w, 3), decoded as they are taken.
    """

    observations: np.ndarray
    actions: np.ndarray
    success: bool
    images: Mapping[str, Iterator[np.ndarray]] = field(default_factory=dict)


def encode_episode_rows(
        path: Path, contract: Contract, encoder: ObservationEncoder,
        codec: ActionCodec) -> EncodedEpisode:
    """
    Encode an episode, from the first tick at which a command of every action is in force.

    A camera that may be left out of a recording must have sent a frame by then, too. Raises
    EpisodeError where the file is damaged, also while images are taken; DatasetError where it is
    of another data contract, has no such tick, lacks a frame, or holds a number that is not
    finite. Both name the file.
    """
    with Episode.open(path) as episode:
        problems = contract_problems(episode, contract)
        if problems:
            raise DatasetError(f'{path}: was recorded with another data contract: '
                               f'{"; ".join(problems)}; train with the contract that it was '
                               'recorded with, or move it away')
        for key in encoder.image_keys:
            if key not in episode.keys:
                raise DatasetError(f"{path}: observation '{key}' was not recorded; remove the "
                                   'episode or train without this camera')
        action_keys = [action.key for action in contract.actions]
        first = _first_tick(episode, action_keys, [
            key for key in encoder.image_keys if not contract.observation(key).required])
        images = {key: _images(episode, key, first) for key in encoder.image_keys}
        try:
            physical = codec.physical(
                {key: rows[first:] for key, rows in episode.rows(action_keys).items()})
            observations = encoder.encode(
                {key: rows[first:] for key, rows in episode.rows(encoder.keys).items()},
                count=len(physical))
        except MessageError as error:
            raise DatasetError(f'{path}: {error}') from error
        _check_finite(path, observations, encoder.names, first)
        _check_finite(path, physical, codec.names, first)
        return EncodedEpisode(observations=observations, actions=codec.normalise(physical),
                              success=episode.outcome == 'success', images=images)


def _first_tick(episode: Episode, action_keys: list[str], cameras: list[str]) -> int:
    """Return the first tick that has a command of every action and a frame of these cameras."""
    there = np.all([episode.index(key) >= 0 for key in (*action_keys, *cameras)], axis=0)
    if there.sum() < 2:
        frames = f' and a frame of {", ".join(cameras)}' if cameras else ''
        raise DatasetError(f'{episode.path}: has {int(there.sum())} tick(s) with a command of '
                           f'every action{frames}, expected at least 2; remove it')
    # A command in force stays in force, so the ticks without one are the first ones; so is the
    # last frame.
    return int(np.argmax(there))


def _images(episode: Episode, key: str, first: int) -> Iterator[np.ndarray]:
    missing = np.flatnonzero(episode.index(key)[first:] < 0)
    if len(missing):
        raise DatasetError(f"{episode.path}: observation '{key}' has no frame at tick "
                           f'{first + missing[0]}, expected one at every tick; remove the episode '
                           'or train without this camera')
    return episode.each_image(key, range(first, len(episode.ticks_ns)))


def _check_finite(path: Path, values: np.ndarray, names: tuple[str, ...], first: int) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DatasetError(f'{path}: {names[column]} is {values[row, column]} at tick '
                           f'{first + row}, expected a finite number; remove the episode or '
                           'mend what publishes it')
