"""The two ends of `lps bench transport`: `send` publishes images, `receive` says what arrived."""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import resource
import select
import sys
import time

from lps_ros.fast_dds import use_image_profile
from lps_ros.nodes.camera_messages import image
from lps_ros.nodes.camera_messages import stamped_header
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.ros_messages import stamp_ns
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

_DISCOVERY_S = 20.0
# The publisher may know its subscriber before that knows it; frames until then do not count.
_WARM_UP_S = 0.5
# What is under way when the sender has ended has arrived after this.
_QUIET_S = 0.5


def topic(camera: int) -> str:
    """Return the topic of a camera, counted from 0."""
    return f'camera_{camera}/image_raw'


def send(
        node: Node, *, cameras: int, width: int, height: int, rate_hz: float,
        seconds: float) -> dict[str, float]:
    """
    Publish from synchronised cameras, once each has its subscriber; frame_id counts.

    Numbers below 0 are to warm up.

    :returns: frames per camera, the time that they took and the shared memory in use, in bytes
    :raises TimeoutError: where no subscriber comes
    """
    publishers = [node.create_publisher(Image, topic(camera), SENSOR)
                  for camera in range(cameras)]
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    messages = [image(pixels, stamped_header(0, '')) for _ in publishers]
    end_s = time.monotonic() + _DISCOVERY_S
    while not all(publisher.get_subscription_count() for publisher in publishers):
        if time.monotonic() > end_s:
            raise TimeoutError(f'no subscriber within {_DISCOVERY_S:g} s')
        time.sleep(0.01)
    frames = max(round(seconds * rate_hz), 1)
    start_s = time.monotonic() + _WARM_UP_S
    for number in range(-round(_WARM_UP_S * rate_hz), frames):
        time.sleep(max(start_s + number / rate_hz - time.monotonic(), 0.0))
        for publisher, message in zip(publishers, messages):
            message.header = stamped_header(time.time_ns(), str(number))
            publisher.publish(message)
    time.sleep(_QUIET_S)
    return {'frames': frames, 'took_s': time.monotonic() - start_s - _QUIET_S,
            'shared_memory_bytes': shared_memory_bytes()}


def receive(node: Node, *, cameras: int) -> dict[str, object]:
    """
    Take images until the standard input is closed and nothing arrives any more.

    :returns: `arrived`: for each camera, rows of (number, stamp_ns, received_ns), and
        `processor_s`, the processor time of the process from the first image on
    """
    arrived: list[list[tuple[int, int, int]]] = [[] for _ in range(cameras)]
    began_s: list[float] = []
    last_s = time.monotonic()

    def take(camera: int, message: Image) -> None:
        nonlocal last_s
        received_ns = time.time_ns()
        last_s = time.monotonic()
        number = int(message.header.frame_id)
        if number < 0:
            return
        if not began_s:
            began_s.append(_processor_s())
        arrived[camera].append((number, stamp_ns(message), received_ns))

    for camera in range(cameras):
        node.create_subscription(
            Image, topic(camera), lambda message, camera=camera: take(camera, message), SENSOR)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not (_closed(sys.stdin) and time.monotonic() - last_s > _QUIET_S):
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
    return {'arrived': arrived,
            'processor_s': _processor_s() - began_s[0] if began_s else 0.0}


def shared_memory_bytes() -> int:
    """Return how much memory the files of Fast DDS take that this process has mapped."""
    maps = Path('/proc/self/maps')
    if not maps.exists():
        return 0
    files = {Path(line.split()[-1]) for line in maps.read_text().splitlines()
             if '/dev/shm/fast' in line}
    return sum(file.stat().st_blocks * 512 for file in files if file.exists())


def _closed(stream: object) -> bool:
    return bool(select.select([stream], [], [], 0.0)[0])


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one end; the figures go to the standard output as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('role', choices=('send', 'receive'))
    parser.add_argument('--cameras', type=int, required=True)
    for name in ('width', 'height'):
        parser.add_argument(f'--{name}', type=int, default=0)
    for name in ('rate', 'seconds'):
        parser.add_argument(f'--{name}', type=float, default=0.0)
    given = parser.parse_args(arguments)
    left_out = use_image_profile()
    if left_out:
        print(left_out, file=sys.stderr)
    rclpy.init()
    node = rclpy.create_node(f'transport_{given.role}r')
    try:
        if given.role == 'send':
            figures = send(node, cameras=given.cameras, width=given.width, height=given.height,
                           rate_hz=given.rate, seconds=given.seconds)
        else:
            figures = receive(node, cameras=given.cameras)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    print(json.dumps(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())
