"""Figures of a replay: fitness of the input, error against the recording, Q of both."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
import math

from lps_ros.contract import Action
from lps_ros.contract import Contract
from lps_ros.evaluation.episode_replay import EpisodeReplay
import numpy as np

# Observation dimensions that are listed as the least familiar.
_LISTED = 5
_ROUNDING = 1e-6
# A dimension that did not vary in training has no range to compare with.
_SMALLEST_RANGE = 1e-3


def action_units(contract: Contract) -> list[str]:
    """Return the unit of each action dimension, empty where the contract does not say."""
    units: list[str] = []
    for action in contract.actions:
        units += _units(action)
    return units


def _units(action: Action) -> list[str]:
    if action.type == 'geometry_msgs/msg/TwistStamped':
        return ['rad/s' if field.startswith('angular') else 'm/s' for field in action.fields]
    unit = action.unit or ''
    # A list of units does not say which dimension has which.
    return ['' if ',' in unit else unit] * action.width


def input_figures(replays: Sequence[EpisodeReplay], contract: Contract) -> dict:
    """Return, per stream, messages, ages and the ticks at which it kept the policy from acting."""
    figures = {}
    for spec in contract.observations:
        parts = [replay.inputs[spec.key] for replay in replays]
        ages_s = np.concatenate([part.ages_s for part in parts])
        ages_s = ages_s[np.isfinite(ages_s)]
        seconds = sum(len(replay.ticks_ns) for replay in replays) / contract.rate_hz
        figures[spec.key] = {
            'topic': spec.topic,
            'messages': sum(part.messages for part in parts),
            'rate_hz': sum(part.messages for part in parts) / seconds,
            'age_p50_s': _quantile(ages_s, 0.5),
            'age_p99_s': _quantile(ages_s, 0.99),
            'age_max_s': _quantile(ages_s, 1.0),
            'max_age_s': spec.max_age_s,
            'missing_ticks': sum(part.missing for part in parts),
            'stale_ticks': sum(part.stale for part in parts),
            'unfit_ticks': sum(part.unfit for part in parts),
        }
    return figures


def executed_figures(replays: Sequence[EpisodeReplay], half_range: np.ndarray) -> dict:
    """
    Return the error of the commands that the node would have sent, (A,) per figure.

    :param half_range: (A,) half of the scale; `rmse_of_half_range` is the mean over dimensions
    """
    error = np.concatenate([replay.executed - replay.recorded for replay in replays])
    limited = sum((replay.limited for replay in replays), Counter())
    refused = sum((replay.refused for replay in replays), Counter())
    return {
        'ticks': int(np.isfinite(error).all(axis=1).sum()),
        **_error(error),
        'rmse_of_half_range': float(np.mean(_rms(error) / half_range)),
        'largest_change': _largest_change([replay.executed for replay in replays]),
        'recorded_largest_change': _largest_change([replay.recorded for replay in replays]),
        'limited_ticks': sum(replay.limited_ticks for replay in replays),
        'limited': dict(limited.most_common()),
        'refused': dict(refused.most_common()),
    }


def open_loop_figures(replays: Sequence[EpisodeReplay], half_range: np.ndarray) -> dict:
    """Return the error of the chunks planned at every tick: (H, A), and (A,) over all steps."""
    horizon = replays[0].chunks.shape[1]
    steps = []
    for step in range(horizon):
        steps.append(np.concatenate([
            replay.chunks[:len(replay.recorded) - step, step] - replay.recorded[step:]
            for replay in replays]))
    error = np.concatenate(steps)
    return {
        'ticks': int(sum(replay.fit.sum() for replay in replays)),
        **_error(error),
        'rmse_of_half_range': float(np.mean(_rms(error) / half_range)),
        'rmse_per_step': [_rms(step).tolist() for step in steps],
        'mean_abs_per_step': [_mean(np.abs(step)).tolist() for step in steps],
    }


def q_figures(replays: Sequence[EpisodeReplay]) -> dict:
    """
    Return Q of the planned and of the recorded chunk at the ticks that have both.

    `min` and `mean` are over the critics, then averaged over ticks; `higher` is the share of
    ticks at which the planned chunk has the higher minimum.
    """
    policy = np.concatenate([replay.q_policy for replay in replays])
    recorded = np.concatenate([replay.q_recorded for replay in replays])
    both = np.isfinite(policy).all(axis=1) & np.isfinite(recorded).all(axis=1)
    policy, recorded = policy[both], recorded[both]
    return {
        'ticks': int(both.sum()),
        'policy': {'min': _scalar(policy[:, 0]), 'mean': _scalar(policy[:, 1])},
        'recorded': {'min': _scalar(recorded[:, 0]), 'mean': _scalar(recorded[:, 1])},
        'higher': _scalar(policy[:, 0] > recorded[:, 0]),
    }


def familiarity_figures(
        replays: Sequence[EpisodeReplay], names: Sequence[str],
        statistics: Mapping | None) -> dict | None:
    """
    Return where the observations lie outside the range that the training data covered.

    `ticks` counts those with any dimension outside; `farthest` lists dimensions with their number
    of ticks and how far they lie beyond, as a fraction of the range. None without statistics.

    :param names: of the S observation dimensions
    :param statistics: `min` and `max` (S,) of the training observations, as a bundle has them
    """
    if not statistics:
        return None
    observations = np.concatenate([replay.observations[replay.fit] for replay in replays])
    low, high = (np.array(statistics[name], np.float32) for name in ('min', 'max'))
    beyond = np.maximum(low - observations, observations - high)
    outside = beyond > _ROUNDING
    farthest = beyond.max(axis=0, initial=0.0) / np.maximum(high - low, _SMALLEST_RANGE)
    return {
        'ticks': int(outside.any(axis=1).sum()),
        'farthest': [{'name': names[i], 'ticks': int(outside[:, i].sum()),
                      'beyond': float(farthest[i])}
                     for i in np.argsort(-farthest, kind='stable')[:_LISTED]
                     if outside[:, i].any()],
    }


def doubt_figures(replays: Sequence[EpisodeReplay]) -> dict:
    """
    Return how unfamiliar the observations were and how much the critics disagreed.

    Each over the ticks planned at, None where plans do not tell; `ticks_above_1`: beyond the
    edge of the training data.
    """
    figures: dict = {}
    for name in ('unfamiliarity', 'disagreement'):
        values = np.concatenate([getattr(replay, name) for replay in replays])
        values = values[~np.isnan(values)]
        figures[name] = {
            'ticks': len(values), 'median': _quantile(values, 0.5), 'p99': _quantile(values, 0.99),
            'max': _quantile(values, 1.0)} if len(values) else None
        if name == 'unfamiliarity' and len(values):
            figures[name]['ticks_above_1'] = int((values > 1.0).sum())
    return figures


def _error(error: np.ndarray) -> dict:
    return {'rmse': _rms(error).tolist(), 'mean_abs': _mean(np.abs(error)).tolist(),
            'bias': _mean(error).tolist(),
            'max_abs': _columns(np.max, np.abs(error)).tolist()}


def _columns(function: object, values: np.ndarray) -> np.ndarray:
    """Return `function` of the finite values of each column, NaN without any."""
    return np.array([function(column[np.isfinite(column)]) if np.isfinite(column).any()
                     else math.nan for column in values.T])


def _mean(values: np.ndarray) -> np.ndarray:
    return _columns(np.mean, values)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean(np.square(values)))


def _largest_change(commands: Sequence[np.ndarray]) -> list[float]:
    changes = np.concatenate([np.abs(np.diff(each, axis=0)) for each in commands])
    return _columns(np.max, changes).tolist()


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else math.nan


def _scalar(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def planning_figures(replays: Sequence[EpisodeReplay]) -> dict:
    """Return the time that the plans of the executed runs took on this machine."""
    times_ms = 1e3 * np.array([time_s for replay in replays for time_s in replay.plan_s])
    return {'plans': len(times_ms), 'p50_ms': _quantile(times_ms, 0.5),
            'p99_ms': _quantile(times_ms, 0.99), 'max_ms': _quantile(times_ms, 1.0)}
