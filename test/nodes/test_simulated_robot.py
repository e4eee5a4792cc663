"""The simulated robot node in its own process, on real rclpy, driven by the test's pilot."""

import os
from pathlib import Path
import signal
import time

from lps_ros.cli.processes import NodeProcesses
from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import JOINT_NAMES
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.trajectory import JointTrajectory
import numpy as np
from policy_harness import freeze
import pytest
from robot_pilot import PERIOD_NS
from robot_pilot import Pilot
from robot_pilot import reading
from robot_pilot import robot_without_ros
from robot_pilot import tool_path

CONTRACT = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'
STOPPED_M_S = 0.005
_KNOWN_S = 60.0


def start(domain, tmp_path_factory, **parameters):
    """Yield (pilot, nodes) with a simulated robot in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain))
        with NodeProcesses(tmp_path_factory.mktemp('logs')) as nodes:
            nodes.start('simulated_robot', parameters)
            with Pilot(domain) as pilot:
                pilot.connect()
                yield pilot, nodes


@pytest.fixture(scope='module')
def lock_step(ros_module_domain, tmp_path_factory):
    yield from start(ros_module_domain, tmp_path_factory, mode='lock_step', camera=True,
                     camera_width=48, camera_height=32)


@pytest.fixture(scope='module')
def free(ros_module_domain, tmp_path_factory):
    # A domain of its own, for both robots live at once; ids above 232 have no ports.
    domain = 100 + (ros_module_domain + 50) % 100
    yield from start(domain, tmp_path_factory, mode='free', real_time_factor=2.0,
                     episode_steps=0)


def commands(count):
    """Yield count commands: twists with some holds, and gripper openings."""
    rng = np.random.default_rng(0)
    for k in range(count):
        twist = np.zeros(4) if k % 7 == 3 else rng.uniform(-1, 1, 4) * FULL_TWIST
        yield twist, rng.uniform(0, OPEN_M)


def drive(pilot, count):
    """Send a command at each of count ticks; return the readings before each and at the end."""
    tick = pilot.at_tick(pilot.tick)
    readings = [reading(pilot, tick * PERIOD_NS)]
    for twist, opening_m in commands(count):
        pilot.send_twist(twist)
        pilot.send_opening(opening_m)
        tick = pilot.at_tick(tick + 1)
        readings.append(reading(pilot, tick * PERIOD_NS))
    return readings


def expected_readings(count, *, task, seed):
    """Return what `drive` should return, without ROS."""
    robot = robot_without_ros()
    robot.reset(task, seed)
    readings = []
    for twist, opening_m in [*commands(count), (np.zeros(4), OPEN_M)]:
        state = robot.state()
        readings.append(np.concatenate([
            state.joint_positions, [state.gripper_opening_m], state.joint_velocities,
            [state.gripper_velocity_m_s], state.joint_efforts, [state.gripper_force_n],
            *(part for pose in (state.tool, state.cube, state.goal)
              for part in (pose.position, pose.quaternion))]).tolist())
        robot.command(twist, opening_m)
        robot.advance(25)
    return readings


def stand_still(pilot, act=lambda: None):
    """Call `act` at every tick until the tool is slower than 5 mm/s; return that time."""
    def slow():
        times, places = tool_path(pilot)
        if len(times) < 2:
            return False
        passed_s = (times[-1] - times[-2]) * 1e-9
        return np.linalg.norm(places[-1] - places[-2]) < STOPPED_M_S * passed_s
    pilot.forget()
    while not slow():
        act()
        pilot.at_tick(pilot.tick + 1)
    return max(pilot.heard['tool'])


def drift_m(pilot, since_ns):
    """Return how far the tool has been from where it was at a time."""
    _, places = tool_path(pilot, since_ns)
    return np.linalg.norm(places - places[0], axis=1).max()


def seconds_of_a_late_tick(pilot):
    """Return how long a tick goes on after a command that came when the clock was repeated."""
    readings = len(pilot.clock)
    pilot.until(lambda: len(pilot.clock) > readings + 3)
    commanded_s = time.monotonic()
    drive(pilot, 1)
    return time.monotonic() - commanded_s


def held_up(pilot, recorder):
    """Tell whether a frozen recorder holds a tick up, and let it go on."""
    drive(pilot, 1)
    freeze(recorder)
    tick = pilot.tick
    # This one may have arrived before the recorder stood still, the next one cannot.
    for _ in range(2):
        pilot.send_twist(np.zeros(4))
        pilot.send_opening(OPEN_M)
        spin_for(pilot, 0.5)
    held = pilot.tick <= tick + 1
    os.kill(recorder, signal.SIGCONT)
    pilot.at_tick(pilot.tick + 1 if held else pilot.tick)
    return held


def told_of_the_end(pilot, recorder):
    """Tell when an episode is said to be over whose last tick found the recorder frozen."""
    pilot.reset(task=1, seed=0, episode_steps=2)
    drive(pilot, 1)
    spin_for(pilot, 0.3)  # the recorder has this tick
    freeze(recorder)
    last = pilot.tick + 1
    pilot.send_twist(np.zeros(4))
    pilot.send_opening(OPEN_M)
    pilot.until(lambda: pilot.tick == last)
    spin_for(pilot, 1.0)
    early = pilot.status['done']
    os.kill(recorder, signal.SIGCONT)
    pilot.until(lambda: pilot.status['done'])
    return 'too early' if early else 'once the recorder had it all'


def spin_for(pilot, seconds):
    """Turn the executor for so long."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        pilot.spin_once()


def test_lock_step_gives_what_the_robot_gives_without_ros(lock_step):
    pilot, _ = lock_step
    expected = expected_readings(25, task=2, seed=5)
    pilot.reset(task=2, seed=5)
    assert drive(pilot, 25) == expected
    assert pilot.status['step'] == 25 and pilot.status['seed'] == 5
    # Again, after another history.
    pilot.reset(task=2, seed=5)
    assert drive(pilot, 25) == expected


def test_lock_step_follows_joint_trajectories_as_the_robot_does_without_ros(lock_step):
    pilot, _ = lock_step
    pilot.reset(task=1, seed=4)
    robot = robot_without_ros()
    robot.reset(1, 4)
    rng = np.random.default_rng(0)
    tick = pilot.at_tick(pilot.tick)
    for k in range(8):
        state = robot.state()
        np.testing.assert_array_equal(
            pilot.heard['joints'][tick * PERIOD_NS].position[:6], state.joint_positions)
        ahead = state.joint_positions + np.cumsum(rng.uniform(-0.04, 0.04, (3, 6)), axis=0)
        speeds = rng.uniform(-0.3, 0.3, (3, 6)) if k % 2 else None
        pilot.send_trajectory(ahead, speeds)
        pilot.send_opening(OPEN_M)
        # Its times count from the command's stamp, a millisecond after the tick.
        robot.command(JointTrajectory(
            times_s=np.array([51, 101, 151]) * 1_000_000 * 1e-9, positions=ahead,
            velocities=speeds), OPEN_M)
        robot.advance(25)
        tick = pilot.at_tick(tick + 1)


def test_the_lock_step_clock_waits_shows_each_tick_and_never_goes_back(lock_step):
    pilot, _ = lock_step
    pilot.reset(task=1, seed=0)
    drive(pilot, 3)
    tick, readings = pilot.tick, len(pilot.clock)
    # Repeated for late joiners, and waiting.
    pilot.until(lambda: len(pilot.clock) >= readings + 3)
    assert set(pilot.clock[readings:]) == {tick * PERIOD_NS + 1_000_000}
    pilot.reset(task=1, seed=0)
    assert pilot.tick == tick + 1
    assert pilot.clock == sorted(pilot.clock) and pilot.clock[0] > 0


def test_a_late_joiner_hears_the_tick_that_is_waited_for(lock_step, ros_module_domain):
    pilot, _ = lock_step
    with Pilot(ros_module_domain) as late:
        late.connect()
        assert late.at_tick(pilot.tick) == late.tick


def test_a_tick_lasts_until_the_recorder_has_it(lock_step, tmp_path):
    pilot, nodes = lock_step
    pilot.reset(task=1, seed=0)
    nodes.start('recorder', {'contract': str(CONTRACT), 'dataset': str(tmp_path),
                             'leave_out': 'front', 'use_sim_time': True})
    try:
        pilot.until(lambda: pilot.node.count_subscribers('cube_pose') > 1)
        # That the robot knows of the recorder too may take a second longer.
        deadline_s = time.monotonic() + _KNOWN_S
        while not held_up(pilot, nodes.pid('recorder')):
            assert time.monotonic() < deadline_s
        # Repeated readings are acknowledged at once too, not with the next heartbeat, after 3 s.
        assert min(seconds_of_a_late_tick(pilot) for _ in range(3)) < 1.5
        assert told_of_the_end(pilot, nodes.pid('recorder')) == 'once the recorder had it all'
    finally:
        os.kill(nodes.pid('recorder'), signal.SIGCONT)
        nodes.stop('recorder')
        pilot.reset(task=1, seed=0, episode_steps=200)


def test_the_camera_shows_every_tick(lock_step):
    pilot, _ = lock_step
    pilot.reset(task=1, seed=0)
    drive(pilot, 2)
    time_ns = pilot.tick * PERIOD_NS
    pilot.until(lambda: time_ns in pilot.heard['image'] and time_ns in pilot.heard['info'])
    assert time_ns - PERIOD_NS in pilot.heard['image']
    image, info = pilot.heard['image'][time_ns], pilot.heard['info'][time_ns]
    assert (image.width, image.height, image.encoding) == (48, 32, 'rgb8')
    pixels = np.frombuffer(image.data, np.uint8).reshape(32, 48, 3)
    assert len(np.unique(pixels)) > 50
    assert (info.width, info.height) == (48, 32) and info.k[0] > 0
    assert info.header.frame_id == image.header.frame_id


@pytest.mark.parametrize(('send', 'complaint'), [
    (lambda pilot: pilot.send_twist(np.ones(4), frame='tool0'), "frame_id 'tool0'"),
    (lambda pilot: pilot.send_twist([np.nan, 0, 0, 0]), 'expected finite numbers'),
    (lambda pilot: pilot.send_twist(np.ones(4), stamp=pilot.tick * PERIOD_NS),
     'expected later than the tick'),
    (lambda pilot: pilot.send_trajectory(np.zeros((1, 5)), names=JOINT_NAMES[:5]), 'has joints'),
    (lambda pilot: pilot.send_trajectory(np.full((1, 6), np.nan)), 'not finite'),
    (lambda pilot: pilot.send_trajectory(np.zeros((0, 6))), 'has no positions'),
    (lambda pilot: pilot.send_trajectory(np.zeros((1, 6)), stamp=pilot.tick * PERIOD_NS),
     'expected later than the tick'),
    (lambda pilot: pilot.send_opening(0.0, 0.0), 'has 2 values'),
    (lambda pilot: pilot.send_opening(np.inf), 'finite opening')])
def test_a_command_that_does_not_fit_is_refused_and_told(lock_step, send, complaint):
    pilot, _ = lock_step
    pilot.complaints.clear()
    tick = pilot.tick
    send(pilot)
    pilot.until(lambda: any(complaint in text for text in pilot.complaints))
    assert pilot.tick == tick


def test_a_lock_step_robot_ends_with_status_zero_on_sigterm(lock_step):
    _, nodes = lock_step
    os.kill(nodes.pid('simulated_robot'), signal.SIGTERM)
    assert nodes.wait('simulated_robot', 10.0) == 0
    assert 'Traceback' not in nodes.log('simulated_robot').read_text()


def test_the_free_clock_never_goes_back(free):
    pilot, _ = free
    for seed in (1, 2):
        pilot.reset(task=1, seed=seed)
        pilot.at_tick(pilot.tick + 4)
    assert pilot.clock == sorted(pilot.clock) and pilot.clock[0] > 0


def push(pilot, ticks):
    """Send a sideways twist at each of some ticks."""
    tick = pilot.tick
    for k in range(ticks):
        pilot.at_tick(tick + k)
        pilot.send_twist([0.0, -0.5, 0.0, 0.0])


def test_a_joint_trajectory_is_carried_out_to_its_end_when_nothing_follows(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    begin = np.array(pilot.heard['joints'][max(pilot.heard['joints'])].position[:6])
    end = begin + [0.2, 0.0, 0.0, 0.0, 0.0, 0.0]
    pilot.forget()
    pilot.send_trajectory([begin + 0.5 * (end - begin), end], period_s=0.5)
    pilot.at_tick(pilot.tick + 40)
    times = sorted(pilot.heard['joints'])
    path = np.array([pilot.heard['joints'][time].position[0] for time in times]) - begin[0]
    # Longer under way than the timeout of a twist, however late it came.
    under_way = np.array(times)[(path > 0.02) & (path < 0.18)]
    assert (under_way[-1] - under_way[0]) * 1e-9 > 0.4
    joints = pilot.heard['joints'][times[-1]]
    np.testing.assert_allclose(joints.position[:6], end, atol=3e-3)
    assert np.abs(joints.velocity[:6]).max() < 0.01


def test_a_twist_takes_over_from_a_joint_trajectory(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    begin = np.array(pilot.heard['joints'][max(pilot.heard['joints'])].position[:6])
    pilot.send_trajectory([begin + 1.0], period_s=5.0)
    pilot.at_tick(pilot.tick + 3)
    stand_still(pilot, lambda: pilot.send_twist(np.zeros(4)))


def test_a_command_that_stops_coming_freezes_the_arm(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    start_ns = max(pilot.heard['tool'])
    push(pilot, 10)
    _, places = tool_path(pilot, start_ns)
    assert places[-1][1] - places[0][1] < -0.03
    still_ns = stand_still(pilot)
    pilot.at_tick(pilot.tick + 10)
    assert drift_m(pilot, still_ns) < 0.001


def test_a_zero_twist_stops_and_holds_for_five_seconds(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    push(pilot, 8)
    held_ns = stand_still(pilot, lambda: pilot.send_twist(np.zeros(4)))
    while pilot.clock[-1] < held_ns + 5_000_000_000:
        pilot.send_twist(np.zeros(4))
        pilot.at_tick(pilot.tick + 1)
    assert drift_m(pilot, held_ns) < 0.005


def test_an_old_twist_does_not_move_a_free_robot(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    pilot.complaints.clear()
    start_ns = max(pilot.heard['tool'])
    pilot.send_twist([0.0, -1.0, 0.0, 0.0], stamp=pilot.clock[-1] - 500_000_000)
    pilot.until(lambda: any('ms old' in text for text in pilot.complaints))
    assert drift_m(pilot, start_ns) < 1e-4


def test_a_stop_is_obeyed_however_old_its_stamp(free):
    pilot, _ = free
    pilot.reset(task=1, seed=0)
    push(pilot, 8)
    pilot.send_twist(np.zeros(4), stamp=pilot.clock[-1] - 500_000_000)
    sent_ns = pilot.clock[-1]
    pilot.at_tick(pilot.tick + 12)
    # Without it the arm would freeze its targets after 0.1 s, and come to rest 0.3 s later.
    assert drift_m(pilot, sent_ns + 150_000_000) < 0.001


def test_a_free_robot_ends_with_status_zero_on_sigint(free):
    _, nodes = free
    assert nodes.stop('simulated_robot') == 0
    assert 'Traceback' not in nodes.log('simulated_robot').read_text()


@pytest.mark.parametrize(('environment', 'parameters', 'complaint'), [
    ('disabled', {'camera': True}, 'libegl1 libegl-mesa0 libgl1-mesa-dri'),
    ('egl', {'task': 6}, 'Parameter task out of range')])
def test_refuses_to_start_with_one_line(
        ros_domain, monkeypatch, tmp_path, environment, parameters, complaint):
    monkeypatch.setenv('MUJOCO_GL', environment)
    with NodeProcesses(tmp_path) as nodes:
        nodes.start('simulated_robot', parameters)
        assert nodes.wait('simulated_robot', 40.0) == 1
        lines = nodes.log('simulated_robot').read_text().splitlines()
    assert len(lines) == 1 and complaint in lines[0]
