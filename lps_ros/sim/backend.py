"""How MuJoCo renders on this machine."""

import ctypes.util
import os
import sys

# MuJoCo's name of a headless backend and the library that it needs.
_HEADLESS = (('egl', 'EGL'), ('osmesa', 'OSMesa'))


def choose_backend() -> str:
    """
    Set MUJOCO_GL to a headless backend that is installed, unless it is set; return it.

    Without one it becomes 'disabled': the physics runs, rendering is refused.
    """
    if sys.platform == 'linux' and not os.environ.get('MUJOCO_GL'):
        os.environ['MUJOCO_GL'] = next(
            (name for name, library in _HEADLESS if ctypes.util.find_library(library)),
            'disabled')
    return os.environ.get('MUJOCO_GL', '')
