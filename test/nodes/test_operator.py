"""The operator node in its own process, driving a simulated robot in another."""

import json
import os
import signal
from threading import Timer
import time

from lps_ros.cli.processes import NodeProcesses
from lps_ros.sim.commands import TWIST_TOPIC
from lps_ros.sim.joint_teleoperation import JointTeleoperation
from lps_ros.sim.operator import CLEAN
from lps_ros.sim.operator import ClumsyOperator
from policy_harness import freeze
from policy_harness import NodeProcess
import pytest
from robot_pilot import Pilot
from robot_pilot import robot_without_ros
from std_srvs.srv import Trigger

OPERATOR = {'use_sim_time': True, 'clean': True, 'first_seed': 3}
# Hears the twists reliably, and nothing else.
_WITNESS = f"""
import rclpy
from geometry_msgs.msg import TwistStamped
rclpy.init()
node = rclpy.create_node('witness')
node.create_subscription(TwistStamped, {TWIST_TOPIC!r}, print, 200)
rclpy.spin(node)
"""


class Lab:
    """A simulated robot, and the test in the part of audience and recorder."""

    def __init__(self, nodes, audience):
        self.nodes = nodes
        self.audience = audience
        self.calls = []
        self.before = 0
        self.on_call = lambda name: None
        self._services = [
            audience.node.create_service(
                Trigger, f'recorder/{name}',
                lambda request, response, name=name: self._answer(name, response))
            for name in ('start', 'save_success', 'save_failure')]

    def run_operator(self, *, steps=90, **parameters):
        """Run an operator to its end, with episodes of so many steps; return status and output."""
        self.calls.clear()
        self.audience.set_robot(episode_steps=steps)
        self.before = self.audience.status['step']
        self.nodes.start('operator', {**OPERATOR, **parameters})
        while (status := self.nodes.wait('operator', 0.0)) is None:
            self.audience.spin_once()
        self.nodes.stop('operator')
        if status == 0:
            self.audience.until(lambda: self.audience.status['done'])
        return status, self.nodes.log('operator').read_text()

    def _answer(self, name, response):
        self.calls.append((name, self.audience.status['step']))
        self.on_call(name)
        response.success = True
        return response


@pytest.fixture(scope='module')
def lab(ros_module_domain, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(ros_module_domain))
        with NodeProcesses(tmp_path_factory.mktemp('logs')) as nodes:
            nodes.start('simulated_robot', {})
            with Pilot(ros_module_domain) as audience:
                audience.connect()
                yield Lab(nodes, audience)


def assert_called_at_both_ends(lab, save, steps):
    (first, begun), (last, ended) = lab.calls
    assert (first, last) == ('start', save)
    # A call may overtake the robot's last word on its way to this audience.
    assert begun in (0, lab.before)
    assert lab.audience.status['step'] == steps and ended in (steps - 1, steps)


def test_places_the_cube_as_without_ros_and_marks_the_episode(lab, tmp_path):
    log = tmp_path / 'operator.jsonl'
    status, output = lab.run_operator(record=True, log_file=str(log))
    assert status == 0, output
    robot, operator = robot_without_ros(), ClumsyOperator(CLEAN)
    robot.reset(1, 3)
    operator.reset(3)
    while not robot.progress.done:
        robot.command(*operator.act(robot.state()))
        robot.advance(25)
    expected = robot.progress
    assert expected.placed
    assert lab.audience.status['placed_step'] == expected.placed_step
    assert [json.loads(line) for line in log.read_text().splitlines()] == [lab.audience.status]
    assert_called_at_both_ends(lab, 'save_success', expected.step)
    lab.audience.until(
        lambda: lab.audience.flags[-2:] == [('success', True), ('placed', True)])
    assert 'placed 1 (100 %)' in output


def test_places_the_cube_by_joint_trajectories(lab):
    status, output = lab.run_operator(device='joints', first_seed=7)
    assert status == 0, output
    robot, operator, device = robot_without_ros(), ClumsyOperator(CLEAN), JointTeleoperation()
    robot.reset(1, 7)
    operator.reset(7)
    device.reset(7)
    while not robot.progress.done:
        state = robot.state()
        twist, opening_m = operator.act(state)
        # Stamped a millisecond after the tick.
        trajectory = device.trajectory(twist, state.joint_positions).later(0.001)
        robot.command(trajectory, opening_m)
        robot.advance(25)
    assert robot.progress.placed
    assert lab.audience.status['placed_step'] == robot.progress.placed_step


def test_marks_an_episode_that_ran_out_of_time_as_a_failure(lab):
    status, output = lab.run_operator(record=True, clean=False, gain=0.05, first_seed=0)
    assert status == 0, output
    assert_called_at_both_ends(lab, 'save_failure', 90)
    assert not lab.audience.status['placed']
    assert 'placed 0 (0 %)' in output


def test_saves_once_all_who_listen_have_the_last_command(lab, ros_module_domain, tmp_path):
    witness = NodeProcess(('-c', _WITNESS), tmp_path / 'log', ros_module_domain)
    thaw = Timer(3.0, witness.signal, (signal.SIGCONT,))

    def stand_still(name):
        if name == 'start':
            # By now the operator knows of the witness, and it has sent nothing yet.
            time.sleep(1.0)
            freeze(witness.pid)
            thaw.start()
        else:
            saved_too_early.append(thaw.is_alive())

    saved_too_early = []
    try:
        lab.audience.until(lambda: lab.audience.node.count_subscribers(TWIST_TOPIC) == 2)
        lab.on_call = stand_still
        status, output = lab.run_operator(record=True, steps=1)
    finally:
        lab.on_call = lambda name: None
        thaw.cancel()
        witness.close()
    assert status == 0, output
    assert saved_too_early == [False]


def test_names_the_service_that_is_missing(lab):
    status, output = lab.run_operator(robot='nobody', timeout_s=0.5)
    assert (status, output) == (1, 'error: waited 0.5 s: service nobody/set_parameters is not '
                                'there; is its node running?\n')


@pytest.mark.parametrize(('parameters', 'complaint'), [
    ({'use_sim_time': False}, 'lock_step needs simulated time; set use_sim_time to true'),
    ({'log_file': '/nowhere/log'}, "cannot write log_file '/nowhere/log'")])
def test_refuses_parameters_with_one_line(lab, parameters, complaint):
    status, output = lab.run_operator(**parameters)
    assert status == 1
    assert len(output.splitlines()) == 1 and complaint in output


def test_lets_go_and_ends_with_status_zero_on_sigterm(lab):
    lab.nodes.start('operator', {**OPERATOR, 'clean': False, 'episodes': 100})
    lab.audience.until(
        lambda: not lab.audience.status['done'] and lab.audience.status['step'] > 5)
    os.kill(lab.nodes.pid('operator'), signal.SIGTERM)
    assert lab.nodes.wait('operator', 20.0) == 0
    assert 'Traceback' not in lab.nodes.log('operator').read_text()
