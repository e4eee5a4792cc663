"""Rows of all streams into the network's observation vector."""

from collections.abc import Callable
from collections.abc import Mapping
from functools import partial

from lps_ros.contract.columns import row_columns
from lps_ros.contract.derived import derived_function
from lps_ros.contract.derived import derived_names
from lps_ros.contract.errors import MessageError
from lps_ros.contract.message_types import POSE
from lps_ros.contract.poses import encode_pose
from lps_ros.contract.poses import pose_names
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.schema import Observation
import numpy as np


class ObservationEncoder:
    """
    Encodes the vector streams of a contract, in its order, then the derived observations.

    Attributes: `keys` of the vector streams, `image_keys` of the images (not encoded here),
    `size` of the vector, `names` of its dimensions such as 'joints.position.elbow_joint'.
    """

    def __init__(self, contract: Contract) -> None:
        """Precompute which column comes from which stream."""
        vectors = [o for o in contract.observations if o.image is None]
        self.keys = tuple(o.key for o in vectors)
        self.image_keys = tuple(o.key for o in contract.observations if o.image is not None)
        self._widths = [(o.key, len(row_columns(o))) for o in vectors]
        self._parts: list[tuple[slice, Callable[[Mapping[str, np.ndarray]], np.ndarray]]] = []
        self.names: tuple[str, ...] = ()
        for observation in vectors:
            self._add(observation.key, _names(observation), _function(observation))
        for derived in contract.derived:
            self._add(derived.key, derived_names(derived), derived_function(derived, contract))
        self.size = len(self.names)

    def _add(self, key: str, names: tuple[str, ...], function: Callable) -> None:
        start = len(self.names)
        self.names += tuple(f'{key}.{name}' for name in names)
        self._parts.append((slice(start, len(self.names)), function))

    def encode(self, rows: Mapping[str, np.ndarray], *, count: int | None = None) -> np.ndarray:
        """
        Encode rows (N, width) of every key in `keys` into float32 (N, size), not normalised.

        count: N, which a contract of images alone cannot tell from rows. Raises MessageError where
        a stream is missing or has another shape than the others.
        """
        for key, width in self._widths:
            block = rows.get(key)
            if block is None:
                raise MessageError(f"observation '{key}': found no rows, expected (N, {width}); "
                                   'use a subset of the contract without it')
            if block.ndim != 2 or block.shape[1] != width or len(block) != (
                    len(block) if count is None else count):
                expected = 'N' if count is None else count
                raise MessageError(f"observation '{key}': found rows of shape {block.shape}, "
                                   f'expected ({expected}, {width}); pass one row per tick')
            count = len(block)
        encoded = np.empty((count or 0, self.size), dtype=np.float32)
        for columns, function in self._parts:
            encoded[:, columns] = function(rows)
        return encoded


def _names(observation: Observation) -> tuple[str, ...]:
    if observation.type == POSE:
        return pose_names(observation.rotation)
    return row_columns(observation)


def _function(observation: Observation) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    key = observation.key
    if observation.type == POSE:
        encode = partial(encode_pose, rotation=observation.rotation)
        return lambda rows: encode(rows[key])
    return lambda rows: rows[key]
