"""`lps bench control`: how exactly the policy node keeps time, beside bare loops."""

import argparse
from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import tempfile
import time
from typing import Any

from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.bench_options import numbers
from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_CANDIDATES
from lps_ros.cli.option_ranges import MOST_PRIORITY
from lps_ros.cli.option_ranges import MOST_TICKS
from lps_ros.cli.output_file import write_json
from lps_ros.cli.processes import NodeProcesses
from lps_ros.cli.processes import private_ros_environment
from lps_ros.cli.progress import progress
from lps_ros.contract import Contract
from lps_ros.contract import load_contract
from lps_ros.data.files import check_writable
from lps_ros.errors import UserError
from lps_ros.evaluation.control_timing import soak_figures
from lps_ros.evaluation.control_timing import timing_figures
from lps_ros.evaluation.control_timing import USES
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import number as digits
from lps_ros.evaluation.table import percent
from lps_ros.share import share_path

_DESCRIPTION = """Timing of the policy node with cameras arriving, its network beside it.

A process publishes cameras of 640x480 at 30 Hz, joint states and a pose; the policy node, with a
network of random weights in a process of its own, commands it. In turn with the policy a thread
that only sleeps and an rclpy timer that does nothing tick at the same rate, while the inactive
node goes on to receive the cameras. All times are from outside: a tick's time, a message's stamp,
and when the middleware was given the command.

With --soak simulated time passes faster than real time, with smaller and fewer messages, and
memory and the distance between chunk and clock are followed.
"""
_EXAMPLES = """examples:
  lps bench control
  lps bench control --rates 50 --seconds 600 --json control.json
  lps bench control --soak 3600 --factor 10
"""
_CONTRACT = """name: control_bench
rate_hz: {rate}
observations:
  - {{key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [position, velocity], max_age_s: {age},
     names: [joint_0, joint_1, joint_2, joint_3, joint_4, joint_5]}}
  - {{key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     rotation: yaw, max_age_s: {age}}}
{cameras}actions:
  - {{key: twist, topic: twist, type: geometry_msgs/msg/TwistStamped, frame_id: base_link,
     fields: [linear.x, linear.y, linear.z, angular.z],
     scale: {{low: [-1, -1, -1, -1], high: [1, 1, 1, 1]}}, stop: zeros}}
  - {{key: gripper, topic: gripper, type: std_msgs/msg/Float64MultiArray, names: [opening],
     scale: {{low: [0], high: [0.085]}}, stop: hold}}
{trajectory}task: {{name: nothing, success_reward: 0, step_reward: -1, max_ticks: 200}}
"""
_CAMERA = """  - {{key: camera_{i}, topic: camera_{i}/image_raw, type: sensor_msgs/msg/Image,
     image: {{width: 96, height: 96}}, max_age_s: {age}}}
"""
_TRAJECTORY = """  - {{key: arm, topic: arm, type: trajectory_msgs/msg/JointTrajectory,
     names: [arm_0, arm_1, arm_2, arm_3, arm_4, arm_5], send: {send}, stop: hold,
     scale: {{low: [-3, -3, -3, -3, -3, -3], high: [3, 3, 3, 3, 3, 3]}},
     limits: {{velocity: [3, 3, 3, 3, 3, 3]}}}}
"""
# Two cores are to have time left at ten times real time: 200 readings of the clock a second, for
# each of which two callbacks of the node are called.
_SOAK_RATE_HZ = 10
# At ten times real time a hundredth of a second of the machine's is a tenth of the clock's.
_AGE_S, _SOAK_AGE_S = 0.15, 2.0
_SOAK_STREAMS = {'joint_hz': 20.0, 'tool_hz': 20.0, 'camera_hz': 5.0, 'clock_hz': 20.0}
_BEGINNING_S = 300.0  # to load and to set up


@dataclass(frozen=True, kw_only=True)
class _Run:
    rate_hz: int
    robot: dict[str, float]
    policy: dict[str, bool | float | int]
    age_s: float
    seconds: float  # expected duration


def add_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench control`."""
    parser = add_command(
        actions, 'control', 'timing of the policy node', _DESCRIPTION, _EXAMPLES, _run)
    parser.add_argument('--rates', type=numbers(1), default=(20, 50, 100), metavar='HZ',
                        help='control rates, separated by commas (default 20,50,100)')
    parser.add_argument('--seconds', type=number(1), default=60, metavar='S',
                        help='for which the policy acts at each rate (default 60)')
    parser.add_argument('--slice', type=number(1), default=20, metavar='S',
                        help='seconds of the policy between bare loops of a quarter of that each '
                             '(default 20)')
    parser.add_argument('--cameras', type=number(0), default=2, metavar='V',
                        help='cameras (default 2)')
    parser.add_argument('--joint-rate', type=number(1), default=125, metavar='HZ',
                        help='joint states per second (default 125)')
    parser.add_argument('--horizon', type=number(1), default=20, metavar='H',
                        help='actions of a chunk (default 20)')
    parser.add_argument('--trajectory', choices=('point', 'chunk'),
                        help='also command six joints by a JointTrajectory, so')
    parser.add_argument('--replan-every', type=number(1), default=5, metavar='N',
                        help='ticks between plans (default 5)')
    parser.add_argument('--candidates', type=number(1), default=4, metavar='N',
                        help='latents per plan (default 4)')
    parser.add_argument('--realtime-priority', type=number(0), default=0, metavar='N',
                        help='of the node, 1 to 99 (default 0: an ordinary process); the bare '
                             'loops stay ordinary')
    parser.add_argument('--soak', type=number(1), metavar='S',
                        help='instead: so many seconds of simulated time')
    parser.add_argument('--factor', type=number(1), default=10, metavar='N',
                        help='of --soak: simulated seconds per second (default 10)')
    parser.add_argument('--keep', type=Path, metavar='FOLDER',
                        help='a new folder for what the nodes write, and their logs')


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    private_ros_environment()
    profile = str(share_path('config/fast_dds_images.xml'))
    for name in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        os.environ[name] = profile
    with _output(arguments.keep) as folder:
        if arguments.soak:
            results = _soak(arguments, folder)
        else:
            results = [{'rate_hz': rate_hz, **timing_figures(
                _measure(arguments, folder / f'{rate_hz}_hz', _real_time(arguments, rate_hz)),
                rate_hz)} for rate_hz in arguments.rates]
            _show(results)
    write_json(arguments.json, {'command': command_line(), 'results': results})
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise UserError or StorageError on any option that cannot be met."""
    check_range(arguments, 'candidates', 1, MOST_CANDIDATES)
    check_range(arguments, 'replan_every', 1, MOST_TICKS)
    check_range(arguments, 'realtime_priority', 0, MOST_PRIORITY)
    for place, rate_hz in enumerate(arguments.rates):
        if rate_hz in arguments.rates[:place]:
            raise UserError(f'--rates has {rate_hz} twice, expected each rate once')
    keep = arguments.keep
    if keep is None:
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise UserError(f'--keep is {keep}, which is there already; give the name of a new folder')
    check_writable(keep)


@contextlib.contextmanager
def _output(keep: Path | None) -> Iterator[Path]:
    """Give the folder to write to; one that was not asked for goes, unless an error names it."""
    if keep is not None:
        yield keep
        return
    with contextlib.ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix='lps_bench_control_'))
        ending.callback(shutil.rmtree, folder)
        try:
            yield folder
        except UserError:
            ending.pop_all()
            raise


def _real_time(arguments: argparse.Namespace, rate_hz: int) -> _Run:
    return _Run(
        rate_hz=rate_hz, age_s=_AGE_S, policy={}, seconds=2 * arguments.seconds,
        robot={'seconds': float(arguments.seconds), 'slice_s': float(arguments.slice),
               'joint_hz': float(arguments.joint_rate)})


def _soak(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    run = _Run(
        rate_hz=_SOAK_RATE_HZ, age_s=_SOAK_AGE_S, seconds=arguments.soak / arguments.factor,
        # A stop is counted; it is not to end the run.
        policy={'use_sim_time': True, 'patience_s': 3600.0},
        robot={'seconds': float(arguments.soak), 'factor': float(arguments.factor),
               **_SOAK_STREAMS})
    figures = soak_figures(
        _measure(arguments, folder / 'soak', run), _SOAK_RATE_HZ, arguments.factor)
    print(format_table(('', 'first', 'last', 'largest', 'per hour'), [
        (name, *(digits(figures[name][each]) for each in ('first', 'last', 'max', 'per_hour')))
        for name in USES]))
    for name in ('lag_first_tenth', 'lag_last_tenth', 'shift_ticks'):
        print(f"{name}: {figures[name]['min']:g} to {figures[name]['max']:g} ticks")
    print(', '.join(f'{name} {figures[name]}' for name in (
        'ticks', 'skipped', 'not_acted', 'armed_again', 'starved', 'late_plans',
        'dropped_actions')))
    return figures


def _measure(arguments: argparse.Namespace, folder: Path, run: _Run) -> Path:
    folder.mkdir(parents=True)
    contract_file, bundle = folder / 'contract.yaml', folder / 'bundle'
    contract = _write_contract(contract_file, run, arguments.cameras, arguments.trajectory)
    from lps_ros.learning.benchmark_bundle import save_random_bundle
    save_random_bundle(bundle, contract, horizon=arguments.horizon)
    with NodeProcesses(folder) as nodes, progress(f'{run.rate_hz} Hz', 's') as tell:
        nodes.start('bench_policy', {
            'bundle': str(bundle), 'contract': str(contract_file), 'arm_on_activate': True,
            # The commands carry numbers, of which a mean says nothing.
            'join': 'replace', 'ramp_s': 0.0, 'candidates': arguments.candidates,
            'replan_every': arguments.replan_every,
            'realtime_priority': arguments.realtime_priority,
            'ticks_file': str(folder / 'ticks.bin'), **run.policy})
        nodes.start('bench_robot', {
            'rate_hz': float(run.rate_hz), 'cameras': arguments.cameras,
            'policy_pid': nodes.pid('bench_policy'), 'output': str(folder), **run.robot})
        began_s = time.monotonic()
        while (status := nodes.wait('bench_robot', 1.0)) is None:
            passed_s = time.monotonic() - began_s
            tell(int(passed_s), int(run.seconds))
            if passed_s > run.seconds + _BEGINNING_S:
                raise UserError(f'{passed_s:.0f} s have not sufficed; see {folder}')
            if reason := nodes.dead():
                raise UserError(reason)
        if status:
            raise UserError(nodes.dead())
        # It writes what it has seen on ending.
        nodes.stop('bench_policy')
    return folder


def _write_contract(path: Path, run: _Run, cameras: int, send: str | None) -> Contract:
    path.write_text(_CONTRACT.format(
        rate=run.rate_hz, age=run.age_s,
        trajectory='' if send is None else _TRAJECTORY.format(send=send),
        cameras=''.join(_CAMERA.format(i=i, age=run.age_s) for i in range(cameras))),
        encoding='utf-8')
    return load_contract(path)


def _show(results: list[dict[str, Any]]) -> None:
    print('p50 / p99 / max in ms after the tick:')
    names = ('begun_ms', 'sent_ms', 'bare_thread_ms', 'bare_timer_ms', 'joints_to_command_ms',
             'picture_to_command_ms')
    print(format_table(
        ('Hz', 'begun', 'sent', 'bare thread', 'bare timer', 'joints to cmd', 'picture to cmd'),
        [(each['rate_hz'], *(' / '.join(digits(each[name][key]) for key in ('p50', 'p99', 'max'))
                             for name in names)) for each in results]))
    print()
    print(format_table(
        ('Hz', 'ticks', 'without command', 'starved', 'skipped', 'late plans', 'dropped actions',
         'plan ms', 'node', 'inference', 'load'),
        [(each['rate_hz'], each['ticks'], each['without_command'], each['starved'],
          each['skipped'], each['late_plans'], each['dropped_actions'], digits(each['plan_ms']),
          percent(each['node_cpu']), percent(each['inference_cpu']), digits(each['load']['p50']))
         for each in results]))
