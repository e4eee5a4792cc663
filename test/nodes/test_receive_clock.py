"""Times of receipt: by the middleware's stamps, in causal order with simulated time."""

import random
import time
from types import SimpleNamespace

from lps_ros.nodes.receive_clock import ReceiveClock
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rosgraph_msgs.msg import Clock


class Handle:
    """A subscription's handle as rclpy has it."""

    def __init__(self, queue: list) -> None:
        self._queue = queue

    def __enter__(self) -> 'Handle':
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def take_message(self, *_: object) -> object:
        """Return the next message with its info."""
        return self._queue.pop(0) if self._queue else None


class FakeNode:
    """A node with or without simulated time."""

    def __init__(self, simulated: bool) -> None:
        self.queue = []
        self._simulated = simulated

    def get_parameter(self, _: str) -> SimpleNamespace:
        """Return use_sim_time."""
        return SimpleNamespace(value=self._simulated)

    def get_clock(self) -> SimpleNamespace:
        """Return a clock that stands at 7."""
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=7))

    def get_publishers_info_by_topic(self, _: str) -> list:
        """Return that nobody is known to publish."""
        return []

    def create_subscription(self, *arguments: object, **_: object) -> SimpleNamespace:
        """Keep the callback."""
        self.on_clock = arguments[2]
        return SimpleNamespace(handle=Handle(self.queue), msg_type=None, raw=False)


def clock(reading_ns: int, sent_ns: int) -> tuple:
    """Return a clock message and its info."""
    stamp = SimpleNamespace(sec=reading_ns // 10**9, nanosec=reading_ns % 10**9)
    return SimpleNamespace(clock=stamp), {'source_timestamp': sent_ns}


def test_on_a_robot_the_middleware_stamp_counts() -> None:
    receive_clock, got = ReceiveClock(FakeNode(simulated=False)), []
    receive_clock.message({'received_timestamp': 42, 'source_timestamp': 1}, got.append)
    receive_clock.message({'received_timestamp': 0, 'source_timestamp': 1}, got.append)
    receive_clock.event(got.append)
    assert got == [42, 7, 7]


@pytest.mark.parametrize('seed', range(20))
def test_simulated_time_is_exact_in_any_order_of_arrival(seed: int) -> None:
    """Readings 100, 101, 200, 201 with an observation and a command between them."""
    node = FakeNode(simulated=True)
    receive_clock, got = ReceiveClock(node), {}
    arrivals = [('clock', 100, 10), ('observation', 100, 11), ('clock', 101, 12),
                ('command', 101, 13), ('clock', 200, 14), ('observation 2', 200, 15),
                ('clock', 201, 16)]
    clocks = [item for item in arrivals if item[0] == 'clock']
    others = [item for item in arrivals if item[0] != 'clock']
    shuffle = random.Random(seed).shuffle
    shuffle(others)
    # The clock's own messages stay in order: one publisher, one topic.
    order = ['clock'] * len(clocks) + ['other'] * len(others)
    shuffle(order)
    for kind in order:
        if kind == 'clock':
            _, reading_ns, sent_ns = clocks.pop(0)
            node.on_clock(*clock(reading_ns, sent_ns))
        else:
            name, _, sent_ns = others.pop(0)
            receive_clock.message(
                {'source_timestamp': sent_ns},
                lambda received_ns, name=name: got.__setitem__(name, received_ns))
    receive_clock.flush()
    assert got == {'observation': 100, 'command': 101, 'observation 2': 200}


def test_flush_takes_the_readings_that_wait_in_the_queue() -> None:
    node = FakeNode(simulated=True)
    receive_clock, got = ReceiveClock(node), []
    node.on_clock(*clock(100, 10))
    receive_clock.message({'source_timestamp': 25}, got.append)
    assert got == []
    node.queue.append(clock(200, 20))
    receive_clock.flush()
    assert got == [200]


def test_a_message_from_before_the_first_reading_gets_the_first() -> None:
    node = FakeNode(simulated=True)
    receive_clock, got = ReceiveClock(node), []
    receive_clock.message({'source_timestamp': 5}, got.append)
    node.on_clock(*clock(100, 10))
    assert got == [100]


def test_readings_that_wait_are_taken_at_once() -> None:
    """The clock ticks twice while others publish once: its queue must not overflow."""
    node = FakeNode(simulated=True)
    receive_clock, got = ReceiveClock(node), []
    receive_clock.message({'source_timestamp': 15}, got.append)
    receive_clock.message({'source_timestamp': 25}, got.append)
    node.queue += [clock(200, 20), clock(300, 30)]
    node.on_clock(*clock(100, 10))
    assert got == [100, 200] and not node.queue


@pytest.mark.parametrize('reliability', ['BEST_EFFORT', 'RELIABLE'])
@pytest.mark.parametrize('by', ['flush', 'wait_until_running'])
def test_a_clock_is_heard_however_it_is_sent(
        reliability: str, by: str, ros_domain: int) -> None:
    """A bag that is played sends it best effort."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    player = Node('player', context=context, start_parameter_services=False)
    listener = Node('listener', context=context, start_parameter_services=False,
                    parameter_overrides=[Parameter('use_sim_time', value=True)])
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(player)
    publisher = player.create_publisher(Clock, '/clock', QoSProfile(
        depth=1, reliability=ReliabilityPolicy[reliability]))
    player.create_timer(0.01, lambda: publisher.publish(Clock()))
    receive_clock, end_s = ReceiveClock(listener), time.monotonic() + 30.0
    while not receive_clock.running:
        assert time.monotonic() < end_s
        executor.spin_once(timeout_sec=0.02)
        if by == 'flush':
            receive_clock.flush()
        else:
            receive_clock.wait_until_running(0.02)
    executor.shutdown()
    for node in (player, listener):
        node.destroy_node()
    rclpy.try_shutdown(context=context)
