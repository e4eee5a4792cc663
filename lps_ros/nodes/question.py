"""One call of a service."""

import time
from typing import Any

from rclpy.client import Client

_ASK_AGAIN_S = 3.0


class Question:
    """
    A request under way; where `repeat` allows it, it is sent again while no answer comes.

    A server that has not yet discovered who asks does the work, but its answer is lost.
    """

    def __init__(self, client: Client, request: Any, *, repeat: bool) -> None:
        self._client = client
        self._request = request
        self._repeat = repeat
        self._futures: list[Any] = []
        self._ask()

    def answered(self) -> bool:
        """Tell whether there is an answer."""
        if self._repeat and time.monotonic() - self._asked_s > _ASK_AGAIN_S:
            self._ask()
        return any(future.done() for future in self._futures)

    @property
    def answer(self) -> Any:
        """Return the response."""
        return next(future.result() for future in self._futures if future.done())

    def _ask(self) -> None:
        self._asked_s = time.monotonic()
        self._futures.append(self._client.call_async(self._request))
