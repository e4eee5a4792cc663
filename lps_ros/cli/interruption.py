"""How commands end when they are asked to: Ctrl-C, a request to end, a terminal that is gone."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
import signal


def interrupt_on_signals() -> None:
    """Let every such signal raise KeyboardInterrupt, so that what was started is ended too."""
    for number in _heeded():
        signal.signal(number, signal.default_int_handler)


@contextmanager
def calls_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` instead of raising, for work that ends by itself and keeps what it has."""
    with ExitStack() as stack:
        for number in _heeded():
            stack.callback(signal.signal, number, signal.signal(number, lambda *_: stop()))
        yield


def _heeded() -> list[signal.Signals]:
    heeded = [signal.SIGINT, signal.SIGTERM]
    # Under `nohup` work outlives its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heeded.append(signal.SIGHUP)
    return heeded
