"""Chunks as they are learnt: positions as offsets from where the robot is."""

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import row_columns
import numpy as np

# The share of training chunks that the range of an offset covers, and what is added to it.
_COVERED, _SPARE = 0.998, 1.1
# Of a range of offsets, in units of the action's scale: a joint that never moved has none.
_NARROWEST = 1e-4


class RelativeActions:
    """
    Translates chunks (..., H, A) between [-1, 1] of the contract's scale and what is learnt.

    For a contract with at least one action that is relative.

    An action with `relative_to` is learnt as its offset from the positions observed when the
    chunk is planned, in units of how far the training data go at that step; all others as they
    are. `spread` float64 (H, A), in units of the scale.
    """

    def __init__(self, contract: Contract, spread: np.ndarray) -> None:
        """Take how far offsets go; see `fit`."""
        self.spread = np.asarray(spread, np.float64)
        self._columns, self._observed = _columns(contract)
        codec = ActionCodec(contract)
        self._names = [codec.names[column] for column in self._columns]
        self._centre = 0.5 * (codec.high + codec.low)[self._columns]
        self._half = 0.5 * (codec.high - codec.low)[self._columns]

    @classmethod
    def fit(
            cls, contract: Contract, actions: np.ndarray,
            observations: np.ndarray) -> 'RelativeActions':
        """Take the range of offsets from chunks (N, H, A) in [-1, 1] at observations (N, S)."""
        relative = cls(contract, np.ones(actions.shape[1:]))
        columns = relative._columns
        offsets = actions[..., columns] - relative._origin(observations)[:, None]
        relative.spread[:, columns] = np.maximum(
            _SPARE * np.quantile(np.abs(offsets), _COVERED, axis=0), _NARROWEST)
        return relative

    def learnt(self, actions: np.ndarray, observations: np.ndarray) -> np.ndarray:
        """
        Return chunks (..., h, A) of the scale's [-1, 1], h up to H, as they are learnt.

        observations: (..., S), not normalised, that each chunk is planned from. float32; offsets
        beyond the range are clipped to it.
        """
        learnt = np.array(actions, np.float64)
        learnt[..., self._columns] = np.clip(self._offsets(learnt, observations), -1.0, 1.0)
        return learnt.astype(np.float32)

    def clipped(self, actions: np.ndarray, observations: np.ndarray) -> dict[str, float]:
        """
        Return the share of values that `learnt` clips, 0 to 1, where it clips any.

        By name, such as 'arm.elbow_joint'; takes chunks (N, h, A) and observations (N, S).
        """
        beyond = np.abs(self._offsets(actions, observations)) > 1.0
        return {name: float(share) for name, share in zip(
            self._names, beyond.mean(axis=(0, 1)), strict=True) if share > 0.0}

    def absolute(self, learnt: np.ndarray, observations: np.ndarray) -> np.ndarray:
        """Return learnt chunks (..., H, A) in units of the scale; the inverse of `learnt`."""
        actions = np.array(learnt, np.float64)
        actions[..., self._columns] *= self.spread[:, self._columns]
        actions[..., self._columns] += self._origin(observations)[..., None, :]
        return actions

    def _offsets(self, actions: np.ndarray, observations: np.ndarray) -> np.ndarray:
        """Return the relative columns (..., h, columns) as offsets, in units of their range."""
        offsets = actions[..., self._columns] - self._origin(observations)[..., None, :]
        return offsets / self.spread[:actions.shape[-2], self._columns]

    def _origin(self, observations: np.ndarray) -> np.ndarray:
        """Return the observed positions (..., columns) on the scale of the actions."""
        return (observations[..., self._observed] - self._centre) / self._half


def _columns(contract: Contract) -> tuple[list[int], list[int]]:
    """Return the columns of the actions learnt as offsets, and of what they are relative to."""
    actions, observations = ActionCodec(contract).names, ObservationEncoder(contract).names
    pairs = [
        (actions.index(f'{action.key}.{column}'), observations.index(
            f'{action.relative_to}.position.{name}'))
        for action in contract.actions if action.relative_to is not None
        for column, name in zip(row_columns(action), action.names, strict=True)]
    return [place for place, _ in pairs], [place for _, place in pairs]
