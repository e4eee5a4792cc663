"""What a camera delivers."""

from dataclasses import dataclass
import re
from typing import Protocol

from lps_ros.errors import UserError
import numpy as np


class CameraError(UserError):
    """A camera cannot be used; the message is one line for the user."""


@dataclass(frozen=True, kw_only=True)
class StreamFormat:
    """Size in pixels and rate of a stream."""

    width: int
    height: int
    rate_hz: int

    @classmethod
    def parse(cls, text: str) -> 'StreamFormat':
        """Return the format that a text such as `640x480x30` stands for."""
        match = re.fullmatch(r'\s*(\d+)\s*[x,]\s*(\d+)\s*[x,]\s*(\d+)\s*', text)
        if match is None or '0' in match.groups():
            raise CameraError(
                f"stream format '{text}' is not WIDTHxHEIGHTxRATE; write for example 640x480x30")
        width, height, rate_hz = map(int, match.groups())
        return cls(width=width, height=height, rate_hz=rate_hz)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return f'{self.width}x{self.height}x{self.rate_hz}'


@dataclass(frozen=True, kw_only=True)
class Intrinsics:
    """Pinhole model in pixels, with a distortion as sensor_msgs/CameraInfo names and orders it."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str
    distortion: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class PointCloud:
    """Points in the frame of the colour camera (z forward, x right): metres and their colour."""

    xyz: np.ndarray  # (N, 3) float32
    rgb: np.ndarray  # (N, 3) uint8


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One colour image, RGB (height, width, 3) uint8, taken at `stamp_ns` of the given clock."""

    color: np.ndarray
    stamp_ns: int
    number: int
    points: PointCloud | None = None


class FrameSource(Protocol):
    """A camera that is started, read and stopped."""

    name: str
    intrinsics: Intrinsics

    def start(self) -> None:
        """Begin to stream; raise CameraError where the camera refuses."""

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next new frame, or None if none came in time; never the same frame twice."""

    def stop(self) -> None:
        """Release the camera; does nothing on one that is not started."""
