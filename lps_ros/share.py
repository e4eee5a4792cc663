"""Where the package's own contracts and bundles lie, from a checkout or installed."""

from pathlib import Path
import sys

_PACKAGE = 'lps_ros'


def share_path(relative: str) -> Path:
    """
    Return the path of a file or folder that the package ships, such as `config/ur5e_cube.yaml`.

    :raises FileNotFoundError: where neither the checkout nor the installation has it
    """
    here = Path(__file__).resolve()
    # A checkout; an install prefix (`<prefix>/lib/pythonX/site-packages`); a virtual environment.
    roots = [here.parents[1], *(parent / 'share' / _PACKAGE for parent in here.parents),
             Path(sys.prefix) / 'share' / _PACKAGE]
    for root in roots:
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(
        f'{relative} is not where {_PACKAGE} is installed; install the package with its data')
