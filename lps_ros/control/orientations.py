"""The rotations among the values of a command."""

from lps_ros.contract import Contract
from lps_ros.contract.message_types import POSE
from lps_ros.contract.poses import ROTATION
from lps_ros.contract.rotations import angle_between
from lps_ros.contract.rotations import matrix_from_sixd
from lps_ros.contract.rotations import quaternion
from lps_ros.contract.rotations import rotation_matrix
from lps_ros.contract.rotations import sixd
from lps_ros.contract.rotations import slerp
from lps_ros.control.errors import CommandRefused
import numpy as np


class Orientations:
    """
    Takes the six values of each pose's rotation, in commands (A,), for the rotation that they are.

    Attributes: `parts`, key and columns of the rotation of every action that commands one;
    `turns` (A,), whether a value belongs to a rotation.
    """

    def __init__(self, contract: Contract) -> None:
        """Find the poses among the actions."""
        self.parts: list[tuple[str, slice]] = []
        start = 0
        for action in contract.actions:
            end = start + action.width
            if action.type == POSE:
                self.parts.append((action.key, slice(start + ROTATION.start, end)))
            start = end
        self.turns = np.full(start, False)
        for _, columns in self.parts:
            self.turns[columns] = True

    def normalised(self, commands: np.ndarray, commanded: np.ndarray | None = None) -> np.ndarray:
        """
        Return commands (..., A) whose rotations are two columns of a rotation matrix.

        commanded: which values (A,) count, all unless given. Raises CommandRefused where a
        rotation's columns are parallel or zero.
        """
        if not self.parts:
            return commands
        commands = commands.copy()
        for key, columns in self.parts:
            if commanded is None or commanded[columns].all():
                try:
                    matrix = matrix_from_sixd(commands[..., columns].reshape(-1, 6))
                except ValueError as error:
                    raise CommandRefused(
                        f"action '{key}': rotation of a pose: {error}; check the policy"
                    ) from None
                commands[..., columns] = sixd(matrix).reshape(commands[..., columns].shape)
        return commands

    def distance(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """
        Return how far two commands (A,) are apart, NaN where one is unknown.

        Of rotations all six values are the angle between them, rad.
        """
        distance = np.abs(first - second)
        for _, columns in self.parts:
            if np.isfinite(distance[columns]).all():
                begin, end = _quaternions(np.stack((first[columns], second[columns])))
                distance[columns] = angle_between(begin[None], end[None])[0]
        return distance

    def between(self, begin: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
        """
        Return what lies a share of the way from one command (A,) to another, NaN if unknown.

        Raises CommandRefused as `normalised`, of `end`.
        """
        end = self.normalised(end)
        place = begin + share * (end - begin)
        for _, columns in self.parts:
            if np.isfinite(place[columns]).all():
                first, last = _quaternions(np.stack((begin[columns], end[columns])))
                place[columns] = _columns(slerp(first[None], last[None], share))[0]
        return place

    @staticmethod
    def turned(
            begin: np.ndarray, goals: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
        """
        Turn from one rotation (6,) towards each goal (n, 6) in turn, by at most so much, rad.

        Return the rotations (n, 6), and how far (n,) each goal was away.
        """
        before, *ends = _quaternions(np.vstack((begin, goals)))[:, None]
        reached, angles = np.empty((len(goals), 4)), np.empty(len(goals))
        for i, end in enumerate(ends):
            angles[i] = angle_between(before, end)[0]
            before = end if angles[i] <= most else slerp(before, end, most / angles[i])
            reached[i] = before[0]
        # What is near enough stays as it is.
        return np.where(angles[:, None] <= most, goals, _columns(reached)), angles


def _quaternions(columns: np.ndarray) -> np.ndarray:
    return quaternion(matrix_from_sixd(columns))


def _columns(quaternions: np.ndarray) -> np.ndarray:
    return sixd(rotation_matrix(quaternions))
