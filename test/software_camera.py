"""A RealSense camera made by the SDK itself: a software device whose frames a test sends."""

from lps_ros.cameras.realsense_sdk import load_sdk
import numpy as np

WIDTH, HEIGHT, RATE_HZ = 64, 48, 30
FORMAT = f'{WIDTH}x{HEIGHT}x{RATE_HZ}'
FX, FY, CX, CY = 60.0, 61.0, 31.0, 25.0
DISTORTION = [0.1, -0.05, 0.002, -0.003, 0.01]
DEPTH_UNIT_M = 0.001


class SoftwareCamera:
    """Has a colour stream and, where asked for, a depth stream, both 64x48 at 30 Hz."""

    def __init__(self, *, serial_no='0123', name='Software D435', depth=False,
                 domain='global_time'):
        self.rs = load_sdk()
        self._domain = getattr(self.rs.timestamp_domain, domain)
        self.device = self.rs.software_device()
        self.device.register_info(self.rs.camera_info.serial_number, serial_no)
        self.device.register_info(self.rs.camera_info.name, name)
        self._color, self._color_profile = self._add(
            'RGB Camera', self.rs.stream.color, self.rs.format.rgb8, 3)
        if depth:
            self._depth, self._depth_profile = self._add(
                'Stereo Module', self.rs.stream.depth, self.rs.format.z16, 2)
            self._depth.add_read_only_option(self.rs.option.depth_units, DEPTH_UNIT_M)
            same_place = self.rs.extrinsics()
            same_place.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
            same_place.translation = [0, 0, 0]
            self._depth_profile.register_extrinsics_to(self._color_profile, same_place)
            self.device.create_matcher(self.rs.matchers.default)

    def send_color(self, pixels, number, time_ms):
        """Deliver an image (48, 64, 3) uint8 as the frame of a number and time."""
        self._send(self._color, self._color_profile, pixels, number, time_ms)

    def send_depth(self, depth, number, time_ms):
        """Deliver a depth image (48, 64) uint16 in units of 1 mm."""
        self._send(self._depth, self._depth_profile, depth, number, time_ms)

    def _add(self, sensor_name, kind, pixels, pixel_bytes):
        stream = self.rs.video_stream()
        stream.type, stream.fmt, stream.bpp = kind, pixels, pixel_bytes
        stream.index, stream.uid = 0, pixel_bytes
        stream.width, stream.height, stream.fps = WIDTH, HEIGHT, RATE_HZ
        stream.intrinsics = intrinsics(
            'brown_conrady' if kind == self.rs.stream.color else 'none')
        sensor = self.device.add_sensor(sensor_name)
        return sensor, sensor.add_video_stream(stream).as_video_stream_profile()

    def _send(self, sensor, profile, pixels, number, time_ms):
        frame = self.rs.software_video_frame()
        frame.pixels = np.ascontiguousarray(pixels)
        frame.bpp = pixels[0, 0].nbytes
        frame.stride = pixels[0].nbytes
        frame.timestamp, frame.domain = time_ms, self._domain
        frame.frame_number, frame.profile = number, profile
        if frame.bpp == 2:
            frame.depth_units = DEPTH_UNIT_M
        sensor.on_video_frame(frame)


def intrinsics(model, coefficients=DISTORTION):
    """Return intrinsics of the SDK with a distortion model of the SDK's name."""
    rs = load_sdk()
    result = rs.intrinsics()
    result.width, result.height = WIDTH, HEIGHT
    result.fx, result.fy, result.ppx, result.ppy = FX, FY, CX, CY
    result.model, result.coeffs = getattr(rs.distortion, model), list(coefficients)
    return result


def random_image(seed):
    """Return an image (48, 64, 3) uint8 of noise."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
