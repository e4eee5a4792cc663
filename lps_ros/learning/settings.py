"""Builds configuration dataclasses from YAML, JSON or command-line values, with checks."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import Literal
from typing import TypeVar

from lps_ros.learning.errors import ConfigError

T = TypeVar('T')
Ranges = Mapping[str, tuple[float, float]]


def names(cls: type) -> list[str]:
    """Return the names of a dataclass's fields."""
    return [field.name for field in fields(cls)]


def build(cls: type[T], values: Mapping[str, Any], ranges: Ranges, source: str) -> T:
    """
    Build a dataclass from values, which may be strings; those not given keep their default.

    `ranges` holds the smallest and largest number of a field (of each item of a tuple). A tuple
    may be empty only where its default is. Raises ConfigError, one line starting with `source`
    and the setting, on a wrong value or name.
    """
    hints = get_type_hints(cls)
    for name in values:
        if name not in hints:
            raise unknown(name, hints, source)
    defaults = {field.name: field.default for field in fields(cls)}
    built = {
        name: _Field(f'{source}: {name}', ranges.get(name)).read(value, hints[name])
        for name, value in values.items()}
    for name, value in built.items():
        if value == () and defaults[name] != ():
            raise ConfigError(f'{source}: {name}: found an empty list, expected one or more')
    return cls(**built)


def unknown(name: str, known: Mapping[str, Any] | list[str], source: str) -> ConfigError:
    """Make the error for a setting that does not exist."""
    close = get_close_matches(name, list(known), n=1)
    advice = f"did you mean '{close[0]}'?" if close else f'expected one of {", ".join(known)}'
    return ConfigError(f"{source}: found no setting '{name}'; {advice}")


class _Field:
    def __init__(self, label: str, limits: tuple[float, float] | None) -> None:
        self._label = label
        self._limits = limits

    def read(self, value: Any, hint: Any) -> Any:
        """Return the value as the hinted type."""
        if get_origin(hint) is Literal:
            return self._choice(value, get_args(hint))
        if get_origin(hint) is tuple:
            return self._items(value, get_args(hint)[0])
        if hint is bool:
            return self._choice({'true': True, 'false': False}.get(
                str(value).lower(), value), (True, False))
        if hint is str:
            return str(value)
        return self._number(value, hint)

    def _choice(self, value: Any, choices: tuple[Any, ...]) -> Any:
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            raise self._error(value, f'one of {", ".join(map(str, choices))}')
        return value

    def _items(self, value: Any, hint: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = value.replace(',', ' ').split()
        if not isinstance(value, list | tuple):
            raise self._error(value, 'a list')
        return tuple(self.read(item, hint) for item in value)

    def _number(self, value: Any, hint: type) -> Any:
        kind = 'an integer' if hint is int else 'a number'
        try:
            # YAML reads 1e-3 as text, and a bool is an int to Python.
            number = float('nan') if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            raise self._error(value, kind) from None
        if hint is int and not number.is_integer():
            raise self._error(value, kind)
        low, high = self._limits or (float('-inf'), float('inf'))
        if not low <= number <= high:
            raise self._error(value, f'{kind} from {low:g} to {high:g}')
        return hint(number)

    def _error(self, value: Any, expected: str) -> ConfigError:
        return ConfigError(f'{self._label}: found {value!r}, expected {expected}')
