"""The package as it is built, installed and started."""

import ast
from configparser import ConfigParser
import re
import signal
import sys
import time
from xml.etree import ElementTree

from installed_package import build
from installed_package import ROOT
from installed_package import start_installed
import lps_ros
from lps_ros.nodes.qos import LATCHED
import pytest
import rclpy
from std_msgs.msg import String

SCRIPTS = {'lps', 'operator', 'policy', 'realsense', 'recorder', 'simulated_robot', 'trainer'}
WAIT_S = 30.0


def manifest():
    """Return package.xml."""
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def test_the_version_is_the_same_everywhere():
    version = lps_ros.__version__
    assert manifest().findtext('version') == version
    assert f"version='{version}'" in (ROOT / 'setup.py').read_text()
    titles = re.findall(r'^(Forthcoming|\d+\.\d+\.\d+.*)\n-+$',
                        (ROOT / 'CHANGELOG.rst').read_text(), re.MULTILINE)
    assert titles[0] == 'Forthcoming' or titles[0].startswith(version)


def test_the_manifest_names_every_ros_package_that_is_imported():
    names = {element.text for element in manifest().findall('exec_depend')}
    imported = set()
    for path in (*ROOT.glob('lps_ros/**/*.py'), *ROOT.glob('launch/*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module.split('.')[0])
    known = re.compile(r'(?!mujoco).*_(msgs|srvs|interfaces)|rclpy|launch(_ros)?')
    assert {name for name in imported if known.fullmatch(name)} - names == set()


def test_the_constraints_pin_versions_and_name_no_host_or_path():
    lines = (ROOT / 'constraints.txt').read_text().splitlines()
    pins = [line for line in lines if not line.startswith('#')]
    assert len(pins) > 100
    pin = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; python_version [<>=]+ '3\.1[0-2]')?")
    assert [line for line in pins if not pin.fullmatch(line)] == []
    assert 'torch==2.13.0' in pins


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Return the install folder of a colcon build."""
    return build(tmp_path_factory.mktemp('colcon'))


def test_colcon_installs_what_ros_looks_for(installed):
    share = installed / 'lps_ros' / 'share'
    assert (share / 'ament_index/resource_index/packages/lps_ros').is_file()
    for folder in ('launch', 'config', 'models'):
        files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob('*')
                 if path.is_file() and '__pycache__' not in path.parts}
        assert {path for path in files if not (share / 'lps_ros' / path).is_file()} == set()
    assert (share / 'lps_ros' / 'package.xml').read_text() == (ROOT / 'package.xml').read_text()


def test_the_installed_package_finds_its_transport_profile(installed):
    process = start_installed(
        installed, f'{sys.executable} -c "from lps_ros.fast_dds import image_profile; '
                   'print(image_profile())"')
    output, _ = process.communicate(timeout=60)
    assert output.strip() == str(installed / 'lps_ros/share/lps_ros/config/fast_dds_images.xml')


def test_installed_scripts_take_the_interpreter_of_the_active_environment(installed):
    scripts = {path.name: path.read_text().splitlines()[0]
               for path in (installed / 'lps_ros/lib/lps_ros').iterdir()}
    assert scripts == dict.fromkeys(SCRIPTS, '#!/usr/bin/env python3')


def test_every_script_has_its_function(installed):
    parser = ConfigParser()
    parser.read(next(installed.rglob('entry_points.txt')))
    for target in parser['console_scripts'].values():
        module, function = target.split(':')
        tree = ast.parse((ROOT / f'{module.replace(".", "/")}.py').read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_installed_command_reads_the_installed_contract(installed):
    process = start_installed(
        installed, 'lps_ros/lib/lps_ros/lps contract check '
                   'lps_ros/share/lps_ros/config/ur5e_cube.yaml')
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert 'ur5e_cube' in output


def test_an_installed_node_starts_and_ends_with_status_0(installed, ros_domain, tmp_path):
    rclpy.init(domain_id=ros_domain)
    listener = rclpy.create_node('listener')
    statuses = []
    listener.create_subscription(String, 'recorder/status', statuses.append, LATCHED)
    process = start_installed(
        installed, f'lps_ros/lib/lps_ros/recorder --ros-args -p dataset:={tmp_path} '
                   '-p contract:=lps_ros/share/lps_ros/config/ur5e_cube.yaml')
    try:
        end_s = time.monotonic() + WAIT_S
        while not statuses and process.poll() is None and time.monotonic() < end_s:
            rclpy.spin_once(listener, timeout_sec=0.1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=WAIT_S)
    finally:
        process.kill()
        listener.destroy_node()
        rclpy.try_shutdown()
    assert statuses, output
    assert process.returncode == 0
    assert 'Traceback' not in output
