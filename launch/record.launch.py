"""
Start the recorder; its services start, save and discard an episode.

ros2 launch lps_ros record.launch.py contract:=my_arm.yaml dataset:=demos operator:=ann
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from lps_ros.fast_dds import transport_variables
from lps_ros.fast_dds import TRANSPORTS

ARGUMENTS = {
    'namespace': 'Namespace of the node and its topics',
    'params_file': "YAML file of node parameters, keyed '/**:'; arguments go before it",
    'remap': 'Topics under other names, from:=to, separated by spaces',
}
PARAMETERS = {
    'contract': (str, 'Contract file of the robot'),
    'dataset': (str, 'Folder of the episodes'),
    'leave_out': (str, 'Observation keys not to record, separated by commas'),
    'operator': (str, 'Who demonstrates'),
    'source': (str, 'Where the commands come from, teleop or policy'),
    'ticks': (str, 'Topic on which the policy node tells of its ticks'),
    'keep_bag': (bool, 'Keep the raw messages of each episode as a rosbag2'),
    'image_format': (str, 'How frames are stored: jpeg, png or raw'),
    'use_sim_time': (bool, 'Take the time from /clock'),
}


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    described = {**ARGUMENTS, **{name: text for name, (_, text) in PARAMETERS.items()}}
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value='', description=text)
          for name, text in described.items()),
        DeclareLaunchArgument(
            'transport', default_value='images', choices=list(TRANSPORTS),
            description='images: Fast DDS with room for images, unless a profile is set; '
                        'default: Fast DDS as it comes'),
        OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node]:
    """Return the node with the parameters that were given; the others keep its defaults."""
    given = {name: LaunchConfiguration(name).perform(context)
             for name in (*ARGUMENTS, *PARAMETERS)}
    parameters = {name: ParameterValue(LaunchConfiguration(name), value_type=kind)
                  for name, (kind, _) in PARAMETERS.items() if given[name]}
    return [Node(
        package='lps_ros', executable='recorder', name='recorder',
        namespace=given['namespace'], output='screen',
        additional_env=transport_variables(LaunchConfiguration('transport').perform(context)),
        parameters=[*filter(None, [given['params_file']]), parameters],
        remappings=[tuple(pair.split(':=', 1)) for pair in given['remap'].split()])]
