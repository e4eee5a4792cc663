"""A progress bar for work of unknown speed."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

# Progress shows up for work that takes longer than this.
_DELAY_S = 2.0


@contextmanager
def progress(what: str, unit: str = 'it') -> Iterator[Callable[[int, int], None]]:
    """Give a function of done and total that shows a bar on a terminal, for longer work."""
    with tqdm(desc=what, unit=unit, delay=_DELAY_S, disable=None, leave=False) as bar:
        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
        yield show
