"""A pose in the frame of the robot's base."""

from dataclasses import dataclass
import math

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Pose:
    """`position` (3,) in m, `quaternion` (4,) as x y z w."""

    position: np.ndarray
    quaternion: np.ndarray

    @property
    def yaw_rad(self) -> float:
        """Return the rotation about the vertical axis, in (-pi, pi]."""
        x, y, z, w = self.quaternion
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
