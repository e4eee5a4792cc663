"""Finding the SDK, its libusb and a camera."""

from ctypes import CDLL
import sys

from lps_ros.cameras import CameraError
from lps_ros.cameras import realsense_sdk
import pytest
from software_camera import SoftwareCamera


def test_a_missing_sdk_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyrealsense2', None)
    with pytest.raises(CameraError, match="run 'pip install pyrealsense2'"):
        realsense_sdk.load_sdk()


def test_a_missing_libusb_is_told(monkeypatch):
    real_import = realsense_sdk.import_module

    def import_module(name):
        if name == 'pyrealsense2':
            raise ImportError('libusb-1.0.so.0: cannot open shared object file')
        return real_import(name)
    monkeypatch.setattr(realsense_sdk, 'import_module', import_module)
    with pytest.raises(CameraError, match="'pip install libusb-package' or 'apt install"):
        realsense_sdk.load_sdk()


def test_without_a_system_libusb_the_bundled_one_is_loaded(monkeypatch):
    loaded = []

    def load(path):
        if path == 'libusb-1.0.so.0':
            raise OSError('not on this system')
        loaded.append(CDLL(path))
    monkeypatch.setattr(realsense_sdk, 'CDLL', load)
    realsense_sdk.load_sdk()
    assert loaded[0].libusb_init is not None


def test_no_camera_is_told():
    with pytest.raises(CameraError, match='no RealSense camera was found; plug one into'):
        realsense_sdk.select_device([], '')


def test_an_unknown_serial_number_is_told_with_those_found():
    devices = [SoftwareCamera(serial_no='11', name='D435').device,
               SoftwareCamera(serial_no='22', name='D405').device]
    with pytest.raises(CameraError, match=r'number 33; found: 11 \(D435\), 22 \(D405\)'):
        realsense_sdk.select_device(devices, '33')
    with pytest.raises(CameraError, match="several .* set 'serial_no' to one of: 11"):
        realsense_sdk.select_device(devices, '')


def test_a_camera_is_chosen_by_serial_number_or_because_it_is_the_only_one():
    first, second = (SoftwareCamera(serial_no=serial).device for serial in ('11', '22'))
    assert realsense_sdk.select_device([first, second], '22') is second
    assert realsense_sdk.select_device([first], '') is first


def test_the_sdk_lists_the_connected_cameras():
    assert isinstance(realsense_sdk.connected_devices(), list)
