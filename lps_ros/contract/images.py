"""Image messages as RGB arrays of the size that the contract declares."""

from typing import Any

import cv2
from lps_ros.contract.errors import MessageError
from lps_ros.contract.image_header import picture_size
from lps_ros.contract.schema import ImageFormat
import numpy as np

_CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}
_TO_RGB = {
    'bgr8': cv2.COLOR_BGR2RGB,
    'rgba8': cv2.COLOR_RGBA2RGB,
    'bgra8': cv2.COLOR_BGRA2RGB,
    'mono8': cv2.COLOR_GRAY2RGB,
}
_COMPRESSIONS = ('jpeg', 'jpg', 'png')
# 8K; a few hundred bytes can claim to be gigabytes of pixels.
_MOST_PIXELS = 7680 * 4320


def image_from_message(image_format: ImageFormat, msg: Any) -> np.ndarray:
    """Turn a sensor_msgs Image into uint8 (height, width, 3) RGB; raises MessageError."""
    channels = _CHANNELS.get(msg.encoding)
    if channels is None:
        raise MessageError(f"found image encoding '{msg.encoding}', expected one of "
                           f"{', '.join(_CHANNELS)}; set the camera driver to one of these")
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    if height < 1 or width < 1:
        raise MessageError(f'found an image of {width}x{height}, expected at least one pixel; '
                           'check the camera driver')
    data = _bytes(msg.data)
    if step < width * channels or len(data) < (height - 1) * step + width * channels:
        raise MessageError(f'found {len(data)} bytes with step {step}, expected {height} rows of '
                           f'at least {width * channels} bytes; check the camera driver')
    # A view: rows may be padded, so `step` is the stride and nothing is copied.
    pixels = np.ndarray((height, width, channels), np.uint8, buffer=data,
                        strides=(step, channels, 1))
    return fit_image(image_format, pixels, msg.encoding)


def image_from_compressed(image_format: ImageFormat, msg: Any) -> np.ndarray:
    """Turn a sensor_msgs CompressedImage (JPEG, PNG) into RGB as above; raises MessageError."""
    kind = msg.format.lower()
    if not any(name in kind for name in _COMPRESSIONS) or 'depth' in kind:
        raise MessageError(f"found image format '{msg.format}', expected jpeg or png; "
                           'set the image transport to one of these')
    data = _bytes(msg.data)
    size = picture_size(data.tobytes())
    if size is not None and size[0] * size[1] > _MOST_PIXELS:
        raise MessageError(f'found an image of {size[0]}x{size[1]}, expected at most '
                           f'{_MOST_PIXELS} pixels; check the camera driver')
    # Orientation tags are left alone: a camera's pixels are what the policy was trained on.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(data, flags) if size is not None else None
    except cv2.error:  # as for a header that claims more pixels than OpenCV decodes
        pixels = None
    if pixels is None:
        raise MessageError(f'found {len(data)} bytes that do not decode, expected a whole '
                           f'{msg.format} image; check the camera driver')
    return fit_image(image_format, pixels, 'bgr8')


def fit_image(image_format: ImageFormat, pixels: np.ndarray, encoding: str) -> np.ndarray:
    """
    Crop, resize by area averaging and convert to RGB.

    pixels: uint8 (h, w, channels) in `encoding`. Returns a fresh uint8 (height, width, 3).
    """
    if image_format.crop is not None:
        pixels = _crop(pixels, image_format.crop)
    size = (image_format.width, image_format.height)
    if pixels.shape[1::-1] != size:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if encoding == 'rgb8':
        return np.array(pixels, order='C')
    return cv2.cvtColor(np.ascontiguousarray(pixels), _TO_RGB[encoding])


def _crop(pixels: np.ndarray, crop: tuple[float, float, float, float]) -> np.ndarray:
    height, width = pixels.shape[:2]
    left, right = _span(crop[0], crop[2], width)
    top, bottom = _span(crop[1], crop[3], height)
    return pixels[top:bottom, left:right]


def _span(start: float, extent: float, size: int) -> tuple[int, int]:
    first = min(round(start * size), size - 1)
    return first, max(round((start + extent) * size), first + 1)


def _bytes(data: Any) -> np.ndarray:
    if isinstance(data, list):
        return np.array(data, dtype=np.uint8)
    return np.frombuffer(data, dtype=np.uint8)
