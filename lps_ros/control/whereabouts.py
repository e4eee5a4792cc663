"""Where a motion begins, and whether the robot follows it."""

from collections.abc import Collection
from collections.abc import Mapping

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import observed_place
from lps_ros.control.errors import CommandRefused
from lps_ros.control.limits import CommandLimiter
import numpy as np

_ROUNDING = 1e-9


class Whereabouts:
    """
    Compares commands (A,) with where the robot is by its observations.

    Methods take rows by key, (W,) each. What nothing observes, see `observed_place`, is NaN.
    Rotations are as far apart as the angle between them, in rad.
    """

    def __init__(self, contract: Contract, limiter: CommandLimiter) -> None:
        """Take where each action is observed, and how far its commands may be from there."""
        self._names = list(ActionCodec(contract).names)
        self._orientations = limiter.orientations
        for key, columns in self._orientations.parts:
            self._names[columns] = [f'{key}.rotation'] * (columns.stop - columns.start)
        step = self._step = limiter.step
        # Without a `start` a motion may begin at the command in force if that is a step away.
        self._within = np.where(np.isfinite(step), step, 0.0)
        self._start, self._lag = np.full(len(step), np.inf), np.full(len(step), np.inf)
        self._places = []
        for action in contract.actions:
            place = observed_place(contract, action)
            if place is None:
                continue
            columns = limiter.columns(action.key)
            self._places.append((action.key, place, columns))
            start = action.limits.start
            if start is not None:
                self._within[columns] = self._start[columns] = _each(
                    start.within, action.width)
            if start is not None and start.lag is not None:
                self._lag[columns] = _each(start.lag, action.width)

    def observed(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return where the robot is (A,)."""
        where = np.full(len(self._names), np.nan)
        for _, place, columns in self._places:
            if place.observation in rows:
                where[columns] = place.of(rows[place.observation])
        return where

    def begin(
            self, in_force: np.ndarray, rows: Mapping[str, np.ndarray],
            keys: Collection[str] | None = None, *, recent: bool = True) -> np.ndarray:
        """
        Return from where a motion begins (A,): the command in force, where the robot is near it.

        Where it is farther, because it was moved otherwise or was never commanded, its observed
        position counts. keys: the actions that are commanded, all unless given. recent: whether
        the command in force is. Raises CommandRefused where one of them is not observed, as it
        could be, and was never or not recently commanded.
        """
        observed = self.observed(rows)
        distance = self._orientations.distance(in_force, observed)
        left = ~(distance <= self._within) & np.isfinite(observed)
        begin = np.where(left, observed, in_force)
        for key, place, columns in self._places:
            known = begin if recent else observed
            if (keys is None or key in keys) and np.isnan(known[columns]).any():
                raise CommandRefused(
                    f"where {key} is cannot be told without observation "
                    f"'{place.observation}'")
        return begin

    def check_start(self, physical: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
        """Raise CommandRefused where a first command (A,) lies too far from where the robot is."""
        observed = self.observed(rows)
        distance = self._orientations.distance(
            self._orientations.normalised(physical), observed)
        # Not-a-number is too far as well, where there is a limit.
        for i in np.flatnonzero(np.isfinite(self._start) & ~(distance <= self._start)):
            one = 'one' if self._orientations.turns[i] else f'{observed[i]:.4g}'
            raise CommandRefused(
                f'{self._names[i]} begins {distance[i]:.4g} from the observed {one}, expected '
                f'at most {self._start[i]:.4g}; bring the robot to where demonstrations start')

    def check_led_in(self, command: np.ndarray, begin: np.ndarray) -> None:
        """
        Raise CommandRefused where a first command (A,) is more than a step from its beginning.

        Range and box lead there at once, from a place that is beyond them.
        """
        distance = self._orientations.distance(command, begin)
        for i in np.flatnonzero(distance > self._step + _ROUNDING):
            raise CommandRefused(
                f'{self._names[i]} begins at {begin[i]:.4g}, {distance[i]:.4g} from the nearest '
                f'command within its limits, expected at most a step of {self._step[i]:.4g}; '
                'bring the robot within its limits')

    def check_follows(self, in_force: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
        """Raise CommandRefused where the robot is too far from the command in force (A,)."""
        observed = self.observed(rows)
        distance = self._orientations.distance(in_force, observed)
        for i in np.flatnonzero(np.isfinite(self._lag) & ~(distance <= self._lag)):
            found = (f'observed {distance[i]:.4g} away' if self._orientations.turns[i] else
                     f'commanded to {in_force[i]:.4g}, observed at {observed[i]:.4g}')
            raise CommandRefused(
                f'{self._names[i]} does not follow: {found}, expected at most '
                f'{self._lag[i]:.4g} apart; see whether its controller is active and no '
                'protective stop holds the arm')


def _each(distances: np.ndarray, width: int) -> np.ndarray:
    """Give every value (width,) of an action its distance; the last one is of all that is left."""
    return np.pad(distances, (0, width - len(distances)), mode='edge')
