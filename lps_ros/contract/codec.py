"""Physical commands, normalised actions and outgoing messages."""

from collections.abc import Collection
from collections.abc import Mapping

from lps_ros.contract.chunk_messages import chunk_message
from lps_ros.contract.chunk_messages import trajectory_message
from lps_ros.contract.columns import row_columns
from lps_ros.contract.errors import MessageError
from lps_ros.contract.message_types import POSE
from lps_ros.contract.outgoing import outgoing_message
from lps_ros.contract.outgoing import OutgoingMessage
from lps_ros.contract.poses import encode_pose
from lps_ros.contract.poses import pose_names
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.schema import Action
import numpy as np


class ActionCodec:
    """
    Converts between rows, physical action vectors, [-1, 1] and messages.

    Attributes: `size` A of the action vector, `names` of its dimensions such as
    'twist.linear.x', `low` and `high` (A,) of the scale, physical.
    """

    def __init__(self, contract: Contract) -> None:
        """Precompute the columns and the scale of every action, in the contract's order."""
        self._period_ns = contract.clock.period_ns
        self._parts: list[tuple[Action, slice]] = []
        self.names: tuple[str, ...] = ()
        for action in contract.actions:
            start = len(self.names)
            names = pose_names('sixd') if action.type == POSE else row_columns(action)
            self.names += tuple(f'{action.key}.{name}' for name in names)
            self._parts.append((action, slice(start, len(self.names))))
        self.size = len(self.names)
        self.low = np.concatenate([action.scale.low for action in contract.actions])
        self.high = np.concatenate([action.scale.high for action in contract.actions])
        self._centre = 0.5 * (self.high + self.low)
        self._half = 0.5 * (self.high - self.low)

    def physical(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """
        Join rows (N, width) of every action into float64 (N, A).

        Poses are encoded in 6-D. Raises MessageError where a stream is missing or misshapen.
        """
        blocks = []
        for action, _ in self._parts:
            block = rows.get(action.key)
            width = len(row_columns(action))
            count = len(blocks[0]) if blocks else 'N'
            if block is None or block.ndim != 2 or block.shape[1] != width or (
                    blocks and len(block) != count):
                found = 'no rows' if block is None else f'rows of shape {block.shape}'
                raise MessageError(f'{action.label}: found {found}, expected ({count}, {width}); '
                                   'pass one row per tick for every action')
            blocks.append(_physical(action, block))
        return np.concatenate(blocks, axis=1, dtype=np.float64)

    def part(self, key: str, row: np.ndarray) -> np.ndarray:
        """Return the physical values (W,) of one action from its row (width,)."""
        action = next(action for action, _ in self._parts if action.key == key)
        return _physical(action, row[None])[0]

    def normalise(self, physical: np.ndarray) -> np.ndarray:
        """Map physical (..., A) to float32 in [-1, 1], clipped."""
        return np.clip((physical - self._centre) / self._half, -1.0, 1.0).astype(np.float32)

    def denormalise(self, normalised: np.ndarray) -> np.ndarray:
        """Map (..., A), clipped to [-1, 1], to float64 physical values within the scale."""
        clipped = np.clip(np.asarray(normalised, dtype=np.float64), -1.0, 1.0)
        return np.clip(self._centre + self._half * clipped, self.low, self.high)

    def messages(self, physical: np.ndarray, stamp_ns: int,
                 keys: Collection[str] | None = None) -> list[OutgoingMessage]:
        """
        Encode one command (A,), with nothing to follow; every channel before any is sent.

        keys: only these actions; the values of the others are not looked at. Raises MessageError
        on non-finite values, naming them.
        """
        parts = self._parts
        if keys is not None:
            parts = [(action, columns) for action, columns in parts if action.key in keys]
            given, physical = physical, np.zeros(self.size)
            for _, columns in parts:
                physical[columns] = given[columns]
        self._check(physical, (self.size,))
        return [outgoing_message(action, physical[columns], stamp_ns=stamp_ns,
                                 period_ns=self._period_ns)
                for action, columns in parts]

    def tick_messages(
            self, ahead: np.ndarray, before: np.ndarray, stamp_ns: int) -> list[OutgoingMessage]:
        """
        Encode a tick's command and what follows it (H, A), every channel before any is sent.

        A channel with `send: chunk` is sent all of it, one period after another, the others their
        command, which is the first row. before: the command (A,) that the motion comes from, NaN
        where unknown. Raises MessageError as `messages`.
        """
        self._check(ahead, (len(ahead), self.size))
        return [trajectory_message(action, ahead[:, columns], before[columns], stamp_ns=stamp_ns,
                                   period_ns=self._period_ns) if action.send == 'chunk' else
                outgoing_message(action, ahead[0, columns], stamp_ns=stamp_ns,
                                 period_ns=self._period_ns)
                for action, columns in self._parts]

    def chunk_messages(self, physical: np.ndarray, stamp_ns: int) -> list[OutgoingMessage]:
        """Tell a chunk (H, A) by one trajectory per channel, its first action at the stamp."""
        self._check(physical, (len(physical), self.size))
        return [chunk_message(action, physical[:, columns], stamp_ns=stamp_ns,
                              period_ns=self._period_ns)
                for action, columns in self._parts]

    def stop(
            self, stamp_ns: int, hold: np.ndarray | None = None,
            within_ns: int | None = None) -> list[OutgoingMessage]:
        """
        Encode a stop: zeros where the contract says zeros, nothing where it says hold.

        hold: positions (A,) at which channels that are carrying out a chunk are to come to rest;
        NaN for all others. within_ns: in what time, one period unless given.
        """
        # Without a stamp it begins as it comes. With one, a controller whose clock is a period
        # ahead refuses it as over, one whose clock is behind waits, and the chunk goes on.
        messages = []
        for action, columns in self._parts:
            if action.stop == 'zeros':
                messages.append(outgoing_message(
                    action, np.zeros(action.width), stamp_ns=stamp_ns,
                    period_ns=self._period_ns))
            elif hold is not None and np.isfinite(hold[columns]).all():
                messages.append(trajectory_message(
                    action, hold[None, columns], stamp_ns=0,
                    period_ns=within_ns or self._period_ns))
        return messages

    def _check(self, physical: np.ndarray, shape: tuple[int, ...]) -> None:
        if physical.shape != shape:
            raise MessageError(f'action: found shape {physical.shape}, expected {shape}; '
                               'use a policy of this contract')
        finite = np.isfinite(physical)
        if not finite.all():
            bad = np.flatnonzero(~finite.reshape(-1, self.size).all(axis=0))
            names = ', '.join(self.names[index] for index in bad)
            raise MessageError(f'action: found non-finite values in {names}, expected finite '
                               'numbers; send nothing and check the policy')


def _physical(action: Action, rows: np.ndarray) -> np.ndarray:
    return encode_pose(rows, 'sixd') if action.type == POSE else rows
