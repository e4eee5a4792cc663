"""Another bundle for a policy node that is at work."""

import os
import re
import signal
import time

from lifecycle_msgs.msg import Transition
from lps_ros.nodes.process import StartError
from policy_harness import CONTRACT
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import stopped
import pytest
from std_msgs.msg import Bool

pytestmark = pytest.mark.timing

_ACTIVATE = Transition.TRANSITION_ACTIVATE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE


@pytest.fixture(scope='module')
def connection(tmp_path_factory, ros_module_domain):
    folder = tmp_path_factory.mktemp('policy')
    # Loading keeps a small machine busy, and with it the robot's end of the wires.
    patient = re.sub(r'max_age_s: [0-9.]+', 'max_age_s: 2.0', CONTRACT.read_text('utf-8'))
    (folder / 'contract.yaml').write_text(patient, 'utf-8')
    process = PolicyProcess(
        FAULTY, folder / 'log', ros_module_domain, bundle='good', ramp_s=0.0, replan_every=1,
        contract=folder / 'contract.yaml')
    robot = Robot(process, ros_module_domain)
    try:
        robot.change(Transition.TRANSITION_CONFIGURE)
        robot.stream()
        # An e-stop that keeps the node from resting between its ticks.
        e_stop = robot.node.create_publisher(Bool, 'e_stop', 10)
        robot.node.create_timer(0.01, lambda: e_stop.publish(Bool(data=False)))
        yield robot
        assert 'Traceback' not in process.log()
    finally:
        robot.close()
        process.close()


@pytest.fixture
def robot(connection):
    """Return the robot's end of a node that moves it; observations keep coming."""
    connection.change(_ACTIVATE)
    connection.until(lambda: connection.statuses[-1]['acting'])
    connection.forget()
    yield connection
    connection.change(_DEACTIVATE)


def _reload(robot, bundle):
    """Reload and return what came of it."""
    robot.set(bundle=bundle)
    robot.statuses.clear()
    robot.trigger('policy/reload')
    robot.until(lambda: robot.statuses and any(word in robot.statuses[-1]['reload'] for word in (
        f'{bundle} refused', f'{bundle} has taken over')))
    return robot.statuses[-1]


@pytest.mark.parametrize(('bundle', 'words'), [
    ('garbage', 'garbage is no policy'), ('nan', 'a non-finite value'),
    ('raises', 'no such tensor'), ('too_slow', 'a plan took '), ('half', 'plans take 0.6'),
    ('longer', 'chunks of 25 actions instead of 20'),
    ('fewer', 'observations.cube'),
])
def test_what_cannot_take_over_is_refused_and_the_robot_goes_on(robot, bundle, words):
    status = _reload(robot, bundle)
    assert words in status['reload']
    assert status['bundle'] == 'good'
    # The next configuring would take what the parameter names.
    robot.until(lambda: robot.get('bundle') == 'good')
    assert re.search(
        rf'\[ERROR\].*: reload: {bundle} refused: .*; the parameter bundle names good again',
        robot.process.log())
    count = len(robot.twists)
    robot.until(lambda: len(robot.twists) > count + 5)
    assert not any(map(stopped, robot.twists))
    assert {round(twist.twist.linear.x, 4) for twist in robot.twists} == {
        round(robot.twists[0].twist.linear.x, 4)}


def test_another_policy_takes_over_without_a_stop(robot):
    robot.until(lambda: robot.twists)
    before = robot.twists[-1].twist.linear.x
    assert before > 0
    status = _reload(robot, 'other')
    assert status['bundle'] == 'other'
    # 0.25 of the range before and -0.25 now.
    assert '0.50 rms from the chunks of the one before' in status['reload']
    robot.until(lambda: robot.twists[-1].twist.linear.x == pytest.approx(-before))
    assert not any(map(stopped, robot.twists[:-20]))
    stamps = [twist.header.stamp.sec + 1e-9 * twist.header.stamp.nanosec for twist in robot.twists]
    assert max(b - a for a, b in zip(stamps, stamps[1:])) < 0.15
    assert _reload(robot, 'good')['bundle'] == 'good'


def test_a_policy_that_is_to_be_steered_otherwise_is_so_from_its_first_plan(robot):
    assert _reload(robot, 'imitator')['bundle'] == 'imitator'
    count = len(robot.twists)
    robot.until(lambda: len(robot.twists) > count + 20)
    assert not any(map(stopped, robot.twists)) and robot.statuses[-1]['armed']
    assert robot.statuses[-1]['mode'] == 'prior'
    assert _reload(robot, 'good')['bundle'] == 'good'


def test_a_policy_that_plans_all_the_time_gives_way_at_once(robot):
    assert _reload(robot, 'slow')['bundle'] == 'slow'
    # A plan takes longer than a period, and one is asked for at every tick.
    robot.set(bundle='good')
    robot.trigger('policy/reload')
    robot.until(lambda: 'good: 10 of 10' in robot.statuses[-1]['reload']
                or 'good has taken over' in robot.statuses[-1]['reload'])
    judged_s = time.monotonic()
    robot.until(lambda: 'good has taken over' in robot.statuses[-1]['reload'])
    assert time.monotonic() - judged_s < 3.0


def test_a_policy_whose_process_was_killed_is_loaded_again(robot):
    for child in robot.process.planners():
        os.kill(child, signal.SIGKILL)
    robot.until(lambda: robot.twists and stopped(robot.twists[-1]))
    robot.until(lambda: 'was killed by signal 9' in robot.statuses[-1]['reason'])
    robot.until(lambda: not robot.statuses[-1]['armed'])
    assert _reload(robot, 'good')['bundle'] == 'good'
    robot.trigger('policy/arm')
    robot.forget()
    robot.until(lambda: len(robot.twists) > 5 and not stopped(robot.twists[-1]))


def test_a_process_that_was_killed_while_disarmed_is_told_of_and_keeps_from_arming(robot):
    robot.trigger('policy/disarm')
    robot.until(lambda: not robot.statuses[-1]['armed'])
    robot.diagnostics.clear()
    for child in robot.process.planners():
        os.kill(child, signal.SIGKILL)
    words = 'was killed by signal 9; load the bundle again'
    robot.until(lambda: any(
        words in status.message and status.level == status.ERROR for status in robot.diagnostics))
    assert words in robot.statuses[-1]['reason']
    with pytest.raises(StartError, match=words):
        robot.trigger('policy/arm')
    assert not any(status['armed'] for status in robot.statuses[-2:])
    assert _reload(robot, 'good')['bundle'] == 'good'
    robot.trigger('policy/arm')
    robot.moves()
    assert words not in robot.statuses[-1]['reason']
