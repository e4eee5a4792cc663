"""The policy node with a network that fails, and how it ends."""

import os
from pathlib import Path
import signal
import subprocess
import sys

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from lps_ros.contract import advise
from lps_ros.contract import load_contract
from lps_ros.nodes.ros_messages import stamp_ns
from policy_harness import CONTRACT as _CONTRACT
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import ROOT
from policy_harness import stopped
import pytest

_CONFIGURE = Transition.TRANSITION_CONFIGURE
_CLEANUP = Transition.TRANSITION_CLEANUP
_ACTIVATE = Transition.TRANSITION_ACTIVATE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE


@pytest.fixture(scope='module')
def faulty_process(tmp_path_factory, ros_module_domain):
    process = PolicyProcess(
        FAULTY, tmp_path_factory.mktemp('faulty') / 'log', ros_module_domain, '-r',
        '__ns:=/faulty', use_sim_time=True, lock_step=True)
    yield process
    process.close()


@pytest.fixture(scope='module')
def faulty(faulty_process, ros_module_domain):
    """Return the robot's end of a node whose network has faults."""
    robot = Robot(faulty_process, ros_module_domain, namespace='faulty')
    yield robot
    robot.close()


@pytest.mark.parametrize(('fault', 'reason'), [
    ('nan', 'planned chunk has a non-finite value'),
    ('raises', 'no chunk could be planned: RuntimeError: no such tensor'),
])
def test_a_network_that_fails_ends_in_a_stop(faulty, fault, reason):
    faulty.set(bundle=fault)
    faulty.change(_CONFIGURE, _ACTIVATE)
    assert faulty.refused(faulty.next_tick())['reason'] == reason
    faulty.until(lambda: faulty.twists)
    assert stopped(faulty.twists[0])
    assert faulty.openings == []
    faulty.change(_DEACTIVATE, _CLEANUP)


def test_configuring_warns_once_of_each_gate_that_the_contract_lacks(faulty):
    before = len(faulty.process.log())
    # A simulator that waits gets none.
    faulty.set(bundle='good', lock_step=False)
    faulty.change(_CONFIGURE)
    faulty.set(lock_step=True)
    said = faulty.process.log()[before:].splitlines()
    lines = advise(load_contract(_CONTRACT))
    assert lines
    for line in lines:
        shown, = [each for each in said if line in each]
        assert 'WARN' in shown
    faulty.change(_CLEANUP)


def test_configuring_warns_where_the_policy_commands_between_two_commands_of_a_person(faulty):
    line = 'teleop_s: 0.05 s is no longer than the control period, 0.05 s, '
    said = []
    for teleop_s in (0.3, 0.05):
        before = len(faulty.process.log())
        faulty.set(bundle='good', lock_step=False, teleop_s=teleop_s)
        faulty.change(_CONFIGURE)
        said.append(line in faulty.process.log()[before:])
        faulty.change(_CLEANUP)
    faulty.set(lock_step=True, teleop_s=0.3)
    assert said == [False, True]


def test_planning_slower_than_the_period_is_a_warning(faulty):
    faulty.set(bundle='slow')
    faulty.change(_CONFIGURE, _ACTIVATE)
    k = faulty.next_tick()
    faulty.lock_step(range(k, k + 2))
    def warnings():
        return [report for report in faulty.diagnostics if report.level == DiagnosticStatus.WARN
                and 'the control period is 50.0 ms' in report.message]

    faulty.until(warnings)
    values = {value.key: value.value for value in warnings()[0].values}
    assert float(values['plan_ms_p50']) >= 60.0
    assert values['mode'] == 'steered'
    faulty.change(_DEACTIVATE, _CLEANUP)


def test_sigterm_sends_the_stop_before_the_process_ends(faulty, faulty_process):
    faulty.set(bundle='good')
    faulty.change(_CONFIGURE, _ACTIVATE)
    k = faulty.next_tick()
    faulty.lock_step(range(k, k + 2))
    faulty.forget()
    faulty_process.signal(signal.SIGTERM)
    assert faulty_process.wait() == 0
    faulty.until(lambda: faulty.twists)
    assert stopped(faulty.twists[0])
    assert 'Traceback' not in faulty_process.log()


@pytest.mark.parametrize('ending', [signal.SIGINT, signal.SIGHUP])
def test_in_real_time_renamed_until_a_signal(tmp_path, ros_domain, ending):
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, '-r', '__ns:=/left', '-r',
        'servo_node/delta_twist_cmds:=twist', bundle='good', autostart=True)
    robot = Robot(process, ros_domain, namespace='left', twist='twist')
    try:
        robot.stream_until(lambda: len(robot.twists) >= 15)
        clock = load_contract(_CONTRACT).clock
        ticks = [clock.index_at_or_before(stamp_ns(twist) - 1) for twist in robot.twists]
        assert len(set(ticks)) == len(ticks)
        # No observation any more: one stop, and silence until there is one again.
        robot.until(lambda: stopped(robot.twists[-1]) and robot.statuses[-1]['reason'])
        assert 'old by its' in robot.statuses[-1]['reason']
        robot.forget()
        robot.stream_until(lambda: sum(not stopped(twist) for twist in robot.twists) >= 3)
        robot.forget()
        process.signal(ending)
        assert process.wait() == 0
        robot.until(lambda: robot.twists and stopped(robot.twists[-1]))
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


@pytest.mark.parametrize(('autostart', 'ending'), [
    (True, signal.SIGTERM), (True, signal.SIGINT), (False, signal.SIGTERM)])
def test_a_signal_ends_a_node_while_it_loads(tmp_path, ros_domain, autostart, ending):
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='endless', autostart=autostart)
    robot = Robot(process, ros_domain)
    try:
        if not autostart:
            client = robot.node.create_client(ChangeState, 'policy/change_state')
            robot.until(client.service_is_ready)
            client.call_async(ChangeState.Request(transition=Transition(id=_CONFIGURE)))
        robot.until(process.planners)
        planner, = process.planners()
        for pid in (planner, process.pid) if ending == signal.SIGINT else (process.pid,):
            os.kill(pid, ending)  # Ctrl-C reaches both
        assert process.wait() == 0
        assert not Path('/proc', str(planner)).exists()
        assert 'Traceback' not in process.log() and 'error: ' not in process.log()
    finally:
        robot.close()
        process.close()


def test_lps_run_ends_with_one_line_on_a_bundle_that_is_not_there(ros_domain):
    result = subprocess.run(
        [sys.executable, '-m', 'lps_ros.cli.main', 'run', '--bundle', 'nowhere'],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    line, = result.stderr.splitlines()
    assert line.startswith('error: nowhere/policy.json: cannot read')
    assert 'Traceback' not in result.stderr
