"""Subscriptions whose messages wait until they are collected, in this process."""

import time

from lps_ros.contract import load_contract
from lps_ros.control.gates import ObservationGate
from lps_ros.data import messages
from lps_ros.nodes.policy_inputs import PolicyInputs
from lps_ros.nodes.qos import FAST_SENSOR
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.receive_clock import drain
from lps_ros.nodes.receive_clock import ReceiveClock
from policy_harness import CONTRACT
from policy_harness import observed
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import Subscription

_PATIENCE_S = 30.0


class CountingExecutor(SingleThreadedExecutor):
    """Counts how often it begins to wait, by its asking for the joints' subscription."""

    waits = 0

    def can_execute(self, entity):
        """Tell whether the entity is waited for."""
        self.waits += (isinstance(entity, Subscription)
                       and entity.topic_name == '/joint_states')
        return super().can_execute(entity)


@pytest.fixture
def nodes(ros_domain):
    """Return the node of the policy and that of the robot."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    policy, robot = (Node(name, context=context, start_parameter_services=False)
                     for name in ('policy', 'robot'))
    yield policy, robot
    for node in (policy, robot):
        node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.fixture
def inputs(nodes):
    """Return the policy's subscriptions, to joints, a pose and a camera among others."""
    policy, _ = nodes
    contract = load_contract(CONTRACT)
    inputs = PolicyInputs(
        policy, contract, ObservationGate(contract.observations), ReceiveClock(policy),
        lock_step=lambda: False)
    yield inputs
    inputs.close()


def test_the_executor_rests_while_messages_wait_to_be_collected(nodes, inputs):
    policy, robot = nodes
    message = observed(0)['joint_states']
    publisher = robot.create_publisher(type(message), 'joint_states', SENSOR)

    end_s = time.monotonic() + _PATIENCE_S
    while not inputs.count:
        assert time.monotonic() < end_s
        publisher.publish(message)
        inputs.collect()
    executor = CountingExecutor(context=policy.context)
    executor.add_node(policy)
    inputs.count = 0
    publisher.publish(message)
    # Past the moment in which events are heard, and the executor's own beginning.
    executor.spin_once(timeout_sec=0.1)
    executor.waits = 0
    executor.spin_once(timeout_sec=0.2)
    assert 1 <= executor.waits < 5
    # It had been waiting all the time.
    inputs.collect()
    assert inputs.count
    executor.shutdown()


def test_a_fast_stream_waits_whole_until_it_is_collected(nodes, inputs):
    policy, robot = nodes
    message = observed(0)['joint_states']
    publisher = robot.create_publisher(type(message), 'joint_states', 100)
    witness = policy.create_subscription(
        type(message), 'joint_states', lambda message: None, FAST_SENSOR)
    witnessed = []

    def until(condition, do):
        end_s = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s
            do()

    def hear():
        drain(witness, lambda *taken: witnessed.append(taken))

    until(lambda: inputs.count and witnessed,
          lambda: (publisher.publish(message), inputs.collect(), hear()))
    # What was sent for that has come.
    until(lambda: publisher.wait_for_all_acked(), hear)
    inputs.collect()
    inputs.count = 0
    witnessed.clear()
    for _ in range(50):
        publisher.publish(message)
    until(lambda: len(witnessed) >= 50, hear)
    # Arm and gripper are read from one topic.
    until(lambda: inputs.count >= 2 * 50, inputs.collect)


def test_what_decodes_pictures_is_ready_before_the_first_one(request):
    messages.typestore.cache_clear()
    request.getfixturevalue('inputs')
    assert messages.typestore.cache_info().currsize == 1
