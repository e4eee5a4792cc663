"""`lps bench transport`: images from process to process, with and without the profile."""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

from lps_ros.cli.bench_options import add_command
from lps_ros.cli.bench_options import command_line
from lps_ros.cli.bench_options import number
from lps_ros.cli.output_file import write_json
from lps_ros.cli.processes import private_ros_environment
from lps_ros.cli.progress import progress
from lps_ros.control.stream_loss import StreamLoss
from lps_ros.errors import UserError
from lps_ros.evaluation.table import format_table
from lps_ros.evaluation.table import number as digits
from lps_ros.evaluation.table import percent
from lps_ros.fast_dds import image_profile
from lps_ros.fast_dds import PROFILE_VARIABLES
import numpy as np

_DESCRIPTION = """Images of synchronised cameras in one process, best effort, to another process.

Fast DDS as it comes and with the package's profile take turns. A frame counts as lost if it was
published and did not arrive; the latency is from just before it is published to the callback.
The policy node estimates the loss from the stamps of what arrives: 'off by' is the mean distance
to the truth over the streams of which it can tell ('told').
"""
_EXAMPLES = """examples:
  lps bench transport                                # two cameras of 640x480 at 30 Hz
  lps bench transport --cameras 3 --width 1280 --height 720 --rounds 3
"""
_LIMIT_S = 60.0


def add_parser(actions: argparse._SubParsersAction) -> None:
    """Add `lps bench transport`."""
    parser = add_command(
        actions, 'transport', 'images lost on the way and their latency', _DESCRIPTION, _EXAMPLES,
        run)
    for name, value, what in (
            ('cameras', 2, 'cameras'), ('width', 640, 'width of an image in pixels'),
            ('height', 480, 'height of an image in pixels'), ('rate', 30, 'images a second'),
            ('seconds', 10, 'length of a measurement'),
            ('rounds', 5, 'measurements with and without the profile')):
        parser.add_argument(f'--{name}', type=number(1), default=value, metavar='N',
                            help=f'{what} (default {value})')


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and write the figures."""
    private_ros_environment()
    environments = {'as it comes': '', 'with the profile': str(image_profile())}
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in environments}
    with progress('lps bench transport', 'round') as tell:
        for done in range(arguments.rounds):
            for name, profile in environments.items():
                rounds[name].append(_measure(
                    arguments, os.environ | dict.fromkeys(PROFILE_VARIABLES, profile)))
            tell(done + 1, arguments.rounds)
    results = [{'transport': name, **_figures(arguments, measured)}
               for name, measured in rounds.items()]
    print(format_table(
        ('Fast DDS', 'frames', 'lost', 'off by', 'told', 'p50 ms', 'p99 ms', 'receiver of a core',
         'shared memory MB'),
        [(r['transport'], r['frames'], percent(r['lost'], 1), percent(r['estimate_error'], 1),
          f"{r['streams_estimated']}/{r['streams']}",
          digits(r['latency_p50_ms']), digits(r['latency_p99_ms']),
          percent(r['receiver_processor_share']), digits(r['shared_memory_mb']))
         for r in results]))
    write_json(arguments.json, {
        'command': command_line(), **{name: getattr(arguments, name) for name in (
            'cameras', 'width', 'height', 'rate', 'seconds', 'rounds')}, 'results': results})
    return 0


def _measure(arguments: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    """Return the figures of both ends of one measurement."""
    cameras = ('--cameras', str(arguments.cameras))
    receiver = _start('receive', *cameras, environment=environment)
    sender = _start(
        'send', *cameras, '--width', str(arguments.width), '--height', str(arguments.height),
        '--rate', str(arguments.rate), '--seconds', str(arguments.seconds),
        environment=environment)
    with receiver, sender:
        try:
            sent = _answer(sender, _LIMIT_S + arguments.seconds)
            return {**_answer(receiver, _LIMIT_S), **sent}
        finally:
            sender.kill()
            receiver.kill()


def _start(*words: str, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-m', 'lps_ros.nodes.transport_probe', *words], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen, limit_s: float) -> dict[str, Any]:
    """Close the input of one end and return its figures."""
    try:
        output, error = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired as late:
        raise UserError(f'found no end of the measurement after {limit_s:.0f} s; the machine is '
                        'too busy for this rate and size, or ROS nodes cannot find each other '
                        'on the loopback interface') from late
    if process.returncode != 0:
        raise UserError(f'the measurement failed: {"".join(error.strip().splitlines()[-1:])}; '
                        "without a ROS installation: pip install 'lps_ros[ros]'")
    return json.loads(output.splitlines()[-1])


def _figures(arguments: argparse.Namespace, measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the measurements of one transport add up to."""
    frames = sum(each['frames'] for each in measured) * arguments.cameras
    streams = [np.array(rows, np.int64).reshape(-1, 3)
               for each in measured for rows in each['arrived']]
    arrived = sum(len(rows) for rows in streams)
    latencies_ms = np.concatenate([rows[:, 2] - rows[:, 1] for rows in streams]) * 1e-6
    sent = [each['frames'] for each in measured for _ in each['arrived']]
    errors = [abs(estimate - (1 - len(rows) / count)) for rows, count in zip(streams, sent)
              if (estimate := _estimate(rows, arguments.width * arguments.height * 3)) is not None]
    p50, p99 = np.percentile(latencies_ms, (50, 99)) if arrived else (None, None)
    return {
        'frames': frames, 'arrived': arrived, 'lost': 1 - arrived / frames,
        'lost_by_round': [1 - sum(map(len, each['arrived'])) / (
            each['frames'] * arguments.cameras) for each in measured],
        'estimate_error': float(np.mean(errors)) if errors else None,
        'streams_estimated': len(errors), 'streams': len(streams),
        'latency_p50_ms': p50, 'latency_p99_ms': p99,
        'rate_reached_hz': frames / arguments.cameras / sum(each['took_s'] for each in measured),
        'receiver_processor_share': sum(each['processor_s'] for each in measured) / sum(
            each['took_s'] for each in measured),
        'shared_memory_mb': max(each['shared_memory_bytes'] for each in measured) * 1e-6}


def _estimate(rows: np.ndarray, size_bytes: int) -> float | None:
    """Return the loss that the policy node would report at the end of a stream."""
    loss = StreamLoss('camera')
    for _, stamp_ns, received_ns in rows.tolist():
        loss.see(stamp_ns, received_ns, size_bytes)
    return loss.loss()
