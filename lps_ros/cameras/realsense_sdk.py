"""Find the RealSense SDK and the cameras that it sees."""

from collections.abc import Iterable
from ctypes import CDLL
from importlib import import_module
from types import ModuleType
from typing import Any

from lps_ros.cameras.frame import CameraError


def load_sdk() -> ModuleType:
    """
    Return the module pyrealsense2, or raise CameraError that says what to install.

    Its wheel expects libusb-1.0 from the system. Where that is missing, the copy inside the
    package libusb-package does: it has the same soname, so it only has to be loaded first.
    """
    _load_libusb()
    try:
        return import_module('pyrealsense2')
    except ImportError as error:
        if 'libusb' in str(error):
            raise CameraError(
                'pyrealsense2 needs libusb-1.0, which was not found; run '
                "'pip install libusb-package' or 'apt install libusb-1.0-0'") from error
        raise CameraError(
            f"the RealSense SDK could not be imported ({error}); run "
            "'pip install pyrealsense2'") from error


def connected_devices() -> list[Any]:
    """Return the cameras that are connected, as SDK devices."""
    return list(load_sdk().context().query_devices())


def select_device(devices: Iterable[Any], serial_no: str) -> Any:
    """Return the device with a serial number, or the only one where that is empty."""
    info = load_sdk().camera_info
    by_serial = {device.get_info(info.serial_number): device for device in devices}
    found = ', '.join(
        f'{serial} ({device.get_info(info.name)})' for serial, device in by_serial.items())
    if not by_serial:
        raise CameraError('no RealSense camera was found; plug one into a USB 3 port and '
                          "check that 'lsusb' shows it")
    if serial_no in by_serial:
        return by_serial[serial_no]
    if serial_no:
        raise CameraError(f'no RealSense camera has serial number {serial_no}; found: {found}')
    if len(by_serial) > 1:
        raise CameraError(f"several RealSense cameras were found; set 'serial_no' to one of: "
                          f'{found}')
    return next(iter(by_serial.values()))


def _load_libusb() -> None:
    """Load libusb-1.0, which the import of the SDK then finds by its soname."""
    for find in (lambda: 'libusb-1.0.so.0', _bundled_libusb):
        try:
            CDLL(find())
            return
        except (ImportError, OSError):
            continue


def _bundled_libusb() -> str:
    return str(import_module('libusb_package').get_library_path())
