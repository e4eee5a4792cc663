"""
Start the simulated UR5e.

ros2 launch lps_ros sim.launch.py mode:=free real_time_factor:=1.0 camera:=true
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
    'mode': (str, 'lock_step (the clock waits for each command) or free (the wall clock)'),
    'real_time_factor': (float, 'Speed of the free-running clock'),
    'command_timeout_s': (float, 'Age at which a free-running robot drops a twist and holds'),
    'task': (int, "OGBench's task of cube-single, 1 to 5"),
    'seed': (int, 'Seed of the scene'),
    'episode_steps': (int, 'Control periods after which an episode is done, 0 for no limit'),
    'camera': (bool, 'Publish camera/front'),
    'camera_width': (int, 'Width of the picture in pixels'),
    'camera_height': (int, 'Height of the picture in pixels'),
    'camera_rate_hz': (float, 'Pictures a second when running free'),
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
        package='lps_ros', executable='simulated_robot', name='simulated_robot',
        namespace=given['namespace'], output='screen',
        additional_env=transport_variables(LaunchConfiguration('transport').perform(context)),
        parameters=[*filter(None, [given['params_file']]), parameters],
        remappings=[tuple(pair.split(':=', 1)) for pair in given['remap'].split()])]
