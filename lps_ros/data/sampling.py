"""Sampling on the control clock: the one definition for live recording, bags and replay."""

import numpy as np


def observation_index(ticks_ns: np.ndarray, received_ns: np.ndarray) -> np.ndarray:
    """
    Return for each tick the row of the last message received at or before it.

    ticks_ns (N,) and received_ns (M,) are int64 and ascending; returns int64 (N,), -1 where
    nothing had been received yet. Raises ValueError where received_ns descends.
    """
    _check_ascending(received_ns)
    return np.searchsorted(received_ns, ticks_ns, side='right').astype(np.int64) - 1


def action_index(
        ticks_ns: np.ndarray, period_end_ns: np.ndarray, received_ns: np.ndarray) -> np.ndarray:
    """
    Return for each tick the row of the last command received in (tick, period end].

    Where none was received in that period it is the command still in force, -1 before the first.
    ticks_ns and period_end_ns are (N,), received_ns (M,), all int64 and ascending; returns int64
    (N,). Raises ValueError where a period ends before its tick or received_ns descends.
    """
    if np.shape(ticks_ns) != np.shape(period_end_ns) or np.any(period_end_ns < ticks_ns):
        raise ValueError('a control period ends before its tick; pass the following ticks')
    # The last one up to the period's end is either in the period or the one in force.
    return observation_index(period_end_ns, received_ns)


def _check_ascending(received_ns: np.ndarray) -> None:
    if np.any(np.diff(received_ns) < 0):
        raise ValueError('received_ns descends; sort the messages by time of receipt first')
