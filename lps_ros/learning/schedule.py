"""The learning rate over a run."""

from math import cos
from math import pi
from typing import Literal

Schedule = Literal['cosine', 'constant']


def learning_rate(
        step: int, steps: int, *, peak: float, schedule: Schedule, warm_up: float,
        final: float) -> float:
    """
    Return the learning rate of update `step`, counted from 0, of a run of `steps`.

    It rises linearly from 0 over the share `warm_up` of the run, then stays, or falls along a
    cosine to `final` times the peak. As in the published code, the cosine ends as long before
    the last update as the warm-up takes.
    """
    rising = int(warm_up * steps)
    if step < rising:
        return peak * step / rising
    if schedule == 'constant':
        return peak
    progress = min((step - rising) / max(steps - 2 * rising, 1), 1.0)
    return peak * (final + (1 - final) * 0.5 * (1 + cos(pi * progress)))
