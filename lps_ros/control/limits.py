"""What may leave the node: range, step and workspace of every command."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from itertools import pairwise

from lps_ros.contract import Action
from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.control.errors import CommandRefused
from lps_ros.control.orientations import Orientations
import numpy as np

_AXES = ('x', 'y', 'z')


class CommandLimiter:
    """
    Keeps commands within the limits of a contract; see `apply`.

    A pose's rotation has no range; its step is the angle of a turn, in rad, the shortest way.
    Attribute `orientations`: the rotations among the values.
    """

    def __init__(self, contract: Contract) -> None:
        """Take the limits of every action."""
        self._names = ActionCodec(contract).names
        self.orientations = Orientations(contract)
        actions = contract.actions
        self._low = np.concatenate([action.limits.low for action in actions])
        self._high = np.concatenate([action.limits.high for action in actions])
        self._period_s = contract.clock.period_ns * 1e-9
        for _, columns in self.orientations.parts:
            self._low[columns], self._high[columns] = -np.inf, np.inf
        self._step = np.concatenate([
            action.largest_step(self._period_s) for action in actions])
        # In a period, where a controller passes from one chunk to the next at a velocity.
        self._fastest = np.concatenate([
            np.full(action.width, np.inf) if action.send != 'chunk'
            or action.limits.velocity is None else action.limits.velocity * self._period_s
            for action in actions])
        self._at_rest = np.concatenate([
            np.full(action.width, 0.0 if action.stop == 'zeros' else np.nan)
            for action in actions])
        self._columns = {action.key: columns for action, columns in _columns(actions)}
        self._boxes = [
            (action, columns) for action, columns in _columns(actions)
            if action.limits.workspace is not None]

    @property
    def at_rest(self) -> np.ndarray:
        """Command (A,) in force after a stop: zeros, and NaN where a stop sends nothing."""
        return self._at_rest.copy()

    @property
    def step(self) -> np.ndarray:
        """
        Largest change of each value (A,) per control tick, infinite where there is none.

        Of a pose's rotation each of its six values has the angle, see `Orientations.distance`.
        """
        return self._step.copy()

    def columns(self, key: str) -> slice:
        """Return where an action's values are in the command; raises CommandRefused."""
        if key not in self._columns:
            raise CommandRefused(
                f"found no action '{key}', expected one of {', '.join(self._columns)}")
        return self._columns[key]

    def apply(
            self, physical: np.ndarray, previous: np.ndarray, rows: Mapping[str, np.ndarray],
            keys: Collection[str] | None = None, periods: float | np.ndarray = 1.0,
            velocity: np.ndarray | None = None) -> tuple[np.ndarray, list[str]]:
        """
        Return the command (A,) within all limits, and one note for each value that changed.

        physical: wanted command (A,) in physical units. previous: the command in force, NaN
        where unknown, which sets no step limit. rows: observations by key, (W,) each, for the
        workspace. keys: the actions that are commanded, all unless given; the others stay as in
        `previous`. periods: control periods since `previous`, a number or (A,); the step limit
        is that of one. velocity: with which `previous` is passed (A,), none unless given; a chunk
        turns round from there so slowly that its velocity limit holds. Range and box win over
        all that. Velocities out of the box are kept so low that one period ends at its face,
        positions are clipped to it. Raises CommandRefused for a non-finite value.
        """
        commanded = self._commanded(keys)
        self._refuse_non_finite(physical, commanded)
        known = np.isfinite(previous)
        physical = self.orientations.normalised(physical, commanded)
        ranged = np.clip(physical, self._low, self._high)
        step = np.multiply(self._step, periods, where=np.isfinite(self._step),
                           out=np.full(len(self._step), np.inf))
        down = up = step
        if velocity is not None:
            down = np.minimum(step, self._turn(velocity))
            up = np.minimum(step, self._turn(-velocity))
        slow = np.where(known, np.clip(np.clip(ranged, previous - down, previous + up),
                                       self._low, self._high), ranged)
        notes = []
        for key, columns in self.orientations.parts:
            slow[columns] = ranged[columns]
            if (commanded & known)[columns].all():
                most = step[columns.start]
                slow[columns], angles = self.orientations.turned(
                    previous[columns], ranged[None, columns], most)
                if angles[0] > most + 1e-6:
                    notes.append(f'{key}.rotation {angles[0]:.4g} limited to {most:.4g} by step')
        command = slow.copy()
        for action, columns in self._boxes:
            if commanded[columns].all():
                self._keep_in_box(action, command[columns], rows)
        for wanted, limited, kind in (
                (physical, ranged, 'range'), (ranged, slow, 'step'), (slow, command, 'workspace')):
            # The codec's own rounding is no clipping.
            changed = commanded & (np.abs(wanted - limited) > 1e-6)
            for column in np.flatnonzero(changed & ~self.orientations.turns):
                notes.append(f'{self._names[column]} {wanted[column]:.4g} limited to '
                             f'{limited[column]:.4g} by {kind}')
        return np.where(commanded, command, previous), notes

    def follow(
            self, command: np.ndarray, wanted: np.ndarray, rows: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """
        Return a tick's command (A,) and those after it (n + 1, A), each as `apply` limits it.

        wanted: of the n ticks after that one (n, A). Raises CommandRefused as `apply`.
        """
        self._refuse_non_finite(wanted, np.full(len(command), True))
        wanted = self.orientations.normalised(wanted)
        commands = np.vstack([command, np.clip(wanted, self._low, self._high)])
        for before, now in pairwise(commands):
            # A whole chunk at every tick: np.clip takes several times as long.
            np.minimum(np.maximum(now, before - self._step), before + self._step, out=now)
            np.minimum(np.maximum(now, self._low), self._high, out=now)
            for action, columns in self._boxes:
                self._keep_in_box(action, now[columns], rows)
        for _, columns in self.orientations.parts:
            commands[1:, columns], _ = self.orientations.turned(
                command[columns], wanted[:, columns], self._step[columns.start])
        return commands

    def _refuse_non_finite(self, values: np.ndarray, commanded: np.ndarray) -> None:
        wrong = commanded & ~np.isfinite(values)
        if wrong.any():
            names = np.broadcast_to(self._names, wrong.shape)[wrong]
            raise CommandRefused(
                f'command has a non-finite value in {", ".join(dict.fromkeys(names))}')

    def _commanded(self, keys: Collection[str] | None) -> np.ndarray:
        commanded = np.full(len(self._low), keys is None)
        for key in keys or ():
            commanded[self._columns[key]] = True
        return commanded

    def _turn(self, velocity: np.ndarray) -> np.ndarray:
        """
        Return the largest step (A,) against a velocity, as far as the velocity limit goes.

        The cubic that turns round from -u to a mean d and to rest, of the limit each, is fastest
        with (4u + 6d)^2 / (12u + 24d) - u, which is 1 where d = (1 - u + sqrt(1 + u)) / 3.
        """
        share = np.clip(velocity * self._period_s / self._fastest, 0.0, 1.0)
        return self._fastest * (1.0 - share + np.sqrt(1.0 + share)) / 3.0

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


def numbers(row: np.ndarray, width: int) -> np.ndarray:
    """Return a row as (width,) numbers; raises CommandRefused where it is none."""
    numbers = np.asarray(row)
    if numbers.shape != (width,) or numbers.dtype.kind not in 'fiu':
        raise CommandRefused(f'command has shape {numbers.shape} of type {numbers.dtype}, '
                             f'expected ({width},) numbers')
    return numbers


def _columns(actions: tuple[Action, ...]) -> Iterator[tuple[Action, slice]]:
    start = 0
    for action in actions:
        yield action, slice(start, start + action.width)
        start += action.width
