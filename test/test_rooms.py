"""The table of rooms: who may import whom, and what. Read from the sources, not by importing."""

import ast
from pathlib import Path
import subprocess
import sys

import lps_ros
import pytest

PACKAGE = Path(lps_ros.__file__).parent
MODULES = sorted(PACKAGE.rglob('*.py'))
LONGEST_MODULE = 400
LONGEST_MEDIAN = 150

# Room: the rooms that it may import.
ROOMS = {
    'contract': set(),
    'data': {'contract'},
    'learning': {'contract', 'data'},
    'control': {'contract'},
    'evaluation': {'contract', 'data', 'learning', 'control'},
    'sim': {'contract'},
    'cameras': set(),
    'nodes': {'contract', 'data', 'learning', 'control', 'evaluation', 'sim', 'cameras'},
    'cli': {'contract', 'data', 'learning', 'control', 'evaluation', 'sim', 'cameras', 'nodes'},
}
# Room: the packages that it may import beside the standard library and those of its rooms.
PACKAGES = {
    'contract': {'numpy', 'yaml', 'cv2'},
    'data': {'h5py', 'mcap', 'rosbags', 'tqdm', 'zstandard'},
    'learning': {'torch', 'safetensors', 'tqdm'},
    'control': {'numpy'},
    'evaluation': {'matplotlib', 'tqdm'},
    'sim': {'ogbench', 'mujoco', 'gymnasium'},
    'cameras': {'numpy', 'cv2', 'pyrealsense2', 'libusb_package'},
    'nodes': set(),
    'cli': {'tqdm'},
}
ROS = {
    'rclpy', 'builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs',
    'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs', 'sensor_msgs_py', 'std_msgs', 'std_srvs',
    'trajectory_msgs'}


def name_of(path):
    """Return a module's dotted name."""
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def room_of(module):
    """Return the room of a module of the package; None for one at the top."""
    parts = module.split('.')
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def imports(path):
    """Yield (imported module, whether at the top of the module) for each import in a file."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    deferred = {
        id(inner) for node in ast.walk(tree) if isinstance(node, DEFERRED) or _for_types(node)
        for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import in line {node.lineno}'
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        elif _is_import_module(node):
            names = [node.args[0].value]
        else:
            continue
        for name in names:
            yield name, id(node) not in deferred


DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _for_types(node):
    return isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test)


def _is_import_module(node):
    return (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
            and getattr(node.func, 'id', getattr(node.func, 'attr', '')) == 'import_module')


def packages_of(room):
    """Return the packages that a room may import: its own and those of its rooms."""
    return PACKAGES[room].union(*(PACKAGES[other] for other in ROOMS[room]))


def violations(path):
    """Return one line for each import in a file that the table does not allow."""
    module, room = name_of(path), room_of(name_of(path))
    lines = []
    for name, at_top in imports(path):
        package = name.split('.')[0]
        other = room_of(name)
        if package == 'lps_ros':
            wrong = other not in (None, room) and other not in ROOMS.get(room, set())
        elif package in ROS:
            wrong = room != 'nodes'
        elif package == 'torch':
            wrong = room != 'learning' and (at_top or 'learning' not in ROOMS.get(room, set()))
        else:
            wrong = (package not in sys.stdlib_module_names
                     and package not in (packages_of(room) if room else set()))
        if wrong:
            lines.append(f'{module} may not import {name}'
                         + (' at the top of the module' if at_top else ''))
    return lines


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_a_module_imports_only_what_its_room_may(path):
    assert violations(path) == []


def test_the_table_of_rooms_is_the_tree():
    folders = {path.name for path in PACKAGE.iterdir() if (path / '__init__.py').is_file()}
    assert folders == set(ROOMS)


def test_arrows_point_one_way():
    finished = set()
    while len(finished) < len(ROOMS):
        ready = {room for room, others in ROOMS.items() if others <= finished} - finished
        assert ready, f'a circle among {set(ROOMS) - finished}'
        finished |= ready


@pytest.mark.parametrize('room, text, expected', [
    ('control', 'import rclpy', 'rclpy'),
    ('cli', 'from std_msgs.msg import String', 'std_msgs.msg.String'),
    ('contract', 'from lps_ros.data import dataset', 'lps_ros.data.dataset'),
    ('contract', 'from lps_ros import data', 'lps_ros.data'),
    ('evaluation', 'import torch', 'torch at the top of the module'),
    ('control', 'def f():\n    import torch', 'torch'),
    ('data', 'from importlib import import_module\nx = import_module("rclpy")', 'rclpy'),
    ('sim', 'import requests', 'requests'),
])
def test_a_forbidden_import_is_found(tmp_path, monkeypatch, room, text, expected):
    path = tmp_path / 'lps_ros' / room / 'example.py'
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.setitem(globals(), 'PACKAGE', tmp_path / 'lps_ros')
    assert any(expected in line for line in violations(path))


def test_no_module_is_too_long():
    lengths = {name_of(path): len(path.read_text(encoding='utf-8').splitlines())
               for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= LONGEST_MEDIAN


@pytest.mark.parametrize('module', [
    'lps_ros', 'lps_ros.contract', 'lps_ros.data', 'lps_ros.control', 'lps_ros.cameras',
    'lps_ros.evaluation', 'lps_ros.cli.main'])
def test_a_part_that_needs_neither_ros_nor_torch_imports_without_them(module):
    block = ('import sys; sys.modules.update(dict.fromkeys(("torch", "rclpy", "ogbench", '
             '"mujoco", "pyrealsense2"))); ')
    subprocess.run([sys.executable, '-c', f'{block}import {module}'], check=True, timeout=60)
