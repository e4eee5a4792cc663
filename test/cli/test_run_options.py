"""Every option of `lps run` reaches the node, as the parameter that is meant."""

import os

from command_options import changes
from command_options import options_of
from lps_ros.cli.main import main
from lps_ros.fast_dds import PROFILE_VARIABLES
from lps_ros.nodes import policy_node
from lps_ros.nodes.policy_parameters import PolicyParameters
import pytest
import rclpy
from rclpy.lifecycle import LifecycleNode

# Option: an argument of it if it takes any, and the parameters that change.
PARAMETERS = {
    '--bundle': ('models/other', {'bundle': 'models/other'}),
    '--contract': ('my arm.yaml', {'contract': 'my arm.yaml'}),
    '--mode': ('prior', {'mode': 'prior'}),
    '--candidates': ('7', {'candidates': 7}),
    '--strength': ('0', {'strength': 0.0}),
    '--replan-every': ('3', {'replan_every': 3}),
    '--join': ('latent', {'join': 'latent'}),
    '--seed': ('5', {'seed': 5}),
    '--arm': (None, {'arm_on_activate': True}),
    '--shadow': (None, {'shadow': True}),
    '--report-dir': ('runs/1', {'report_dir': 'runs/1'}),
    '--inactive': (None, {'autostart': False}),
    '--lock-step': (None, {'lock_step': True}),
    '--realtime-priority': ('42', {'realtime_priority': 42}),
    '--sim-time': (None, {'use_sim_time': True}),
    'ros': ('-- --ros-args -p patience_s:=9.0 -p seed:=6', {'patience_s': 9.0, 'seed': 6}),
}


@pytest.fixture
def reached(monkeypatch, ros_domain):
    """Return a function that runs `lps run`; it gives the parameters of a node so started."""
    for name in PROFILE_VARIABLES:
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)

    def run(*arguments):
        given = []
        monkeypatch.setattr(policy_node, 'main', lambda words: given.append(words) or 0)
        assert main(['run', '--bundle', 'models/mine', *arguments]) == 0
        context = rclpy.Context()
        rclpy.init(args=given[0], context=context)
        try:
            node = LifecycleNode('policy', context=context)
            PolicyParameters(node, lambda: 'unconfigured')
            values = {name: parameter.value
                      for name, parameter in node.get_parameters_by_prefix('').items()}
            node.destroy_node()
        finally:
            context.try_shutdown()
        return values
    return run


def test_the_table_has_every_option():
    assert PARAMETERS.keys() | {'--transport'} == options_of('run')


def test_without_options_the_bundle_decides_and_nothing_moves_by_itself(reached):
    found = reached()
    assert {name: found[name] for name in (
        'bundle', 'contract', 'mode', 'candidates', 'strength', 'replan_every', 'join',
        'join_steps', 'join_weight', 'arm_on_activate', 'shadow', 'lock_step', 'use_sim_time',
        'autostart', 'realtime_priority', 'report_dir')} == {
            'bundle': 'models/mine', 'contract': '', 'mode': 'default', 'candidates': 0,
            'strength': -1.0, 'replan_every': 0, 'join': 'default', 'join_steps': -1,
            'join_weight': -1.0, 'arm_on_activate': False, 'shadow': False, 'lock_step': False,
            'use_sim_time': False, 'autostart': True, 'realtime_priority': 0,
            'report_dir': 'lps_runs'}


@pytest.mark.parametrize('option', PARAMETERS)
def test_an_option_sets_its_parameters_and_no_other(reached, option):
    value, expected = PARAMETERS[option]
    words = value.split() if option == 'ros' else [option, *([] if value is None else [value])]
    assert changes(reached(), reached(*words)) == expected


def test_the_transport_is_a_matter_of_the_environment(reached):
    before = reached()
    assert not any(name in os.environ for name in PROFILE_VARIABLES)
    assert changes(before, reached('--transport', 'default')) == {}
    assert [os.environ[name] for name in PROFILE_VARIABLES] == ['', '']
