"""Where the positions that an action commands are observed."""

from dataclasses import dataclass

from lps_ros.contract import message_types
from lps_ros.contract.columns import POSE_COLUMNS
from lps_ros.contract.poses import encode_pose
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Observation
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a robot stands: `columns` of an observation's row, in the order of the action."""

    observation: str
    columns: tuple[int, ...]
    is_pose: bool = False

    def of(self, row: np.ndarray) -> np.ndarray:
        """Return what an action would command to stay there (width,), from the row."""
        values = row[list(self.columns)]
        return encode_pose(values[None], 'sixd')[0] if self.is_pose else values


def observed_place(contract: Contract, action: Action) -> Place | None:
    """
    Return where the positions that an action commands are observed, None where nothing tells.

    Its `start` says so, or what it is `relative_to`; else, for positions of joints, the only
    required observation that has all of them.
    """
    start = action.limits.start
    if start is not None and action.type == message_types.POSE:
        return Place(observation=start.observation, columns=tuple(range(len(POSE_COLUMNS))),
                     is_pose=True)
    if start is not None:
        return _place(contract.observation(start.observation), start.names)
    if action.relative_to is not None:
        return _place(contract.observation(action.relative_to), action.names)
    if not _moves_joints(action):
        return None
    found = [observed for observed in contract.observations
             if observed.required and 'position' in observed.fields
             and set(action.names) <= set(observed.names)]
    return _place(found[0], action.names) if len(found) == 1 else None


def _place(observed: Observation, names: tuple[str, ...]) -> Place:
    # A row has one field of all names after the other; plain numbers are one field.
    offset = (observed.fields.index('position') if observed.fields else 0) * len(observed.names)
    return Place(observation=observed.key,
                 columns=tuple(offset + observed.names.index(name) for name in names))


def _moves_joints(action: Action) -> bool:
    return action.type == message_types.TRAJECTORY or (
        action.type == message_types.JOINT_STATE and action.fields == ('position',))
