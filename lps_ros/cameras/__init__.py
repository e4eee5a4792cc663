"""Cameras as frame sources: colour frames with the time at which they were taken."""

from lps_ros.cameras.frame import CameraError
from lps_ros.cameras.frame import Frame
from lps_ros.cameras.frame import FrameSource
from lps_ros.cameras.frame import Intrinsics
from lps_ros.cameras.frame import PointCloud
from lps_ros.cameras.frame import StreamFormat
from lps_ros.cameras.frame_clock import FrameClock
from lps_ros.cameras.stream_monitor import StreamMonitor

__all__ = [
    'CameraError', 'Frame', 'FrameClock', 'FrameSource', 'Intrinsics', 'PointCloud',
    'StreamFormat', 'StreamMonitor']
