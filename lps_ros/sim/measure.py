"""How the simulated arm follows its commands; these are README's figures."""

from lps_ros.sim.robot import FULL_TWIST
from lps_ros.sim.robot import OPEN_M
from lps_ros.sim.robot import SimulatedRobot
from lps_ros.sim.scene import CONTROL_PERIOD_S
from lps_ros.sim.scene import PHYSICS_STEP_S
from lps_ros.sim.scene import STEPS_PER_PERIOD
import numpy as np

_AXES = ('x', 'y', 'z', 'yaw')
_DIRECTIONS = (1, -1)
_FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # of full speed
_CENTRE_M = np.array([0.425, 0.0, 0.19])
# Half of each motion's room: every run stays inside OGBench's workspace.
_RUN_UP_M = (0.12, 0.15, 0.12, 0.0)
_PERIODS = 12
_STEADY_FROM = 5
_STOPPED_M_S = 0.005
_SAMPLE_STEPS = 5
_HOLD_S = 5.0


def measure_tracking() -> dict:
    """
    Measure the speeds that commands lead to, the drift while holding, and the braking.

    Returns plain numbers for JSON: `tracking`, a list with `axis`, `commanded`, `measured`
    (m/s, rad/s for yaw) and `vertical` (m/s, how the tool rises meanwhile); `hold`, a list with
    `after` and the largest `drift_mm` within 5 s; `braking` from full speed to below 5 mm/s for
    good, a list with `axis`, `by` ('zero twist', or 'frozen targets' when commands cease),
    `speed` (m/s), `distance_mm` and `time_s`.
    """
    robot = SimulatedRobot()
    robot.reset(1, 0, episode_steps=0)
    signed = [(axis, sign) for axis in range(4) for sign in _DIRECTIONS]
    return {
        'tracking': [_track(robot, axis, sign * fraction)
                     for axis, sign in signed for fraction in _FRACTIONS],
        'hold': [_hold(robot, 'rest', 0.0), _hold(robot, 'full speed along y', 1.0)],
        'braking': [_brake(robot, axis, sign, by) for axis, sign in signed if axis < 3
                    for by in ('zero twist', 'frozen targets')],
    }


def format_tracking(figures: dict) -> str:
    """Return the figures of `measure_tracking` as text."""
    lines = ['commanded -> steady speed of the tool (m/s, yaw in rad/s)']
    for axis in _AXES:
        lines.append(f'  {axis:3}  ' + '  '.join(
            f'{row["commanded"]:+.1f} -> {row["measured"]:+.2f}'
            for row in figures['tracking'] if row['axis'] == axis))
    level = [row['vertical'] for row in figures['tracking'] if row['axis'] in 'xy']
    lines.append(f'the tool sinks meanwhile at {-max(level):.3f} to {-min(level):.3f} m/s on a '
                 'level course')
    for row in figures['hold']:
        lines.append(f'held for {_HOLD_S:g} s after {row["after"]}: drift '
                     f'{row["drift_mm"]:.2f} mm')
    for row in figures['braking']:
        lines.append(f'braking from {row["axis"]} at {row["speed"]:.2f} m/s by {row["by"]}: '
                     f'{row["distance_mm"]:.0f} mm, {row["time_s"]:.2f} s')
    return '\n'.join(lines)


def _track(robot: SimulatedRobot, axis: int, fraction: float) -> dict:
    twist = _go_to_start(robot, axis, fraction)
    places = []
    for _ in range(_PERIODS):
        robot.command(twist, OPEN_M)
        robot.advance(STEPS_PER_PERIOD)
        places.append(_place(robot))
    path = np.unwrap(np.array(places)[_STEADY_FROM:], axis=0, period=2 * np.pi)
    speed = (path[-1] - path[0]) / ((len(path) - 1) * CONTROL_PERIOD_S)
    return {'axis': _AXES[axis], 'commanded': float(twist[axis]),
            'measured': float(speed[axis]), 'vertical': float(speed[2])}


def _hold(robot: SimulatedRobot, after: str, fraction: float) -> dict:
    twist = _go_to_start(robot, 1, fraction)
    if fraction:
        _run_up(robot, twist)
    robot.hold()
    # What it takes to come to rest is braking, not drift.
    robot.advance(round(1.0 / PHYSICS_STEP_S))
    path = _path(robot, _HOLD_S)
    return {'after': after,
            'drift_mm': float(1e3 * np.linalg.norm(path - path[0], axis=1).max())}


def _brake(robot: SimulatedRobot, axis: int, sign: int, by: str) -> dict:
    twist = _go_to_start(robot, axis, sign)
    speed_m_s = _run_up(robot, twist)
    if by == 'zero twist':
        robot.hold()
    path = _path(robot, 2.0)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / (_SAMPLE_STEPS * PHYSICS_STEP_S)
    moving = np.flatnonzero(speed >= _STOPPED_M_S)
    return {'axis': f'{"+" if sign > 0 else "-"}{_AXES[axis]}', 'by': by,
            'speed': speed_m_s,
            'distance_mm': float(1e3 * np.linalg.norm(path - path[0], axis=1).max()),
            'time_s': float((moving[-1] + 1) * _SAMPLE_STEPS * PHYSICS_STEP_S)}


def _go_to_start(robot: SimulatedRobot, axis: int, fraction: float) -> np.ndarray:
    """Go to where a motion has room, rest there, and return its twist."""
    start = np.append(_CENTRE_M, 0.0)
    start[axis] -= np.sign(fraction) * _RUN_UP_M[axis]
    for _ in range(50):
        error = start - _place(robot)
        robot.command(8.0 * error, OPEN_M)
        robot.advance(STEPS_PER_PERIOD)
    robot.hold()
    robot.advance(round(0.5 / PHYSICS_STEP_S))
    twist = np.zeros(4)
    twist[axis] = fraction * FULL_TWIST[axis]
    return twist


def _run_up(robot: SimulatedRobot, twist: np.ndarray) -> float:
    """Reach the steady speed and return it, in m/s over the last period."""
    for _ in range(_STEADY_FROM):
        before = _place(robot)
        robot.command(twist, OPEN_M)
        robot.advance(STEPS_PER_PERIOD)
    return float(np.linalg.norm((_place(robot) - before)[:3]) / CONTROL_PERIOD_S)


def _path(robot: SimulatedRobot, duration_s: float) -> np.ndarray:
    """Return the tool's positions (N, 3) every 10 ms without further commands."""
    path = [_place(robot)[:3]]
    for _ in range(round(duration_s / (_SAMPLE_STEPS * PHYSICS_STEP_S))):
        robot.advance(_SAMPLE_STEPS)
        path.append(_place(robot)[:3])
    return np.array(path)


def _place(robot: SimulatedRobot) -> np.ndarray:
    """Return the tool's x, y, z in m and yaw in rad."""
    tool = robot.state().tool
    return np.append(tool.position, tool.yaw_rad)
