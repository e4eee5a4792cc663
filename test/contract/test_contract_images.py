import struct
from types import SimpleNamespace
import zlib

import cv2
from lps_ros.contract import extract
from lps_ros.contract import fit_image
from lps_ros.contract import ImageFormat
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.contract import row_width
import numpy as np
import pytest
from ros_copies import copies
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
ALPHA = np.full((6, 8, 1), 77, np.uint8)
ENCODED = {
    'rgb8': RGB,
    'bgr8': RGB[..., ::-1],
    'rgba8': np.concatenate((RGB, ALPHA), axis=2),
    'bgra8': np.concatenate((RGB[..., ::-1], ALPHA), axis=2),
    'mono8': RGB[..., :1],
}


def png_part(kind, data):
    return (struct.pack('>I', len(data)) + kind + data
            + struct.pack('>I', zlib.crc32(kind + data)))


# Its checksums are right, but it is larger than OpenCV decodes.
HUGE_PNG = (b'\x89PNG\r\n\x1a\n'
            + png_part(b'IHDR', struct.pack('>IIBBBBB', 200_000, 200_000, 8, 2, 0, 0, 0))
            + png_part(b'IDAT', zlib.compress(bytes(100))) + png_part(b'IEND', b''))


def spec(width=8, height=6, crop=None, type_name='sensor_msgs/msg/Image'):
    return Observation(key='front', topic='front', type=type_name, max_age_s=0.1,
                       image=ImageFormat(width=width, height=height, crop=crop))


def image(pixels, encoding='rgb8', padding=0):
    height, width, channels = pixels.shape
    rows = np.full((height, width * channels + padding), 255, np.uint8)
    rows[:, :width * channels] = pixels.reshape(height, -1)
    return Image(height=height, width=width, step=rows.shape[1], encoding=encoding,
                 data=rows.tobytes())


def compressed(data, kind='jpeg'):
    return CompressedImage(format=kind, data=data)


def encode(suffix, pixels=RGB):
    return cv2.imencode(suffix, pixels[..., ::-1])[1].tobytes()


def huge_jpeg():
    """Return a few hundred bytes that take half a minute and gigabytes to decode."""
    data = encode('.jpg')
    place = data.index(b'\xff\xc0') + 5
    return data[:place] + struct.pack('>HH', 30_000, 30_000) + data[place + 4:]


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', ENCODED)
def test_every_encoding_becomes_rgb(encoding, padding):
    expected = np.repeat(RGB[..., :1], 3, axis=2) if encoding == 'mono8' else RGB
    pixels = extract(spec(), image(ENCODED[encoding], encoding, padding))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize('source', ['rclpy', 'rosbags', 'mcap', 'plain'])
def test_every_source_gives_the_same_pixels(source):
    np.testing.assert_array_equal(extract(spec(), copies(image(RGB, padding=2))[source]), RGB)
    png = compressed(encode('.png'), 'png')
    of_png = spec(type_name='sensor_msgs/msg/CompressedImage')
    np.testing.assert_array_equal(extract(of_png, copies(png)[source]), RGB)


def test_padding_of_the_last_row_may_be_left_out():
    message = image(RGB, padding=5)
    message.data = message.data[:-5]
    np.testing.assert_array_equal(extract(spec(), message), RGB)


def test_pixels_are_no_view_of_the_message():
    message = image(RGB)
    pixels = extract(spec(), message)
    message.data[0] ^= 255
    np.testing.assert_array_equal(pixels, RGB)


def test_resizing_averages_areas():
    pixels = extract(spec(width=2, height=2), image(RGB))
    expected = RGB.reshape(2, 3, 2, 4, 3).astype(float).mean(axis=(1, 3))
    assert pixels.shape == (2, 2, 3)
    assert np.abs(pixels - expected).max() <= 0.5


def test_crop_comes_before_resizing():
    cropped = extract(spec(width=4, height=3, crop=(0.25, 0.5, 0.5, 0.5)), image(RGB))
    np.testing.assert_array_equal(cropped, RGB[3:, 2:6])
    halved = extract(spec(width=2, height=3, crop=(0.25, 0.5, 0.5, 0.5)), image(RGB))
    expected = RGB[3:, 2:6].reshape(3, 2, 2, 3).astype(float).mean(axis=2)
    assert np.abs(halved - expected).max() <= 0.5


def test_a_crop_smaller_than_a_pixel_keeps_one():
    pixels = fit_image(ImageFormat(width=1, height=1, crop=(0.99, 0.99, 0.01, 0.01)), RGB, 'rgb8')
    np.testing.assert_array_equal(pixels[0, 0], RGB[-1, -1])


def test_jpeg_is_read_as_rgb():
    flat = np.broadcast_to(np.array([200, 40, 90], np.uint8), (48, 64, 3))
    message = compressed(encode('.jpg', flat), 'rgb8; jpeg compressed bgr8')
    pixels = extract(spec(type_name='sensor_msgs/msg/CompressedImage'), message)
    assert pixels.shape == (6, 8, 3)
    assert np.abs(pixels.astype(int) - [200, 40, 90]).max() <= 3


def test_width_of_a_row_counts_the_bytes():
    assert row_width(spec(width=4, height=3)) == 36


@pytest.mark.parametrize(('type_name', 'message', 'expected'), [
    ('Image', image(RGB, '16UC1'), "found image encoding '16UC1', expected one of rgb8, bgr8, "
     'rgba8, bgra8, mono8; set the camera driver to one of these'),
    ('Image', Image(encoding='rgb8'), 'found an image of 0x0, expected at least one pixel; check '
     'the camera driver'),
    ('Image', Image(encoding='rgb8', height=6, width=8, step=24, data=bytes(100)), 'found 100 '
     'bytes with step 24, expected 6 rows of at least 24 bytes; check the camera driver'),
    ('Image', Image(encoding='rgb8', height=6, width=8, step=8, data=bytes(144)), 'found 144 '
     'bytes with step 8, expected 6 rows of at least 24 bytes; check the camera driver'),
    ('CompressedImage', compressed(b'', 'jpeg'), 'found 0 bytes that do not decode, expected a '
     'whole jpeg image; check the camera driver'),
    ('CompressedImage', compressed(encode('.jpg')[:60], 'jpeg'), 'found 60 bytes that do not '
     'decode, expected a whole jpeg image; check the camera driver'),
    ('CompressedImage', compressed(encode('.jpg')[:-2], 'jpeg'), f'found '
     f'{len(encode(".jpg")[:-2])} bytes that do not decode, expected a whole jpeg image; check '
     'the camera driver'),
    ('CompressedImage', compressed(encode('.png')[:-9], 'png'), f'found '
     f'{len(encode(".png")[:-9])} bytes that do not decode, expected a whole png image; check '
     'the camera driver'),
    ('CompressedImage', compressed(encode('.bmp'), 'png'), f'found '
     f'{len(encode(".bmp"))} bytes that do not decode, expected a whole png image; check '
     'the camera driver'),
    ('CompressedImage', compressed(HUGE_PNG, 'png'), 'found an image of 200000x200000, expected '
     'at most 33177600 pixels; check the camera driver'),
    ('CompressedImage', compressed(huge_jpeg(), 'jpeg'), 'found an image of 30000x30000, expected '
     'at most 33177600 pixels; check the camera driver'),
    ('CompressedImage', compressed(b'abc', 'h264'), "found image format 'h264', expected jpeg or "
     'png; set the image transport to one of these'),
    ('CompressedImage', compressed(b'abc', '16UC1; compressedDepth png'), "found image format "
     "'16UC1; compressedDepth png', expected jpeg or png; set the image transport to one of "
     'these'),
    ('Image', SimpleNamespace(height=1), "found a message without the field 'encoding', expected "
     'sensor_msgs/msg/Image; correct the type in the contract or the topic'),
])
def test_an_image_that_does_not_fit_gives_its_line(type_name, message, expected):
    with pytest.raises(MessageError) as caught:
        extract(spec(type_name=f'sensor_msgs/msg/{type_name}'), message)
    assert str(caught.value) == f"observation 'front': {expected}"
