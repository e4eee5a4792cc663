"""What people do to the policy node: arm, stop, hold the switch, take over."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lps_ros.contract import Action
from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract.message_types import TRAJECTORY
from lps_ros.contract.topics import teleop_topic
from lps_ros.control.authority import Authority
from lps_ros.control.limits import CommandRefused
from lps_ros.nodes.policy_parameters import PolicyParameters
from lps_ros.nodes.qos import SENSOR
from lps_ros.nodes.qos import TELEOPERATION
from lps_ros.nodes.ros_messages import message_class
from lps_ros.nodes.ros_messages import stamp_ns
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

_COMPLAIN_S = 2.0
# Control periods from now to the first point of a trajectory; beyond, it is no command of now.
_FIRST_POINT_PERIODS = 2

Teleoperate = Callable[[str, Any], None]


class ArmServices:
    """`~/arm` and `~/disarm`; `arm()` and `disarm()` return whether, and what to say."""

    def __init__(
            self, node: LifecycleNode, arm: Callable[[], tuple[bool, str]],
            disarm: Callable[[], tuple[bool, str]]) -> None:
        for name, act in (('arm', arm), ('disarm', disarm)):
            node.create_service(Trigger, f'~/{name}', partial(_answer, act))


class DeadMan:
    """
    Watches the button that has to be held; none where the topic is empty.

    It counts as held from the message's stamp on, where there is one, whenever it arrives.
    """

    def __init__(
            self, node: LifecycleNode, parameters: PolicyParameters, authority: Authority,
            changed: Callable[[], None]) -> None:
        self._node = node
        self._button = parameters['dead_man_button']
        self._fresh_s = parameters['dead_man_s']
        self._authority = authority
        self._changed = changed
        topic = parameters['dead_man_topic']
        self._subscription = node.create_subscription(
            Joy, topic, self._on_joy, SENSOR) if topic else None

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_joy(self, joy: Joy) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        held = len(joy.buttons) > self._button and joy.buttons[self._button] == 1
        sent_ns = stamp_ns(joy) or now_ns
        age_s = (now_ns - sent_ns) * 1e-9
        if held and abs(age_s) > self._fresh_s:
            self._node.get_logger().warning(
                f'{self._subscription.topic_name} does not hold the switch: it is {age_s:.2f} s '
                f'old by its stamp, expected at most {self._fresh_s:g} s; synchronise the clocks, '
                'or look at the network', throttle_duration_sec=_COMPLAIN_S)
        self._authority.hold_switch(held, sent_ns)
        self._changed()


class Teleoperation:
    """
    Subscribes to `teleop/<topic>` of every action and passes physical values (W,) on.

    `refused` is called for each message that is no command, or that `teleoperate` refuses.
    """

    def __init__(
            self, node: LifecycleNode, contract: Contract, teleoperate: Teleoperate,
            refused: Callable[[], None]) -> None:
        self._node = node
        self._farthest_ns = _FIRST_POINT_PERIODS * contract.clock.period_ns
        self._refused = refused
        self._codec = ActionCodec(contract)
        self._teleoperate = teleoperate
        self._subscriptions = [
            node.create_subscription(
                message_class(action.type), teleop_topic(action.topic),
                partial(self._on_message, action), TELEOPERATION)
            for action in contract.actions]

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _on_message(self, action: Action, message: Any) -> None:
        try:
            values = self._codec.part(action.key, extract(action, message))
            if action.type == TRAJECTORY:
                self._check_first_point(message)
            self._teleoperate(action.key, values)
        except (MessageError, CommandRefused) as error:
            self._refused()
            self._node.get_logger().warning(
                f'{teleop_topic(action.topic)} ignored: {error}',
                throttle_duration_sec=_COMPLAIN_S)

    def _check_first_point(self, message: Any) -> None:
        """Refuse a motion that is to take longer than until the next command."""
        time = message.points[0].time_from_start
        after_ns = time.sec * 10**9 + time.nanosec
        if after_ns > self._farthest_ns:
            raise CommandRefused(
                f'found a first point after {after_ns * 1e-9:g} s, expected at most '
                f'{self._farthest_ns * 1e-9:g} s; send one point per control period')


def _answer(
        act: Callable[[], tuple[bool, str]], request: Trigger.Request,
        response: Trigger.Response) -> Trigger.Response:
    response.success, response.message = act()
    return response
