"""
Start the policy node and configure it; it moves the robot once it is activated and armed.

ros2 launch lps_ros policy.launch.py bundle:=models/ur5e_cube contract:=my_arm.yaml
ros2 lifecycle set /policy activate
ros2 service call /policy/arm std_srvs/srv/Trigger
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument
from launch.actions import EmitEvent
from launch.actions import OpaqueFunction
from launch.actions import RegisterEventHandler
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from lifecycle_msgs.msg import Transition
from lps_ros.fast_dds import transport_variables
from lps_ros.fast_dds import TRANSPORTS

ARGUMENTS = {
    'namespace': 'Namespace of the node and its topics',
    'params_file': "YAML file of node parameters, keyed '/**:'; arguments go before it",
    'remap': 'Topics under other names, from:=to, separated by spaces',
}
PARAMETERS = {
    'bundle': (str, 'Folder of the policy bundle'),
    'contract': (str, "Contract file of this robot; its topics, ages and limits replace the "
                      "bundle's"),
    'mode': (str, 'steered (latents from the latent actor), prior (drawn at random) or default '
                  '(as the bundle says)'),
    'candidates': (int, 'Latents per plan, the best by Q is taken; 0: as the bundle says'),
    'strength': (float, 'How far steered chunks leave the prior, 0 to 1; below 0: as the bundle '
                        'says'),
    'replan_every': (int, 'Ticks after which a new chunk is planned; 0: as the bundle says'),
    'join': (str, 'How a new chunk takes over: replace, ensemble, latent or default (as the '
                  'bundle says)'),
    'join_steps': (int, 'Gradient steps of join latent; 0: choose among several candidates only; '
                        'below 0: as the bundle says'),
    'join_weight': (float, 'Agreement against value of join latent; below 0: as the bundle says'),
    'seed': (int, 'Seed of the latents'),
    'asynchronous': (bool, 'Whether the robot goes on while a chunk is planned'),
    'ramp_s': (float, 'A motion is led in over so long, in s'),
    'patience_s': (float, 'A stop that lasts longer disarms, in s'),
    'max_unfamiliarity': (float, 'Unfamiliarity beyond which the policy does not act; 0: any'),
    'max_disagreement': (float, 'Of the critics, beyond which the policy does not act; 0: any'),
    'arm_on_activate': (bool, 'Whether activating arms; else the service ~/arm does'),
    'shadow': (bool, 'Publish on shadow/<topic> only and compare with the operator'),
    'e_stop_topic': (str, 'std_msgs/Bool, true: stop and disarm'),
    'dead_man_topic': (str, 'sensor_msgs/Joy with a button that must be held'),
    'dead_man_button': (int, 'Index of that button'),
    'dead_man_s': (float, 'The button counts as released without a message for so long, in s'),
    'teleop_s': (float, 'Teleoperation ends without a command for so long, in s'),
    'report_dir': (str, 'Folder for a report of each run, JSON and HTML'),
    'lock_step': (bool, 'Whether a simulator waits for the command of a tick; needs use_sim_time'),
    'lock_step_wait_s': (float, 'Longest wait of a tick in lock-step, in s'),
    'realtime_priority': (int, 'Of the SCHED_RR class; 0: an ordinary process'),
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
        DeclareLaunchArgument(
            'autostart', default_value='false', choices=['true', 'false'],
            description='Activate once configured'),
        OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    """Return the node with the parameters that were given, and its transitions."""
    given = {name: LaunchConfiguration(name).perform(context)
             for name in (*ARGUMENTS, *PARAMETERS)}
    parameters = {name: ParameterValue(LaunchConfiguration(name), value_type=kind)
                  for name, (kind, _) in PARAMETERS.items() if given[name]}
    policy = LifecycleNode(
        package='lps_ros', executable='policy', name='policy',
        namespace=given['namespace'], output='screen',
        additional_env=transport_variables(LaunchConfiguration('transport').perform(context)),
        parameters=[*filter(None, [given['params_file']]), parameters],
        remappings=[tuple(pair.split(':=', 1)) for pair in given['remap'].split()])
    actions = [policy, transition(policy, Transition.TRANSITION_CONFIGURE)]
    if LaunchConfiguration('autostart').perform(context) == 'true':
        # Registered first: the transition may be over before a later handler listens.
        actions.insert(0, RegisterEventHandler(OnStateTransition(
            target_lifecycle_node=policy, start_state='configuring', goal_state='inactive',
            entities=[transition(policy, Transition.TRANSITION_ACTIVATE)])))
    return actions


def transition(node: LifecycleNode, transition_id: int) -> EmitEvent:
    """Return the action that asks a lifecycle node for a transition."""
    return EmitEvent(event=ChangeState(
        lifecycle_node_matcher=matches_action(node), transition_id=transition_id))
