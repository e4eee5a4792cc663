"""
Start the trainer; it trains on request of its service, or at once with autostart:=true.

ros2 launch lps_ros train.launch.py contract:=my_arm.yaml dataset:=demos run:=runs/first
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
}
PARAMETERS = {
    'contract': (str, 'Contract file of the robot'),
    'dataset': (str, 'Folder of the episodes'),
    'run': (str, 'Folder of checkpoint and TensorBoard log'),
    'bundle': (str, 'Policy bundle to write; empty: bundle/ in the run folder'),
    'config': (str, 'YAML file of training settings; empty: the defaults'),
    'steps': (int, 'Updates; 0: as the settings say'),
    'seed': (int, 'Seed; -1: as the settings say'),
    'resume': (bool, 'Go on from the checkpoint in the run folder'),
    'command': (str, 'What the bundle notes as the command that made it'),
    'exit_when_done': (bool, 'End the process when training has ended'),
    'autostart': (bool, 'Start training at once'),
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
        package='lps_ros', executable='trainer', name='trainer',
        namespace=given['namespace'], output='screen',
        additional_env=transport_variables(LaunchConfiguration('transport').perform(context)),
        parameters=[*filter(None, [given['params_file']]), parameters])]
