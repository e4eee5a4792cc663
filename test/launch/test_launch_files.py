"""Launch files under the real launch system, with the package installed by colcon."""

import signal
import sys
import time

from installed_package import build
from installed_package import ROOT
from installed_package import start_installed
from lifecycle_msgs.srv import GetState
from lps_ros.contract import ActionCodec
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
import numpy as np
import pytest
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters
import rclpy

REASON = 'ROS 2 launch is on no package index; it comes with a ROS 2 installation'
pytest.importorskip('launch', reason=REASON)
pytest.importorskip('launch_ros', reason=REASON)

WAIT_S = 40.0
# What `ros2 launch lps_ros FILE ARGUMENTS` does.
LAUNCH = """
import sys
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
service = LaunchService(argv=sys.argv[2:])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    AnyLaunchDescriptionSource(f'{get_package_share_directory("lps_ros")}/launch/{sys.argv[1]}'),
    launch_arguments=[argument.split(':=', 1) for argument in sys.argv[2:]])]))
sys.exit(service.run())
"""


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Return the install folder of a colcon build."""
    return build(tmp_path_factory.mktemp('colcon'))


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """Return a policy bundle with random weights."""
    contract = load_contract(ROOT / 'config' / 'ur5e_cube.yaml').subset(
        ('joints', 'gripper', 'tool', 'cube'))
    size = ObservationEncoder(contract).size
    config = LPSConfig(decoder_widths=(16,), critic_widths=(16,), latent_actor_widths=(16,))
    return save_bundle(
        tmp_path_factory.mktemp('bundle') / 'random', contract=contract, metadata={},
        agent=LPS(config, observation_shape(contract), ActionCodec(contract).size),
        normaliser=Normaliser(mean=np.zeros(size, np.float32), std=np.ones(size, np.float32)))


class Launched:
    """A running launch file, and a node that asks the launched node."""

    def __init__(self, installed, domain_id, file, *arguments):
        script = installed / 'run_launch_file.py'
        script.write_text(LAUNCH)
        words = ' '.join(f"'{argument}'" for argument in arguments)
        self._log = installed / f'{domain_id}.log'
        with open(self._log, 'w') as log:
            self.process = start_installed(
                installed, f'{sys.executable} {script} {file} {words}', log)
        rclpy.init(domain_id=domain_id)
        self.node = rclpy.create_node('asker')

    def ask(self, kind, service, **fields):
        """Call a service once it is there."""
        client = self.node.create_client(kind, service)
        future = None
        end_s = time.monotonic() + WAIT_S
        while future is None or not future.done():
            assert time.monotonic() < end_s, f'no answer from {service}'
            assert self.process.poll() is None, self.output()
            rclpy.spin_once(self.node, timeout_sec=0.1)
            if future is None and client.service_is_ready():
                future = client.call_async(kind.Request(**fields))
        return future.result()

    def parameters(self, node, *names):
        """Return values of parameters of a node."""
        answer = self.ask(GetParameters, f'{node}/get_parameters', names=list(names))
        fields = {1: 'bool_value', 2: 'integer_value', 3: 'double_value', 4: 'string_value'}
        return [getattr(value, fields[value.type]) for value in answer.values
                if isinstance(value, ParameterValue)]

    def wait_for_state(self, node, label):
        """Wait until a lifecycle node is in a state."""
        end_s = time.monotonic() + WAIT_S
        while self.ask(GetState, f'{node}/get_state').current_state.label != label:
            assert time.monotonic() < end_s, f'{node} did not become {label}'

    def output(self):
        """Return what launch and its node have printed."""
        return self._log.read_text()

    def wait_for_output(self, text):
        """Wait until a text has been printed."""
        end_s = time.monotonic() + WAIT_S
        while text not in self.output():
            assert time.monotonic() < end_s, self.output()
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def end(self):
        """Interrupt as Ctrl-C does; launch and its node end in order."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(WAIT_S) == 0, self.output()
        assert 'process has finished cleanly' in self.output()

    def close(self):
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(WAIT_S)
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def launch_file(installed, ros_domain):
    """Return a function that runs a launch file."""
    started = []

    def start(file, *arguments):
        started.append(Launched(installed, ros_domain, file, *arguments))
        return started[-1]
    yield start
    for launched in started:
        launched.close()


def test_arguments_win_over_the_parameter_file_and_that_over_the_nodes_own(launch_file, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**:\n  ros__parameters: {operator: ben, keep_bag: true}\n')
    launched = launch_file(
        'record.launch.py', 'namespace:=left', f'params_file:={file}', 'operator:=007',
        f'contract:={ROOT}/config/ur5e_cube.yaml', f'dataset:={tmp_path}',
        'remap:=joint_states:=/arm/joint_states tool_pose:=/arm/tool_pose')
    assert launched.parameters(
        '/left/recorder', 'operator', 'keep_bag', 'source') == ['007', True, 'teleop']
    topics = {name for name, _ in launched.node.get_subscriber_names_and_types_by_node(
        'recorder', '/left')}
    assert {'/arm/joint_states', '/arm/tool_pose', '/left/cube_pose'} <= topics
    launched.end()


def test_the_simulated_robot_is_launched(launch_file):
    launched = launch_file('sim.launch.py', 'mode:=free', 'real_time_factor:=2', 'task:=3')
    assert launched.parameters(
        '/simulated_robot', 'mode', 'real_time_factor', 'task', 'camera') == [
            'free', 2.0, 3, False]
    launched.end()


def test_the_trainer_is_launched(launch_file, tmp_path):
    launched = launch_file(
        'train.launch.py', f'contract:={ROOT}/config/ur5e_cube.yaml', f'dataset:={tmp_path}',
        'steps:=10')
    assert launched.parameters('/trainer', 'steps', 'autostart') == [10, False]
    launched.end()


def test_the_policy_is_configured_and_activated_only_on_request(launch_file, bundle):
    launched = launch_file('policy.launch.py', f'bundle:={bundle}', 'candidates:=4', 'mode:=prior')
    launched.wait_for_state('/policy', 'inactive')
    assert launched.parameters('/policy', 'candidates', 'mode') == [4, 'prior']
    launched.end()


def test_the_policy_is_activated_with_autostart(launch_file, bundle):
    launched = launch_file(
        'policy.launch.py', f'bundle:={bundle}', 'autostart:=true', 'namespace:=left')
    launched.wait_for_state('/left/policy', 'active')
    launched.end()


def test_a_policy_without_its_bundle_stays_unconfigured_and_says_why(launch_file):
    launched = launch_file('policy.launch.py', 'bundle:=/nowhere', 'autostart:=true')
    launched.wait_for_output('configure failed: ')
    launched.wait_for_state('/policy', 'unconfigured')
    assert '/nowhere' in launched.output()
    launched.end()
