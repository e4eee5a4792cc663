"""A lifecycle node whose transitions fail with a logged reason instead of an exception."""

from collections.abc import Callable
from typing import Any

from lps_ros.control.planning import one_line
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn


class ManagedNode(LifecycleNode):
    """
    Lifecycle node; subclasses give `configure`, `activate`, `deactivate` and `cleanup`.

    An exception in one of them is logged as one line, kept in `failure`, and makes the
    transition fail; rclpy alone would swallow it. `deactivate` and `cleanup` also run on
    shutdown and error, in any state, and must bear being called twice.
    """

    def __init__(self, name: str) -> None:
        self.state = 'unconfigured'
        self.failure = ''
        self.logs_failures = True
        super().__init__(name)
        self._refuse_unknown_transitions()

    def configure(self) -> None:
        """Make everything that is needed to become active."""
        raise NotImplementedError

    def activate(self) -> None:
        """Begin to move the robot."""
        raise NotImplementedError

    def deactivate(self) -> None:
        """Stop the robot."""
        raise NotImplementedError

    def cleanup(self) -> None:
        """Take down what `configure` has made."""
        raise NotImplementedError

    def changed_state(self) -> None:
        """Tell the outside that `state` or `failure` has changed."""
        raise NotImplementedError

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; whatever a failed attempt has made is taken down again."""
        publishers, subscriptions = {*self.publishers}, {*self.subscriptions}
        result = self._attempt('inactive', self.configure)
        if result != TransitionCallbackReturn.SUCCESS:
            self.cleanup()
            # What raised when it was half made cannot: publishers would stay on their topics.
            for publisher in {*self.publishers} - publishers:
                self.destroy_publisher(publisher)
            for subscription in {*self.subscriptions} - subscriptions:
                self.destroy_subscription(subscription)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate; a failed attempt leaves nothing at work."""
        result = self._attempt('active', self.activate)
        if result != TransitionCallbackReturn.SUCCESS:
            self.deactivate()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate."""
        return self._attempt('inactive', self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up."""
        return self._attempt('unconfigured', self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and clean up for good."""
        return self._attempt('finalized', self.deactivate, self.cleanup)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and clean up; the node can be configured again."""
        return self._attempt('unconfigured', self.deactivate, self.cleanup)

    def _attempt(self, state: str, *acts: Callable[[], None]) -> TransitionCallbackReturn:
        self.failure = ''
        for act in acts:
            try:
                act()
            except Exception as error:  # rclpy would swallow it, and nobody learn why
                self.failure = one_line(error)
                if self.logs_failures:
                    self.get_logger().error(f'{act.__name__} failed: {self.failure}')
        if not self.failure:
            self.state = state
        self.changed_state()
        return (TransitionCallbackReturn.FAILURE if self.failure
                else TransitionCallbackReturn.SUCCESS)

    def _refuse_unknown_transitions(self) -> None:
        """Answer a request for a transition that this state does not have; rclpy would raise."""
        answer = self._service_change_state.callback

        def guarded(request: Any, response: Any) -> Any:
            try:
                return answer(request, response)
            except RuntimeError as error:
                self.get_logger().warning(
                    f'transition {request.transition.label or request.transition.id} refused in '
                    f'state {self.state}: {one_line(error)}')
                response.success = False
                return response

        self._service_change_state.callback = guarded
