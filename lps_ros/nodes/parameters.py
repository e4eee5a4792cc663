"""Declare a node's parameters with what ROS 2 tools show of them."""

from collections.abc import Sequence
from typing import Any

from lps_ros.nodes.process import StartError
from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter


def declare(
        node: Node, name: str, default: bool | int | float | str, description: str, *,
        between: tuple[float, float] | None = None, one_of: tuple[str, ...] = (),
        read_only: bool = False) -> Any:
    """
    Declare one parameter and return its value.

    A number may be kept to an inclusive range, a string to a set of values; both also hold when
    the parameter is set later. Raises StartError or rclpy's ParameterException, whose message is
    one line, for a value that is not allowed.
    """
    if one_of:
        description = f'{description} One of: {", ".join(one_of)}.'
    descriptor = ParameterDescriptor(
        description=description, read_only=read_only,
        additional_constraints=', '.join(one_of))
    if between is not None and isinstance(default, float):
        descriptor.floating_point_range = [FloatingPointRange(
            from_value=float(between[0]), to_value=float(between[1]))]
    elif between is not None:
        descriptor.integer_range = [IntegerRange(
            from_value=int(between[0]), to_value=int(between[1]), step=1)]
    value = node.declare_parameter(name, default, descriptor).value
    if one_of:
        reason = _not_one_of(name, value, one_of)
        if reason:
            raise StartError(reason)
        node.add_on_set_parameters_callback(_keep_to(name, one_of))
    return value


def _keep_to(name: str, one_of: Sequence[str]) -> Any:
    def check(parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == name:
                reason = _not_one_of(name, parameter.value, one_of)
                if reason:
                    return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)
    return check


def _not_one_of(name: str, value: str, one_of: Sequence[str]) -> str:
    if value in one_of:
        return ''
    return f"parameter {name} is '{value}', expected one of: {', '.join(one_of)}"
