"""Room for camera images in Fast DDS's buffers; other middleware reads none of this."""

import os
from pathlib import Path

from lps_ros.share import share_path

# Fast DDS 2 (Humble, Jazzy) and 3 (Kilted).
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
TRANSPORTS = ('images', 'default')
_SHARED_MEMORY = Path('/dev/shm')
# A process takes 18 MB with the profile; where its own do not fit, Fast DDS finds no other node.
_LEAST_FREE_BYTES = 36_000_000


def image_profile() -> Path:
    """Return the Fast DDS profile that the package ships, wherever it is installed."""
    return share_path('config/fast_dds_images.xml')


def use_image_profile() -> str | None:
    """
    Give this process and its children the package's profile, unless the user has set one.

    A variable that is set to nothing stands for Fast DDS as it comes and is removed, as Fast DDS
    would look for a file without a name. Call before ROS is initialised.

    :returns: a line for the user where the profile is left out for want of shared memory
    """
    given = [name for name in PROFILE_VARIABLES if name in os.environ]
    for name in given:
        if not os.environ[name]:
            del os.environ[name]
    if given:
        return None
    free_bytes = _free_bytes()
    if free_bytes < _LEAST_FREE_BYTES:
        return (f'{_SHARED_MEMORY} has {free_bytes / 1e6:.0f} MB free, expected '
                f'{_LEAST_FREE_BYTES / 1e6:.0f}; Fast DDS runs as it comes and may lose images: '
                'enlarge it (docker run --shm-size=1g) or free it (fastdds shm clean)')
    os.environ.update(dict.fromkeys(PROFILE_VARIABLES, str(image_profile())))
    return None


def transport_variables(transport: str) -> dict[str, str]:
    """
    Return the environment that makes this package's nodes follow a user's choice.

    :param transport: 'images': the package's profile, unless the user has set one; 'default':
        Fast DDS as it comes
    """
    return dict.fromkeys(PROFILE_VARIABLES, '') if transport == 'default' else {}


def _free_bytes() -> float:
    try:
        status = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return float('inf')
    return status.f_bavail * status.f_frsize
