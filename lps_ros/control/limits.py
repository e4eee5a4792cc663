"""What may leave the node: range, step and workspace of every command."""

from collections.abc import Iterator
from collections.abc import Mapping

from lps_ros.contract import Action
from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
import numpy as np

_AXES = ('x', 'y', 'z')


class CommandRefused(ValueError):
    """A command that no limit can make safe; the message is one line."""


class CommandLimiter:
    """Keeps commands within the limits of a contract; see `apply`."""

    def __init__(self, contract: Contract) -> None:
        """Take the limits of every action."""
        self._names = ActionCodec(contract).names
        actions = contract.actions
        self._low = np.concatenate([action.limits.low for action in actions])
        self._high = np.concatenate([action.limits.high for action in actions])
        self._step = np.concatenate([
            np.full(action.width, np.inf) if action.limits.step is None else action.limits.step
            for action in actions])
        self._at_rest = np.concatenate([
            np.full(action.width, 0.0 if action.stop == 'zeros' else np.nan)
            for action in actions])
        self._period_s = contract.clock.period_ns * 1e-9
        self._boxes = [
            (action, columns) for action, columns in _columns(actions)
            if action.limits.workspace is not None]

    @property
    def at_rest(self) -> np.ndarray:
        """Command (A,) in force after a stop: zeros, and NaN where a stop sends nothing."""
        return self._at_rest.copy()

    def apply(
            self, physical: np.ndarray, previous: np.ndarray, rows: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, list[str]]:
        """
        Return the command (A,) within all limits, and one note for each value that changed.

        physical: wanted command (A,) in physical units. previous: the command in force, NaN
        where unknown, which sets no step limit. rows: observations by key, (W,) each, for the
        workspace. Velocities out of the box are kept so low that one period ends at its face,
        positions are clipped to it; the box wins over the step limit, for it is what a stop
        protects. Raises CommandRefused for a non-finite value.
        """
        if not np.isfinite(physical).all():
            names = ', '.join(np.array(self._names)[~np.isfinite(physical)])
            raise CommandRefused(f'command has a non-finite value in {names}')
        known = np.isfinite(previous)
        ranged = np.clip(physical, self._low, self._high)
        slow = np.where(
            known, np.clip(ranged, previous - self._step, previous + self._step), ranged)
        command = slow.copy()
        for action, columns in self._boxes:
            self._keep_in_box(action, command[columns], rows)
        notes = []
        for wanted, limited, kind in (
                (physical, ranged, 'range'), (ranged, slow, 'step'), (slow, command, 'workspace')):
            # The codec's own rounding is no clipping.
            for column in np.flatnonzero(np.abs(wanted - limited) > 1e-6):
                notes.append(f'{self._names[column]} {wanted[column]:.4g} limited to '
                             f'{limited[column]:.4g} by {kind}')
        return command, notes

    def _keep_in_box(
            self, action: Action, command: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
        box = action.limits.workspace
        if box.observation not in rows:
            raise CommandRefused(
                f"{action.label}: its workspace needs observation '{box.observation}'")
        position = np.asarray(rows[box.observation], np.float64)[:3]
        if not np.isfinite(position).all():
            raise CommandRefused(
                f"{action.label}: observation '{box.observation}' has a non-finite position")
        if not action.fields:
            command[:3] = np.clip(command[:3], box.low, box.high)
            return
        for axis, name in enumerate(_AXES):
            if f'linear.{name}' in action.fields:
                column = action.fields.index(f'linear.{name}')
                command[column] = np.clip(
                    command[column],
                    min(0.0, (box.low[axis] - position[axis]) / self._period_s),
                    max(0.0, (box.high[axis] - position[axis]) / self._period_s))


def _columns(actions: tuple[Action, ...]) -> Iterator[tuple[Action, slice]]:
    start = 0
    for action in actions:
        yield action, slice(start, start + action.width)
        start += action.width
