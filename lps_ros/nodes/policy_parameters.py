"""The policy node's parameters, read once and again when one is set."""

from collections.abc import Callable
import math
from typing import Any

from lps_ros.control.authority import AuthorityLimits
from lps_ros.control.execution import Execution
from lps_ros.control.planning import Steering
from lps_ros.joining import JOINS
from lps_ros.nodes.acknowledgement import HELD_UP_S
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import StartError
from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

_ON_CONFIGURING = (
    'contract', 'shadow', 'report_dir', 'dead_man_topic', 'dead_man_button', 'dead_man_s',
    'teleop_s')
_ON_ACTIVATING = (
    'lock_step', 'lock_step_wait_s', 'asynchronous', 'ramp_s', 'patience_s', 'max_unfamiliarity',
    'max_disagreement',
    'arm_on_activate')


class PolicyParameters:
    """Declares the parameters of the policy node and makes of them what the engine takes."""

    def __init__(self, node: LifecycleNode, state: Callable[[], str]) -> None:
        """Take what tells the node's lifecycle state; raises StartError on a wrong value."""
        self._state = state
        _declare(node)
        self._values = {
            name: each.value for name, each in node.get_parameters_by_prefix('').items()}
        # rclpy asks the newest callback first, so this one before its own, which changes clocks.
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._keep)

    def __getitem__(self, name: str) -> Any:
        """Return a parameter's value."""
        return self._values[name]

    def steering(self, own: Steering) -> Steering:
        """Return how to plan, given how the bundle wants to be planned."""
        return Steering(
            mode=own.mode if self['mode'] == 'default' else self['mode'],
            candidates=self['candidates'] or own.candidates,
            strength=own.strength if self['strength'] < 0 else self['strength'],
            replan_every=self['replan_every'] or own.replan_every,
            join=own.join if self['join'] == 'default' else self['join'],
            join_steps=own.join_steps if self['join_steps'] < 0 else self['join_steps'],
            join_weight=own.join_weight if self['join_weight'] < 0 else self['join_weight'])

    def execution(self) -> Execution:
        """Return how chunks meet time."""
        return Execution(
            waits=self['lock_step'], moved_otherwise=self['shadow'],
            stops_to_think=not self['asynchronous'],
            # In lock-step nothing real moves.
            ramp_s=0.0 if self['lock_step'] else self['ramp_s'], patience_s=self['patience_s'],
            max_unfamiliarity=self['max_unfamiliarity'] or math.inf,
            max_disagreement=self['max_disagreement'] or math.inf)

    def check_clock(self) -> None:
        """Refuse to act in lock-step with a clock that waits for nobody; raises StartError."""
        if self['lock_step'] and not self['use_sim_time']:
            raise StartError(
                'lock_step needs simulated time: a tick waits for its observations, nothing is '
                'led in and the clock is not watched; set lock_step to false for a real robot, '
                'use_sim_time to true for a simulator')

    def advice(self, period_s: float) -> tuple[str, ...]:
        """Return what to consider before a real arm moves at a control period, one line each."""
        if self['teleop_s'] > period_s:
            return ()
        return (f'teleop_s: {self["teleop_s"]:g} s is no longer than the control period, '
                f'{period_s:g} s, so between two commands of a person who sends one per period '
                f'the policy commands; set it to {2 * period_s:g}',)

    def authority_limits(self) -> AuthorityLimits:
        """Return how long a person's word holds."""
        return AuthorityLimits(
            dead_man_s=self['dead_man_s'] if self['dead_man_topic'] else 0.0,
            teleop_s=self['teleop_s'])

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if (parameter.name == 'use_sim_time'
                    and parameter.value != self._values['use_sim_time']):
                return SetParametersResult(successful=False, reason=(
                    'use_sim_time is read at start, and the clock of a robot must not change; '
                    f'start the node with use_sim_time:={str(parameter.value).lower()}'))
            if parameter.name in _ON_CONFIGURING and self._state() != 'unconfigured':
                return SetParametersResult(successful=False, reason=(
                    f'{parameter.name} is read on configuring; clean the node up first'))
            if parameter.name in _ON_ACTIVATING and self._state() == 'active':
                return SetParametersResult(successful=False, reason=(
                    f'{parameter.name} is read on activating; deactivate the node first'))
        return SetParametersResult(successful=True)

    def _keep(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name in self._values:
                self._values[parameter.name] = parameter.value


def _declare(node: LifecycleNode) -> None:
    declare(node, 'bundle', '',
            'Folder of the policy bundle; read on configuring and by ~/reload.')
    declare(node, 'contract', '',
            "Contract file of this robot; its topics, ages and limits replace the bundle's.")
    declare(node, 'mode', 'default',
            "Latents from the latent actor or drawn at random; 'default': as the bundle says.",
            one_of=('default', 'steered', 'prior'))
    declare(node, 'candidates', 0,
            "Latents per plan, the best by Q is taken; 0: the bundle's own number.",
            between=(0, 1024))
    declare(node, 'strength', -1.0,
            'How far steered chunks leave the behaviour prior: 0 not at all, 1 as learnt; '
            "below 0: the bundle's own.", between=(-1.0, 1.0))
    declare(node, 'replan_every', 0,
            "Ticks after which a new chunk is planned; 0: the bundle's own number, or when "
            'the chunk is nearly used up.', between=(0, 1000))
    declare(node, 'join', 'default',
            'How a new chunk takes over from the one under way.',
            one_of=('default', *JOINS))
    declare(node, 'join_steps', -1,
            "Of join 'latent': gradient steps on the latent; 0: none, where there are several "
            'candidates to choose from; below 0: as the bundle says.',
            between=(-1, 100))
    declare(node, 'join_weight', -1.0,
            "Of join 'latent': agreement with the chunk under way against value; below 0: as "
            'the bundle says.', between=(-1.0, 1e6))
    declare(node, 'seed', 0,
            'Seed of the latents, applied on activation and on change.', between=(0, 2**31 - 1))
    declare(node, 'asynchronous', True,
            'Whether the robot goes on while a chunk is planned; else it stands.')
    declare(node, 'ramp_s', 0.5,
            'A motion is led in from where the robot is over so long, in s; not in lock-step.',
            between=(0.0, 60.0))
    declare(node, 'patience_s', 2.0,
            'A stop that lasts longer than this, in s, disarms.', between=(0.0, 3600.0))
    declare(node, 'max_unfamiliarity', 0.0,
            'Unfamiliarity of an observation beyond which the policy does not act, about 1 at '
            'the edge of the training data; 0: any.', between=(0.0, 1e6))
    declare(node, 'max_disagreement', 0.0,
            'Difference of the critics on a chunk beyond which the policy does not act, in units '
            "of value; the bundle's planning_statistics have its quantiles in training; 0: any.",
            between=(0.0, 1e9))
    declare(node, 'arm_on_activate', False,
            'Whether activating arms; else ~/arm does.')
    declare(node, 'shadow', False,
            'Commands are published on shadow/<topic> instead, and compared with the '
            "operator's.")
    declare(node, 'e_stop_topic', 'e_stop',
            'std_msgs/Bool, true: stop and disarm.', read_only=True)
    declare(node, 'dead_man_topic', '',
            'sensor_msgs/Joy with a button that must be held; empty: none.')
    declare(node, 'dead_man_button', 4,
            'Index of that button.', between=(0, 255))
    declare(node, 'dead_man_s', 0.3,
            'The button counts as released without a message for so long, in s.',
            between=(0.01, 10.0))
    declare(node, 'teleop_s', 0.3,
            'Teleoperation ends without a command, obeyed or refused, for so long, in s.',
            between=(0.01, 10.0))
    declare(node, 'report_dir', '',
            'Folder for a report of each run, JSON and HTML; empty: none.')
    declare(node, 'lock_step', False,
            'Whether a simulator waits for the command of a tick; needs use_sim_time.')
    declare(node, 'lock_step_wait_s', HELD_UP_S,
            'Longest wall time that a tick in lock-step waits for its observations, and until '
            'every reliable subscriber has the last command, in s.', between=(0.0, 60.0))
    declare(node, 'realtime_priority', 0,
            'Of the SCHED_RR class, in which ticks do not wait for other work; the network stays '
            'outside of it; 0: an ordinary process.', between=(0, 99), read_only=True)
    declare(node, 'autostart', False,
            'Configure and activate at start; exit if that fails.', read_only=True)
