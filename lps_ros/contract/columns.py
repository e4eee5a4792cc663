"""Names and number of the values in a stream's row."""

from lps_ros.contract import message_types
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Observation

POSE_COLUMNS = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')


def row_columns(spec: Observation | Action) -> tuple[str, ...]:
    """Name each value of a row; empty for an image, which has no row of numbers."""
    if spec.type == message_types.JOINT_STATE:
        return tuple(f'{field}.{name}' for field in spec.fields for name in spec.names)
    if spec.type == message_types.POSE:
        return POSE_COLUMNS
    if spec.type == message_types.BOOL:
        return ('value',)
    return spec.fields or spec.names


def row_width(spec: Observation | Action) -> int:
    """Count the values in a row; for an image height * width * 3."""
    if isinstance(spec, Observation) and spec.image is not None:
        return spec.image.height * spec.image.width * 3
    return len(row_columns(spec))
