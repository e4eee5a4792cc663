"""Frames of a camera as ROS messages."""

from array import array
from importlib import import_module

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
from lps_ros.cameras import CameraError
from lps_ros.cameras import Intrinsics
from lps_ros.cameras import PointCloud
from lps_ros.cameras.stream_monitor import StreamReport
from lps_ros.nodes.ros_messages import image_data
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import PointCloud2
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

_LEVELS = {'ok': DiagnosticStatus.OK, 'warn': DiagnosticStatus.WARN,
           'error': DiagnosticStatus.ERROR, 'stale': DiagnosticStatus.STALE}
# The layout that RViz and PCL know: the colour as the bits of a float, 0x00RRGGBB.
_POINT = np.dtype({'names': ['x', 'y', 'z', 'rgb'], 'formats': ['<f4'] * 4})


def stamped_header(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with a time in nanoseconds."""
    message = Header(frame_id=frame_id)
    message.stamp.sec, message.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    return message


def image(color: np.ndarray, header: Header) -> Image:
    """Return RGB pixels (height, width, 3) uint8 as an Image."""
    height, width, _ = color.shape
    message = Image(
        header=header, height=height, width=width, encoding='rgb8', is_bigendian=0,
        step=3 * width)
    message.data = image_data(np.ascontiguousarray(color).data.cast('B'))
    return message


def camera_info(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """Return the CameraInfo of an image that is neither rectified, cropped nor binned."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    return CameraInfo(
        header=header, height=intrinsics.height, width=intrinsics.width,
        distortion_model=intrinsics.distortion_model, d=array('d', intrinsics.distortion),
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0])


def need_point_cloud_package() -> None:
    """Raise CameraError where sensor_msgs_py is not installed."""
    try:
        import_module('sensor_msgs_py.point_cloud2')
    except ImportError as error:
        raise CameraError(
            "a point cloud needs the package sensor_msgs_py, which was not found; install "
            "ros-$ROS_DISTRO-sensor-msgs-py or set 'pointcloud.enable' to false") from error


def point_cloud(points: PointCloud, header: Header) -> PointCloud2:
    """Return points as an unorganised cloud with the fields x, y, z and rgb."""
    cloud = np.empty(len(points.xyz), _POINT)
    cloud['x'], cloud['y'], cloud['z'] = points.xyz.T
    red, green, blue = points.rgb.astype(np.uint32).T
    cloud['rgb'] = (red << 16 | green << 8 | blue).view(np.float32)
    fields = [PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
              for name, (_, offset) in _POINT.fields.items()]
    return import_module('sensor_msgs_py.point_cloud2').create_cloud(header, fields, cloud)


def diagnostics(
        name: str, hardware_id: str, report: StreamReport, stamp_ns: int) -> DiagnosticArray:
    """Return the state of a camera for `/diagnostics`."""
    values = [KeyValue(key=key, value=value) for key, value in report.values.items()]
    return DiagnosticArray(header=stamped_header(stamp_ns, ''), status=[DiagnosticStatus(
        level=_LEVELS[report.level], name=name, message=report.message, hardware_id=hardware_id,
        values=values)])
