"""Headless pictures of the simulated robot."""

import os

from lps_ros.errors import UserError
import mujoco
import numpy as np

_INSTALL = ('for headless rendering install the Debian packages libegl1 libegl-mesa0 '
            'libgl1-mesa-dri, or libosmesa6')


class RenderingUnavailable(UserError):
    """This machine cannot render; the message says what to install."""


class CameraRenderer:
    """
    Renders one model's cameras, without shadows, reflections and multisampling.

    OGBench's arm is made of fine meshes: with all three a small picture takes 0.2 s in software.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        model.vis.quality.offsamples = 0
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> np.ndarray:
        """Return a picture (height, width, 3) uint8, RGB; raises RenderingUnavailable."""
        renderer = self._renderers.get((width, height))
        if renderer is None:
            renderer = self._renderers[width, height] = self._open(width, height)
        renderer.update_scene(data, camera)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return renderer.render()

    def intrinsics(self, camera: str, width: int, height: int) -> np.ndarray:
        """Return the pinhole matrix (3, 3); pixel centres lie at whole numbers."""
        focal = 0.5 * height / np.tan(0.5 * np.radians(self._model.camera(camera).fovy[0]))
        return np.array([
            [focal, 0.0, 0.5 * (width - 1)], [0.0, focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])

    def close(self) -> None:
        """Free the rendering contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _open(self, width: int, height: int) -> mujoco.Renderer:
        backend = os.environ.get('MUJOCO_GL', '')
        if backend == 'disabled':
            raise RenderingUnavailable(
                f'MUJOCO_GL is disabled, or neither EGL nor OSMesa was found; {_INSTALL}')
        buffer = self._model.vis.global_
        buffer.offwidth = max(buffer.offwidth, width)
        buffer.offheight = max(buffer.offheight, height)
        try:
            return mujoco.Renderer(self._model, height, width)
        # What a missing driver raises depends on the backend.
        except Exception as error:
            raise RenderingUnavailable(
                f"MuJoCo cannot render with MUJOCO_GL='{backend}' ({error}); {_INSTALL}"
            ) from error
