"""Calls to the services and parameters of other nodes."""

from collections.abc import Callable
import time
from typing import Any

from lifecycle_msgs.srv import ChangeState
from lps_ros.nodes.process import StartError
from lps_ros.nodes.question import Question
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger


class Remote:
    """
    Calls services and waits for the answer, while `spin_once(timeout_s)` turns the executor.

    Every method raises StartError, one line naming the service, when there is no such service,
    no answer within the timeout, or an answer that says no.
    """

    def __init__(
            self, node: Node, spin_once: Callable[[float], None], *,
            timeout_s: float = 30.0) -> None:
        self._node = node
        self._spin_once = spin_once
        self._timeout_s = timeout_s
        self._clients: dict[str, Any] = {}

    def call(self, service_type: type, name: str, request: Any) -> Any:
        """Return the response of one call."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self._node.create_client(service_type, name)
        self._wait(client.service_is_ready, f'service {name} is not there; is its node running?')
        question = Question(client, request, repeat=service_type is SetParameters)
        self._wait(
            question.answered, f'service {name} did not answer within {self._timeout_s:g} s')
        return question.answer

    def trigger(self, name: str) -> str:
        """Call a std_srvs/Trigger service and return its message."""
        response = self.call(Trigger, name, Trigger.Request())
        if not response.success:
            raise StartError(f'{name}: {response.message}')
        return response.message

    def set_parameters(self, node_name: str, **values: bool | int | float | str) -> None:
        """Set parameters of another node."""
        request = SetParameters.Request(parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()])
        response = self.call(SetParameters, f'{node_name}/set_parameters', request)
        for name, result in zip(values, response.results):
            if not result.successful:
                raise StartError(f'{node_name} refused {name}={values[name]}: {result.reason}')

    def change_state(self, node_name: str, transition: int) -> None:
        """Take a lifecycle node through one of the transitions of lifecycle_msgs/Transition."""
        request = ChangeState.Request()
        request.transition.id = transition
        if not self.call(ChangeState, f'{node_name}/change_state', request).success:
            raise StartError(
                f'{node_name} refused lifecycle transition {transition}; its log says why')

    def _wait(self, done: Callable[[], bool], complaint: str) -> None:
        deadline_s = time.monotonic() + self._timeout_s
        while not done():
            if time.monotonic() > deadline_s:
                raise StartError(complaint)
            self._spin_once(0.02)
