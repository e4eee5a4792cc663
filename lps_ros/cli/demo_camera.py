"""The simulated robot's camera as a contract's images need it."""

from collections.abc import Iterable

from lps_ros.contract import Contract


def image_keys(contract: Contract) -> tuple[str, ...]:
    """Return the keys of the images that a contract observes."""
    return tuple(spec.key for spec in contract.observations if spec.image is not None)


def camera_parameters(
        contract: Contract, seen: Iterable[str]) -> dict[str, bool | int | float]:
    """
    Return the parameters by which the simulated robot shows the images `seen`; {} without any.

    Its pictures are so large that the contract only crops them, and one comes every tick. Raises
    ContractError where the contract observes no such image.
    """
    for key in seen:
        width, height = contract.observation(key).image.source_size
        return {'camera': True, 'camera_width': width, 'camera_height': height,
                'camera_rate_hz': contract.rate_hz}
    return {}


def recorder_parameters(contract: Contract, seen: Iterable[str]) -> dict[str, str]:
    """Return the recorder's parameters that keep the images `seen` as they were, and no others."""
    return {'image_format': 'png',
            'leave_out': ','.join(key for key in image_keys(contract) if key not in seen)}
