"""The policy node's clock: which one it goes by is settled at start, and zero is a time too."""

import subprocess
import sys

from lps_ros.nodes.process import StartError
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import ROOT
from policy_harness import stopped
import pytest

pytestmark = pytest.mark.timing


@pytest.fixture
def start(tmp_path, ros_domain):
    """Start a node that is to move the robot; return the robot's end of it."""
    robots = []

    def start(**parameters):
        process = PolicyProcess(FAULTY, tmp_path / 'log', ros_domain, bundle='good',
                                autostart=True, ramp_s=0.0, patience_s=60.0, **parameters)
        robots.append(Robot(process, ros_domain))
        return robots[-1]

    yield start
    for robot in robots:
        robot.close()
        robot.process.close()


def test_the_clock_of_a_node_cannot_be_changed_under_way(start):
    robot = start()
    robot.stream()
    robot.moves()
    with pytest.raises(StartError, match='use_sim_time is read at start, .* start the node with '
                                         'use_sim_time:=true'):
        robot.set(use_sim_time=True)
    # By a simulated clock, which nobody publishes, there would be no tick.
    robot.moves()
    robot.set(use_sim_time=False)
    assert robot.statuses[-1]['armed']


@pytest.mark.parametrize('back_at_ns', [0, 1])
def test_a_simulated_clock_that_begins_again_and_waits_disarms(start, back_at_ns):
    robot = start(use_sim_time=True)
    robot.play_until(lambda: sum(not stopped(twist) for twist in robot.twists) > 5)
    robot.forget()
    robot.node.create_timer(0.05, lambda: robot.set_clock(back_at_ns))
    robot.rests('the clock jumped back')
    assert not robot.statuses[-1]['armed'] and robot.statuses[-1]['source'] == 'none'


def test_a_simulator_in_lock_step_that_begins_again_is_commanded_once_it_is_armed(start):
    robot = start(use_sim_time=True, lock_step=True)
    robot.lock_step(range(100, 103))
    robot.forget()
    robot.tick(20)
    robot.until(lambda: 'the clock jumped back' in robot.statuses[-1]['reason'],
                repeat=lambda: robot.repeat(20))
    assert not robot.statuses[-1]['armed'] and all(map(stopped, robot.twists))
    robot.forget()
    robot.trigger('policy/arm')
    assert len(robot.lock_step(range(20, 23))[0]) == 3


def test_lock_step_by_the_wall_clock_is_refused(ros_domain):
    result = subprocess.run(
        [sys.executable, *FAULTY, '--ros-args', '-p', 'bundle:=good', '-p', 'autostart:=true',
         '-p', 'lock_step:=true', '-p', 'arm_on_activate:=true'],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    line, = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert result.returncode == 1
    assert line.startswith('error: lock_step needs simulated time: ')
    assert 'set lock_step to false for a real robot' in line
