"""Messages as no publisher should send them, for hypothesis: content of ROS fields, or junk."""

from array import array
import copy
from types import SimpleNamespace

import cv2
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.contract import extract
from lps_ros.contract import message_types
from lps_ros.contract import MessageError
from lps_ros.nodes.ros_messages import fill
from lps_ros.nodes.ros_messages import message_class
import numpy as np

_NUMBERS = (float('nan'), float('inf'), -float('inf'), 1e308, -1e308, 1e200, 3e38, -1e9, 5e-324,
            -0.0, 0.0, 1.0)
_OFFSETS_NS = (-10**18, -10**9, -150_000_000, -90_000_000, -60_000_000, 40_000_000, 60_000_000,
               10**9, 10**18)
_STAMPS = ((-2**31, 0), (2**31 - 1, 2**32 - 1), (0, 0), (0, 2**32 - 1))
_FRAMES = ('', 'world', '/base_link', 'base_link\n', 'x' * 1000, 'ä')
_ENCODINGS = ('rgb8', 'bgr8', 'rgba8', 'mono8', 'mono16', '16UC1', 'bayer_rggb8', 'yuv422', '',
              'RGB8')
_FORMATS = ('png', 'JPEG', '', 'rgb8; jpeg compressed bgr8', '16UC1; compressedDepth png', 'h264')
_SIZES = (0, 1, 3, 5, 6, 7, 17, 18, 19, 2**16, 2**31, 2**32 - 1)
_JUNK = (None, '', '1.0', 'x', b'\xff', [], [[1.0]], [None], {}, {'x': 1.0}, object(), 1j, True,
         float('nan'), 10**400, -1, 2**64, np.zeros((2, 2)), np.array('x'))
_PICTURE = np.arange(90, dtype=np.uint8).reshape(5, 6, 3)
_JPEG = cv2.imencode('.jpg', _PICTURE)[1].tobytes()
_PNG = cv2.imencode('.png', _PICTURE)[1].tobytes()


def fit_content(spec, stamp_ns):
    """Return the ROS fields of a message that fits an observation or action of a contract."""
    content = copy.deepcopy(_FIT[spec.type](spec))
    if spec.type not in _WITHOUT_HEADER:
        content['header'] = {'stamp': _time(stamp_ns), 'frame_id': spec.frame_id or ''}
    return content


@st.composite
def contents(draw, spec, stamp_ns):
    """Draw the ROS fields of a message with one to three faults, some of which do no harm."""
    content = fit_content(spec, stamp_ns)
    faults = _FAULTS[spec.type]
    if spec.type not in _WITHOUT_HEADER:
        faults = (*faults, _wrong_stamp, _wrong_frame)
    for _ in range(draw(st.integers(1, 3))):
        draw(st.sampled_from(faults))(draw, content, stamp_ns)
    return content


@st.composite
def junk(draw, spec, stamp_ns):
    """Draw fields of which one is missing or of a type that ROS does not have there."""
    content = draw(contents(spec, stamp_ns))
    parent, key = draw(st.sampled_from(list(_leaves(content, every=True))))
    if isinstance(parent, dict) and draw(st.booleans()):
        del parent[key]
    else:
        parent[key] = draw(st.sampled_from(_JUNK))
    return content


def unfit_messages(specs, stamp_ns, count):
    """
    Return `count` rclpy messages of one topic that are unfit for each of its streams.

    The same ones every time. They do not fit the contract, or a number is not finite.
    """
    found = []

    @settings(max_examples=8 * count, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))
    @given(spec=st.sampled_from(specs), data=st.data())
    def collect(spec, data):
        message = ros_message(spec, data.draw(contents(spec, stamp_ns)))
        if len(found) < count and not any(_is_fit(each, message) for each in specs):
            found.append(message)

    collect()
    return found


def _is_fit(spec, message):
    try:
        return bool(np.isfinite(extract(spec, message)).all())
    except MessageError:
        return False


def ros_message(spec, content):
    """Return the rclpy message with the fields of `content`."""
    if 'data' in content and isinstance(content['data'], bytes):
        content = {**content, 'data': array('B', content['data'])}
    return fill(message_class(spec.type)(), content)


def plain_message(content):
    """Return the fields as attributes."""
    if isinstance(content, dict):
        return SimpleNamespace(**{key: plain_message(value) for key, value in content.items()})
    return [plain_message(item) for item in content] if isinstance(content, list) else content


def _time(time_ns):
    return dict(zip(('sec', 'nanosec'), divmod(time_ns, 10**9)))


def _joints(spec):
    # A joint that is not asked for comes first.
    names = ['other', *spec.names]
    return {'name': names, **{field: [0.1 * i for i in range(len(names))]
                              for field in ('position', 'velocity', 'effort')}}


def _axes(values, names='xyz'):
    return dict(zip(names, values))


_ZERO = {'x': 0.0, 'y': 0.0, 'z': 0.0}
_FIT = {
    message_types.JOINT_STATE: _joints,
    message_types.IMAGE: lambda spec: {
        'height': 5, 'width': 6, 'step': 18, 'encoding': 'rgb8', 'data': _PICTURE.tobytes()},
    message_types.COMPRESSED_IMAGE: lambda spec: {'format': 'jpeg', 'data': _JPEG},
    message_types.POSE: lambda spec: {'pose': {
        'position': _axes((0.4, 0.1, 0.2)),
        'orientation': _axes((0.0, 0.6, 0.0, 0.8), 'xyzw')}},
    message_types.TWIST: lambda spec: {'twist': {'linear': dict(_ZERO), 'angular': dict(_ZERO)}},
    message_types.WRENCH: lambda spec: {'wrench': {'force': dict(_ZERO), 'torque': dict(_ZERO)}},
    message_types.FLOAT64_ARRAY: lambda spec: {'data': [0.05] * len(spec.names)},
    message_types.FLOAT32_ARRAY: lambda spec: {'data': [0.5] * len(spec.names)},
    message_types.BOOL: lambda spec: {'data': True},
    message_types.TRAJECTORY: lambda spec: {
        'joint_names': list(spec.names),
        'points': [{'positions': [0.1] * len(spec.names), 'time_from_start': _time(10**8)}]},
}
_WITHOUT_HEADER = (message_types.FLOAT64_ARRAY, message_types.FLOAT32_ARRAY, message_types.BOOL)


def _leaves(part, every=False):
    """Give (parent, key or index) of all numbers of a tree, or of all that is in it."""
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        if every or isinstance(part[key], float):
            yield part, key
        if isinstance(part[key], dict | list) and key != 'header':
            yield from _leaves(part[key], every)


def _wrong_stamp(draw, content, stamp_ns):
    stamps = [_time(stamp_ns + offset_ns) for offset_ns in _OFFSETS_NS
              if -2**31 <= (stamp_ns + offset_ns) // 10**9 < 2**31]
    stamps += [{'sec': sec, 'nanosec': nanosec} for sec, nanosec in _STAMPS]
    content['header']['stamp'] = draw(st.sampled_from(stamps))


def _wrong_frame(draw, content, stamp_ns):
    content['header']['frame_id'] = draw(st.sampled_from(_FRAMES))


def _wrong_number(draw, content, stamp_ns):
    if leaves := list(_leaves(content)):
        parent, key = draw(st.sampled_from(leaves))
        parent[key] = draw(st.sampled_from(_NUMBERS))


def _wrong_quaternion(draw, content, stamp_ns):
    size = draw(st.sampled_from((0.0, 1e-200, 1e-7, 0.5, 1.01, 30.0, 1e7, 1e154, 1e200)))
    part = content['pose']['orientation']
    part.update({axis: size * value for axis, value in part.items()})


def _wrong_length(draw, content, stamp_ns):
    field, values = draw(st.sampled_from([
        entry for part in (content, *content.get('points', ())) for entry in part.items()
        if isinstance(entry[1], list) and entry[0] != 'points']))
    change = draw(st.sampled_from((0, 1, 2, 3)))
    if change == 0:
        values.clear()
    elif change == 1 and values:
        values.pop(draw(st.integers(0, len(values) - 1)))
    else:
        filler = values[0] if values else '' if 'name' in field else 0.0
        values.extend([filler] * (1 if change == 2 else 3000))


def _wrong_names(draw, content, stamp_ns):
    names = content['name' if 'name' in content else 'joint_names']
    if not names:
        return
    change, place = draw(st.integers(0, 3)), draw(st.integers(0, len(names) - 1))
    if change == 0:
        names[:] = draw(st.permutations(names)) if len(names) < 10 else names[::-1]
    elif change == 1:
        names[place] = draw(st.sampled_from(('', 'x', 'a\nb', 'x' * 3000)))
    elif change == 2:
        names[place] = names[0]
    else:
        names.insert(place, names[-1])
        for field in ('position', 'velocity', 'effort'):
            if field in content:
                content[field].insert(place, 7.0)


def _wrong_points(draw, content, stamp_ns):
    content['points'] = draw(st.sampled_from(([], content['points'] * 2, [{}])))


def _wrong_size(draw, content, stamp_ns):
    content[draw(st.sampled_from(('height', 'width', 'step')))] = draw(st.sampled_from(_SIZES))


def _wrong_encoding(draw, content, stamp_ns):
    if 'encoding' in content:
        content['encoding'] = draw(st.sampled_from(_ENCODINGS))
    else:
        content['format'] = draw(st.sampled_from(_FORMATS))


def _wrong_data(draw, content, stamp_ns):
    data = draw(st.sampled_from((content['data'], _PNG)))
    place = draw(st.integers(0, len(data)))
    content['data'] = draw(st.sampled_from((
        b'', data[:place], data[place:], data[:place] + b'\xff' + data[place + 1:], data * 2,
        draw(st.binary(max_size=40)))))


def _wrong_bool(draw, content, stamp_ns):
    content['data'] = draw(st.booleans())


_FAULTS = {
    message_types.JOINT_STATE: (_wrong_number, _wrong_length, _wrong_names),
    message_types.IMAGE: (_wrong_size, _wrong_encoding, _wrong_data),
    message_types.COMPRESSED_IMAGE: (_wrong_encoding, _wrong_data, _wrong_data),
    message_types.POSE: (_wrong_number, _wrong_quaternion),
    message_types.TWIST: (_wrong_number,),
    message_types.WRENCH: (_wrong_number,),
    message_types.FLOAT64_ARRAY: (_wrong_number, _wrong_length),
    message_types.FLOAT32_ARRAY: (_wrong_length,),
    message_types.BOOL: (_wrong_bool,),
    message_types.TRAJECTORY: (_wrong_number, _wrong_length, _wrong_names, _wrong_points),
}
