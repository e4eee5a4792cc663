"""Calls to services of other nodes from within a node's own loop."""

from collections.abc import Callable
from collections.abc import Iterator
import time
from typing import Any

from lifecycle_msgs.srv import ChangeState
from lps_ros.nodes.process import StartError
from lps_ros.nodes.question import Question
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

# A step of a script: runs until there is something to wait for.
Script = Iterator[None]


class ServiceCalls:
    """
    Every method is a script for `yield from`: it yields while it waits.

    The node's loop goes on meanwhile. Each raises StartError, one line that names the service,
    when the service is missing, silent or says no.
    """

    def __init__(self, node: Node, *, timeout_s: float) -> None:
        self._node = node
        self._timeout_s = timeout_s
        self._clients: dict[str, Any] = {}

    def trigger(self, name: str) -> Script:
        """Call a std_srvs/Trigger service."""
        response = yield from self._call(Trigger, name, Trigger.Request())
        if not response.success:
            raise StartError(f'{name} says no: {response.message}')

    def set_parameters(self, node_name: str, **values: bool | int | float | str) -> Script:
        """Set parameters of another node."""
        request = SetParameters.Request(parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()])
        response = yield from self._call(SetParameters, f'{node_name}/set_parameters', request)
        for (name, value), result in zip(values.items(), response.results):
            if not result.successful:
                raise StartError(f'{node_name} refused {name}={value}: {result.reason}')

    def change_state(self, node_name: str, transition: int) -> Script:
        """Take a lifecycle node through one of the transitions of lifecycle_msgs/Transition."""
        request = ChangeState.Request()
        request.transition.id = transition
        response = yield from self._call(ChangeState, f'{node_name}/change_state', request)
        if not response.success:
            raise StartError(
                f'{node_name} refused lifecycle transition {transition}; its log says why')

    def until(self, done: Callable[[], bool], complaint: str) -> Script:
        """Wait for a condition; raises StartError when it takes too long."""
        deadline_s = time.monotonic() + self._timeout_s
        while not done():
            if time.monotonic() > deadline_s:
                raise StartError(f'waited {self._timeout_s:g} s: {complaint}')
            yield

    def _call(self, kind: type, name: str, request: Any) -> Iterator[None]:
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name)
        client = self._clients[name]
        yield from self.until(
            client.service_is_ready, f'service {name} is not there; is its node running?')
        question = Question(client, request, repeat=kind is SetParameters)
        yield from self.until(question.answered, f'service {name} gives no answer')
        return question.answer
