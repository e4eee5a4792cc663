"""The life of a node's process: start, spin, stop in the right order, exit status."""

from collections.abc import Callable
from collections.abc import Sequence
import gc
import os
import signal
import sys
from types import FrameType
from typing import Protocol

from lps_ros.errors import UserError
from lps_ros.fast_dds import use_image_profile
from lps_ros.nodes import PARENT_VARIABLE
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

# A signal is noticed when the executor's wait returns, so no wait may be longer than this.
LONGEST_WAIT_S = 0.05
# SIGHUP: the terminal or the connection to it is gone.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class StartError(UserError):
    """A node cannot start or go on; the message is one line for the user."""


class SpinningNode(Protocol):
    """What `run_node` asks of a node besides being an rclpy node."""

    finished: bool

    def poll(self) -> None:
        """Do what is due; called after every turn of the executor."""

    def wait_s(self) -> float:
        """Return how long the executor may wait for a callback, in seconds."""

    def stop(self) -> None:
        """Bring what the node moves to a stop; the context is still valid."""


def run_node(make_node: Callable[[], SpinningNode], args: Sequence[str] | None = None) -> int:
    """
    Run one node until it is finished or the process is asked to end; return the exit status.

    rclpy's own signal handlers would invalidate the context before a stop could be published, so
    signals are handled here: the loop ends, `stop()` is called, then ROS is shut down. What takes
    long in one call of a node has to look at `end_requested()`.
    """
    try:
        _initialise(sys.argv[1:] if args is None else args)
    except StartError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    _end.listen()
    node = None
    executor = SingleThreadedExecutor()
    try:
        node = make_node()
        _warn_of_unknown_parameters(node)
        executor.add_node(node)
        while not node.finished and not end_requested():
            executor.spin_once(timeout_sec=min(node.wait_s(), LONGEST_WAIT_S))
            node.poll()
    except (StartError, ParameterException) as error:
        # What was given up since the process is to end is no error.
        if not end_requested():
            print(f'error: {error}', file=sys.stderr)
            return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if node is not None:
            node.stop()
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        # The interpreter would walk all of torch's objects once more: seconds on a busy machine.
        gc.freeze()
    return 0


def end_requested() -> bool:
    """Tell whether the node that `run_node` runs is to end."""
    return _end.made()


def _initialise(args: Sequence[str]) -> None:
    """Initialise ROS; raises StartError on arguments that it does not know."""
    try:
        unknown = remove_ros_args(['', *args])[1:]
        left_out = use_image_profile()
        if left_out:
            print(f'warning: {left_out}', file=sys.stderr)
        rclpy.init(args=list(args), signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise StartError(f'ROS cannot start: {" ".join(str(error).split())}') from error
    if unknown:
        raise StartError(f'found argument {" ".join(unknown)!r}, expected ROS arguments after '
                         '--ros-args only, such as --ros-args -p name:=value')


def _warn_of_unknown_parameters(node: Node) -> None:
    """Tell of parameters that were set but that the node does not have: misspelt, perhaps."""
    for name in getattr(node, '_parameter_overrides', {}):
        if not node.has_parameter(name) and not name.startswith('qos_overrides.'):
            node.get_logger().warning(f"parameter '{name}' was set, but there is none of this "
                                      'name; `ros2 param describe` lists them')


class _EndRequest:
    """Made by a signal, or by the death of the command that started this process."""

    def __init__(self) -> None:
        self._signalled = False
        self._parent = 0

    def listen(self) -> None:
        """Take signals from now on."""
        self._signalled = False
        self._parent = int(os.environ.pop(PARENT_VARIABLE, 0))
        for number in _ENDING_SIGNALS:
            # Under `nohup` a node outlives its terminal.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._signal)

    def made(self) -> bool:
        """Tell whether the node is to end."""
        return self._signalled or self._parent not in (0, os.getppid())

    def _signal(self, signum: int, frame: FrameType | None) -> None:
        self._signalled = True


# A process has its signals once.
_end = _EndRequest()
