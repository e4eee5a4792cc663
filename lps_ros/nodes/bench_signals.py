"""Numbers that travel from an observation to the command that was planned from it."""

from typing import Any

import numpy as np

# Counted modulo these, so that a joint position and a shade of grey can carry them.
JOINT_NUMBERS = 1000
FRAME_NUMBERS = 16
# Side of a picture's patch whose shade is the number of the frame; resizing leaves it readable.
PATCH_PIXELS = 96
_SHADE = 256 // FRAME_NUMBERS
# Columns of the vector: the first joints' positions are numbers, not angles.
_JOINT_COLUMN, _TICK_COLUMN = 0, 1


def joint_positions(number: int, tick: int) -> list[float]:
    """Return six joint positions of the `number`-th message, at control tick `tick`."""
    return [float(number % JOINT_NUMBERS), float(tick % JOINT_NUMBERS), 0.1, 0.2, 0.3, 0.4]


def frame_shade(number: int) -> int:
    """Return the shade of grey that stands for a frame's number."""
    return number % FRAME_NUMBERS * _SHADE + _SHADE // 2


def read_command(twist: Any) -> tuple[int, int, int] | None:
    """Return tick, number of the joint message and of the frame from a Twist; None of a stop."""
    linear = twist.linear
    if not twist.angular.z:
        return None
    return (_number(linear.x, JOINT_NUMBERS), _number(linear.y, JOINT_NUMBERS),
            _number(linear.z, FRAME_NUMBERS))


def load_signalling(path: str) -> Any:
    """Return a bundle whose plans say what they were made from, see `read_command`."""
    # Only the process that plans needs torch.
    from lps_ros.learning.bundle import load_bundle

    bundle = load_bundle(path)
    plan = bundle.policy.plan

    def signalling(observation: np.ndarray, images: Any = (), **how: Any) -> Any:
        planned = plan(observation, images, **how)
        horizon = len(planned.actions)
        ticks = observation[_TICK_COLUMN] + np.arange(horizon)
        frame = int(images[0][2, 2, 0]) // _SHADE if images else 0
        for column, numbers, count in (
                (0, ticks, JOINT_NUMBERS), (1, observation[_JOINT_COLUMN], JOINT_NUMBERS),
                (2, frame, FRAME_NUMBERS)):
            planned.actions[:, column] = numbers % count * 2 / count - 1
        planned.actions[:, 3] = 1.0  # no stop
        return planned

    bundle.policy.plan = signalling
    return bundle


def _number(value: float, count: int) -> int:
    return round((value + 1) * count / 2) % count
