"""A RealSense camera as a frame source: colour and, on request, a coloured point cloud."""

from collections.abc import Callable
import math
import time
from typing import Any

from lps_ros.cameras.frame import CameraError
from lps_ros.cameras.frame import Frame
from lps_ros.cameras.frame import Intrinsics
from lps_ros.cameras.frame import PointCloud
from lps_ros.cameras.frame import StreamFormat
from lps_ros.cameras.frame_clock import FrameClock
from lps_ros.cameras.realsense_sdk import load_sdk
import numpy as np

# Two frames: one being read, one that has just come. An older one is dropped, not queued.
_QUEUE_SIZE = 2


class RealSense:
    """
    Colour frames of one RealSense camera, with the time at which each was taken.

    Frame times in the SDK's system or global time are times of the computer's clock. Times of
    the camera's own clock are mapped to `now_ns`; the first frames then serve that and are not
    delivered. The SDK's sensors are used directly, without its pipeline, so that a software
    device of the SDK works as a real one does.

    :param device: a device of the SDK
    :param color: size and rate of the colour stream
    :param depth: size and rate of the depth stream; given, frames carry a point cloud
    :raises CameraError: for a stream that the camera does not offer
    """

    def __init__(
            self, device: Any, *, color: StreamFormat, depth: StreamFormat | None = None,
            now_ns: Callable[[], int] = time.time_ns) -> None:
        self._rs = load_sdk()
        self._device = device
        rs = self._rs
        self.name = device.get_info(rs.camera_info.name)
        self.serial_no = device.get_info(rs.camera_info.serial_number)
        wanted = [(rs.stream.color, rs.format.rgb8, color)]
        if depth is not None:
            wanted.append((rs.stream.depth, rs.format.z16, depth))
        self._has_depth = depth is not None
        self._sensors: list[tuple[Any, list[Any]]] = []
        profiles = [self._add_profile(*stream) for stream in wanted]
        self.intrinsics = ros_intrinsics(profiles[0].as_video_stream_profile().intrinsics)
        self._clock = FrameClock(now_ns)
        self._queue: Any = None
        self._started: list[Any] = []
        self._last: tuple[int, float] | None = None

    def start(self) -> None:
        """Begin to stream."""
        rs = self._rs
        if self._has_depth:
            self._queue = rs.syncer(_QUEUE_SIZE)
            self._align = rs.align(rs.stream.color)
            self._pointcloud = rs.pointcloud()
        else:
            self._queue = rs.frame_queue(_QUEUE_SIZE)
        try:
            for sensor, profiles in self._sensors:
                if sensor.supports(rs.option.global_time_enabled):
                    sensor.set_option(rs.option.global_time_enabled, 1.0)
                sensor.open(profiles)
                self._started.append(sensor)
                sensor.start(self._queue)
        except RuntimeError as error:
            self.stop()
            raise CameraError(f'{self.name} cannot be opened: {error}; is another program '
                              'using it?') from error

    def read(self, timeout_s: float) -> Frame | None:
        """
        Return the next new frame, or None if none came in time.

        :raises CameraError: where the SDK reports that the camera failed
        """
        try:
            return self._read(math.ceil(timeout_s * 1000))
        except RuntimeError as error:
            raise CameraError(f'{self.name} failed: {error}') from error

    def stop(self) -> None:
        """Release the camera."""
        for sensor in self._started:
            try:
                sensor.stop()
                sensor.close()
            except RuntimeError:
                # Unplugged, or opened and never started: there is nothing left to release.
                continue
        self._started.clear()

    def _add_profile(self, stream: Any, pixels: Any, wanted: StreamFormat) -> Any:
        """Return the profile of a stream, noted with the sensor that offers it."""
        offered = set()
        for sensor in self._device.query_sensors():
            for profile in sensor.get_stream_profiles():
                if profile.stream_type() != stream or profile.format() != pixels:
                    continue
                video = profile.as_video_stream_profile()
                found = StreamFormat(
                    width=video.width(), height=video.height(), rate_hz=profile.fps())
                if found == wanted:
                    self._note(sensor, profile)
                    return profile
                offered.add((found.width, found.height, found.rate_hz, str(found)))
        choice = ', '.join(text for *_, text in sorted(offered)) or 'no such stream'
        raise CameraError(
            f'{self.name} has no {stream.name} stream {wanted}; it offers: {choice}')

    def _note(self, sensor: Any, profile: Any) -> None:
        info = self._rs.camera_info.name
        for known, profiles in self._sensors:
            # One sensor that gives both streams has to be opened once, with both.
            if known.get_info(info) == sensor.get_info(info):
                profiles.append(profile)
                return
        self._sensors.append((sensor, [profile]))

    def _read(self, timeout_ms: int) -> Frame | None:
        if not self._has_depth:
            arrived, color = self._queue.try_wait_for_frame(timeout_ms)
            return self._frame(color.as_video_frame(), None) if arrived else None
        arrived, frames = self._queue.try_wait_for_frames(timeout_ms)
        if not arrived or not frames.get_color_frame():
            return None
        depth = frames.get_depth_frame()
        return self._frame(frames.get_color_frame(), frames if depth else None)

    def _frame(self, color: Any, frames: Any) -> Frame | None:
        identity = (color.get_frame_number(), color.get_timestamp())
        if identity == self._last:
            return None
        self._last = identity
        stamp_ns = self._stamp_ns(color)
        if stamp_ns is None:
            return None
        pixels = np.array(color.get_data())
        return Frame(color=pixels, stamp_ns=stamp_ns, number=color.get_frame_number(),
                     points=None if frames is None else self._points(frames, pixels))

    def _stamp_ns(self, frame: Any) -> int | None:
        whole_ms = math.floor(frame.get_timestamp())
        taken_ns = whole_ms * 1_000_000 + round((frame.get_timestamp() - whole_ms) * 1e6)
        if frame.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock:
            return self._clock.stamp_ns(taken_ns)
        return taken_ns

    def _points(self, frames: Any, color: np.ndarray) -> PointCloud:
        depth = self._align.process(frames).get_depth_frame()
        xyz = np.array(self._pointcloud.calculate(depth).get_vertices(dims=2))
        measured = xyz[:, 2] > 0.0
        return PointCloud(xyz=xyz[measured], rgb=color.reshape(-1, 3)[measured])


def ros_intrinsics(intrinsics: Any) -> Intrinsics:
    """
    Return intrinsics of the SDK with the distortion under its ROS name.

    The SDK projects with the coefficients of all three Brown-Conrady models in the order of
    plumb_bob; the modified and inverse ones differ from it only in second-order tangential
    terms (below 0.1 pixel).

    :raises CameraError: for a model without an equal in ROS
    """
    model = intrinsics.model.name
    coefficients = tuple(float(value) for value in intrinsics.coeffs)
    if model == 'kannala_brandt4':
        distortion_model, distortion = 'equidistant', coefficients[:4]
    elif model == 'none':
        distortion_model, distortion = 'plumb_bob', (0.0,) * 5
    elif model.endswith('brown_conrady'):
        distortion_model, distortion = 'plumb_bob', coefficients
    else:
        raise CameraError(f"distortion model '{model}' has no equal in sensor_msgs/CameraInfo; "
                          'use a stream with Brown-Conrady or Kannala-Brandt intrinsics')
    return Intrinsics(
        width=intrinsics.width, height=intrinsics.height, fx=intrinsics.fx, fy=intrinsics.fy,
        cx=intrinsics.ppx, cy=intrinsics.ppy, distortion_model=distortion_model,
        distortion=distortion)
