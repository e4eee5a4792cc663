"""Encodes one episode for training."""

from dataclasses import dataclass
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
    """observations float32 (T + 1, S), not normalised; actions float32 (T + 1, A) in [-1, 1]."""

    observations: np.ndarray
    actions: np.ndarray
    success: bool


def encode_episode_rows(
        path: Path, contract: Contract, encoder: ObservationEncoder,
        codec: ActionCodec) -> EncodedEpisode:
    """
    Encode an episode, from the first tick at which a command of every action is in force.

    Raises EpisodeError where the file is damaged; DatasetError where it is of another data
    contract, has no such tick, or holds a number that is not finite. Both name the file.
    """
    with Episode.open(path) as episode:
        problems = contract_problems(episode, contract)
        if problems:
            raise DatasetError(f'{path}: was recorded with another data contract: '
                               f'{"; ".join(problems)}; train with the contract that it was '
                               'recorded with, or move it away')
        action_keys = [action.key for action in contract.actions]
        commanded = np.all([episode.index(key) >= 0 for key in action_keys], axis=0)
        if commanded.sum() < 2:
            raise DatasetError(f'{path}: has {int(commanded.sum())} tick(s) with a command of '
                               'every action, expected at least 2; remove it')
        # A command in force stays in force, so the ticks without one are the first ones.
        first = int(np.argmax(commanded))
        try:
            observations = encoder.encode(
                {key: rows[first:] for key, rows in episode.rows(encoder.keys).items()})
            physical = codec.physical(
                {key: rows[first:] for key, rows in episode.rows(action_keys).items()})
        except MessageError as error:
            raise DatasetError(f'{path}: {error}') from error
        _check_finite(path, observations, encoder.names, first)
        _check_finite(path, physical, codec.names, first)
        return EncodedEpisode(observations=observations, actions=codec.normalise(physical),
                              success=episode.outcome == 'success')


def _check_finite(path: Path, values: np.ndarray, names: tuple[str, ...], first: int) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DatasetError(f'{path}: {names[column]} is {values[row, column]} at tick '
                           f'{first + row}, expected a finite number; remove the episode or '
                           'mend what publishes it')
