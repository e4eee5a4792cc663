"""What becomes of a joint trajectory that is under way when the policy node stops, or dies."""

import os
from pathlib import Path
import signal

from lps_ros.cli.processes import NodeProcesses
import numpy as np
import pytest
from robot_pilot import Pilot
from robot_pilot import tool_path

ROOT = Path(__file__).parents[2]
CONTRACT_FILE = ROOT / 'config' / 'ur5e_cube_joints.yaml'
BUNDLE = ROOT / 'models' / 'ur5e_cube_joints'
SEED = 500


def at_speed(pilot: Pilot, speed_m_s: float) -> None:
    """Wait until the tool moves as fast as this."""
    def fast() -> bool:
        times, places = tool_path(pilot)
        return len(times) > 4 and np.linalg.norm(places[-1] - places[-5]) > (
            speed_m_s * (times[-1] - times[-5]) * 1e-9)
    pilot.until(fast)


def seconds_until_it_stands(pilot: Pilot, since_ns: int) -> float:
    """Return how long after a time the tool was last faster than 5 mm/s, in simulated seconds."""
    pilot.until(lambda: max(pilot.heard['tool']) > since_ns + 1_500_000_000)
    times, places = tool_path(pilot, since_ns)
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / (np.diff(times) * 1e-9)
    moving = np.flatnonzero(speeds > 0.005)
    return (times[moving[-1] + 1] - since_ns) * 1e-9 if len(moving) else 0.0


# A period to the point of a stop, or what is left of a chunk of five; and the drives' settling.
@pytest.mark.timing
@pytest.mark.parametrize(('send', 'end', 'longest_s'), [
    ('point', 'disarm', 0.05 + 0.15), ('point', 'kill', 0.05 + 0.15),
    ('chunk', 'disarm', 0.05 + 0.15), ('chunk', 'kill', 0.25 + 0.15)])
def test_the_arm_comes_to_rest(
        tmp_path: Path, ros_domain: int, send: str, end: str, longest_s: float) -> None:
    file = tmp_path / 'robot.yaml'
    file.write_text(CONTRACT_FILE.read_text(encoding='utf-8').replace(
        '    unit: rad\n', f'    unit: rad\n    send: {send}\n'))
    with NodeProcesses(tmp_path / 'logs') as nodes, Pilot(
            ros_domain, drives=False) as pilot:
        # Slowly, since on a busy machine this process sees the clock late.
        nodes.start('simulated_robot', {
            'mode': 'free', 'real_time_factor': 0.4, 'seed': SEED, 'episode_steps': 0})
        pilot.connect()
        nodes.start('policy', {
            'bundle': str(BUNDLE), 'contract': str(file),
            'use_sim_time': True, 'autostart': True, 'arm_on_activate': True})
        at_speed(pilot, 0.1)
        if end == 'kill':
            os.kill(nodes.pid('policy'), signal.SIGKILL)
            nodes.wait('policy', 10.0)
        else:
            pilot.trigger('policy/disarm')
        assert seconds_until_it_stands(pilot, pilot.clock[-1]) <= longest_s
