"""Readable differences between two contracts."""

from dataclasses import dataclass
from typing import Any

from lps_ros.contract.hashing import data_content
from lps_ros.contract.hashing import deployment_content
from lps_ros.contract.robot_contract import Contract


@dataclass(frozen=True, kw_only=True)
class ContractDifference:
    """Lines such as `rate_hz: recorded 20.0, current 10.0`; those in `data` are refused."""

    data: list[str]
    deployment: list[str]

    @property
    def refused(self) -> bool:
        """Whether data or policy of one contract must not be used with the other."""
        return bool(self.data)


def differences(
        recorded: Contract, current: Contract, *, subset: bool = False) -> ContractDifference:
    """
    Compare a recorded contract (of an episode, of a bundle) with the current one.

    subset: the recorded contract may use fewer observations, as a bundle may; what the current
    one has beyond them is then left out of the comparison.
    """
    keys = {o.key for o in recorded.observations} if subset else None
    return ContractDifference(
        data=_lines('', data_content(recorded), data_content(current, keys)),
        deployment=_lines('', deployment_content(recorded), deployment_content(current, keys)),
    )


def _lines(path: str, recorded: Any, current: Any) -> list[str]:
    if isinstance(recorded, dict) and isinstance(current, dict):
        lines = []
        for key in dict.fromkeys((*recorded, *current)):
            place = f'{path}.{key}' if path else key
            if key not in current:
                lines.append(f'{place}: recorded {_brief(recorded[key])}, current none')
            elif key not in recorded:
                lines.append(f'{place}: recorded none, current {_brief(current[key])}')
            else:
                lines += _lines(place, recorded[key], current[key])
        return lines
    if recorded == current or path.startswith('order.') and set(recorded) != set(current):
        return []  # a missing stream has its own line
    return [f'{path}: recorded {_brief(recorded)}, current {_brief(current)}']


def _brief(value: Any) -> str:
    if value is None or value == []:
        return 'none'
    if isinstance(value, dict):
        return value.get('type') or value.get('kind') or _pairs(value)
    if isinstance(value, list):
        return f"[{', '.join(_brief(item) for item in value)}]"
    return str(value)


def _pairs(value: dict[str, Any]) -> str:
    return '{' + ', '.join(f'{key}: {_brief(item)}' for key, item in value.items()) + '}'
