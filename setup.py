"""Build of the ament_python package lps_ros."""

from pathlib import Path

from setuptools import find_packages
from setuptools import setup

PACKAGE = 'lps_ros'
NODES = ('simulated_robot', 'operator', 'recorder', 'trainer', 'policy', 'realsense')
ROS_WHEELS = 'platform_system == "Linux" and platform_machine == "x86_64"'
JAZZY = {
    'rclpy': '7.1.6', 'rmw-fastrtps-cpp': '8.4.3', 'diagnostic-msgs': '5.3.6',
    'geometry-msgs': '5.3.6', 'lifecycle-msgs': '2.0.3', 'rosgraph-msgs': '2.0.3',
    'sensor-msgs': '5.3.6', 'std-msgs': '5.3.6', 'std-srvs': '5.3.6', 'trajectory-msgs': '5.3.6'}
KILTED = {
    'rclpy': '9.1.2', 'rmw-fastrtps-cpp': '9.3.3', 'diagnostic-msgs': '5.5.1',
    'geometry-msgs': '5.5.1', 'lifecycle-msgs': '2.3.0', 'rosgraph-msgs': '2.3.0',
    'sensor-msgs': '5.5.1', 'std-msgs': '5.5.1', 'std-srvs': '5.5.1', 'trajectory-msgs': '5.5.1'}


def wheels(versions: dict[str, str]) -> list[str]:
    """Return the requirements of one ROS distribution's wheels."""
    return [f'ros-{name}=={version}; {ROS_WHEELS}' for name, version in versions.items()]


def shared_files() -> list[tuple[str, list[str]]]:
    """Return what goes under `share/`: index marker, manifest, launch, config and models."""
    files = [('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
             (f'share/{PACKAGE}', ['package.xml'])]
    for top in ('launch', 'config', 'models'):
        for folder in (Path(top), *sorted(path for path in Path(top).rglob('*') if path.is_dir())):
            members = sorted(str(path) for path in folder.glob('*') if path.is_file())
            if members and folder.name != '__pycache__':
                files.append((f'share/{PACKAGE}/{folder}', members))
    return files


setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    data_files=shared_files(),
    python_requires='>=3.10',
    install_requires=[
        'h5py>=3.7',
        'matplotlib>=3.7',
        'mcap>=1.5',
        'numpy>=1.26; python_version >= "3.11"',
        'numpy>=1.26,<2.3; python_version < "3.11"',
        'opencv-python-headless>=4.6',
        'pyyaml>=6.0',
        'rosbags>=0.11',
        'tqdm>=4.60',
        'zstandard>=0.19',
    ],
    extras_require={
        'ros': wheels(JAZZY),
        'ros-kilted': wheels(KILTED),
        'sim': [
            'mujoco>=3.1; python_version >= "3.11"',
            'mujoco>=3.1,<4; python_version < "3.11"',
            'ogbench>=1.2',
        ],
        'train': ['safetensors>=0.4', 'tensorboard>=2.14', 'torch>=2.6'],
        'realsense': ['libusb-package>=1.0.26; platform_system == "Linux"', 'pyrealsense2>=2.55'],
        'dev': ['colcon-ros>=0.5', 'hypothesis>=6.100', 'mcap-ros2-support>=0.5', 'pytest>=8',
                'pytest-timeout>=2.2', 'pytest-xdist>=3.6', 'ruff>=0.6', 'setuptools<80'],
    },
    zip_safe=True,
    maintainer='lps_ros maintainers',
    maintainer_email='maintainers@lps-ros.example',
    description='Latent Policy Steering for ROS 2: record, train, run and replay',
    license='Apache-2.0',
    entry_points={'console_scripts': [
        f'lps = {PACKAGE}.cli.main:main',
        *(f'{node} = {PACKAGE}.nodes.{node}_node:main' for node in NODES),
    ]},
)
