"""The quality-of-service profiles that every node here uses."""

from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

# A subscriber that asks for best effort also receives from reliable publishers.
SENSOR = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

# For what is collected now and then: a thousand a second come between two ticks of 20 Hz, and the
# one that is in force at a tick must not be gone when the tick is served late.
FAST_SENSOR = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)

# Reliable publisher side of the simulated robot: matches either kind of subscriber.
SENSOR_SOURCE = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE)

# In lock-step a tick is published once all have acknowledged the last one. The middleware asks
# for that at once where the queue is full, and else after seconds.
LOCK_STEP_SOURCE = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Two readings belong to a tick.
LOCK_STEP_CLOCK = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)

# Depth 1: a queue of old commands is dangerous.
COMMAND = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)

# A person's commands: what matches any publisher.
TELEOPERATION = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL)
