"""Typed reading of one mapping of a contract file, with errors that name file and key path."""

from collections.abc import Iterable
import difflib
import math
import re
import reprlib
from typing import Any
from typing import NoReturn

from lps_ros.contract.errors import ContractError
import numpy as np

REQUIRED = object()  # default of a key that has none
# ROS allows a name 255 characters with its namespace.
_LONGEST_TEXT = 200
# A few aliases in YAML make a value whose repr has no end; this one stops.
_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxlist = _REPR.maxdict = _REPR.maxset = _REPR.maxtuple = 4
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 120


class Section:
    """
    A mapping of the contract at `path`, read key by key.

    Every read names what was found, what was expected and what to do when it fails.
    """

    def __init__(self, *, source: str, path: str, value: Any) -> None:
        """Take a parsed YAML value; raises ContractError unless it is a mapping."""
        self.source = source
        self.path = path
        if not isinstance(value, dict):
            self.fail('', f'found {shown(value)}', 'expected a mapping',
                      'write `key: value` lines')
        self.mapping = value

    def fail(self, key: str, found: str, expected: str, remedy: str) -> NoReturn:
        """Raise the one-line ContractError of a key of this section."""
        place = '.'.join(part for part in (self.path, key) if part) or 'contract'
        raise ContractError(f'{self.source}: {place}: {found}, {expected}; {remedy}')

    def only(self, keys: Iterable[str]) -> None:
        """Refuse keys other than `keys`."""
        keys = tuple(keys)
        for key in self.mapping:
            if key not in keys:
                self.fail(key, 'found an unknown key', f"expected {' | '.join(keys)}",
                          _nearest(key, keys, 'remove it'))

    def _value(self, key: str, default: Any, expected: str) -> Any:
        value = self.mapping.get(key)
        if value is None:
            if default is REQUIRED:
                self.fail(key, 'key is missing', f'expected {expected}', f'add `{key}: ...`')
            return default
        return value

    def text(self, key: str, *, default: Any = REQUIRED, choices: Iterable[str] = (),
             pattern: str = '', expected: str = 'text') -> Any:
        """Read text that is one of `choices` or matches `pattern`, where given."""
        choices = tuple(choices)
        expected = f"one of {', '.join(choices)}" if choices else expected
        value = self._value(key, default, expected)
        if value is default:
            return value
        self._check_text(key, value, expected)
        if choices and value not in choices:
            self.fail(key, f"found '{value}'", f'expected {expected}',
                      _nearest(value, choices, 'choose one of these'))
        if pattern and not re.fullmatch(pattern, value):
            self.fail(key, f"found '{value}'", f'expected {expected}', 'rename it')
        return value

    def number(self, key: str, *, default: Any = REQUIRED, low: float = -math.inf,
               high: float = math.inf, above: float = -math.inf) -> Any:
        """Read a finite number with low <= number <= high and number > above."""
        expected = 'a finite number' + _interval(low, high, above)
        value = self._value(key, default, expected)
        if value is default:
            return value
        number = self._finite(key, value, expected)
        if not (low <= number <= high and number > above):
            self.fail(key, f'found {value}', f'expected {expected}', 'correct the value')
        return number

    def integer(self, key: str, *, default: Any = REQUIRED, low: int = 1,
                high: int = 2**31) -> Any:
        """Read a whole number with low <= number <= high."""
        expected = f'a whole number from {low} to {high}'
        value = self._value(key, default, expected)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fail(key, f'found {shown(value)}', f'expected {expected}', 'correct the value')
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._value(key, default, 'true or false')
        if not isinstance(value, bool):
            self.fail(key, f'found {shown(value)}', 'expected true or false', 'correct the value')
        return value

    def texts(self, key: str, *, default: Any = REQUIRED, choices: Iterable[str] = ()) -> Any:
        """Read a non-empty list of different texts, each one of `choices` where given."""
        choices = tuple(choices)
        expected = f"a list from {', '.join(choices)}" if choices else 'a list of texts'
        value = self._value(key, default, expected)
        if value is default:
            return value
        if not isinstance(value, list) or not value:
            self.fail(key, f'found {shown(value)}', f'expected {expected}',
                      f'write `{key}: [...]`')
        seen = set()
        for index, item in enumerate(value):
            place = f'{key}[{index}]'
            self._check_text(place, item, 'text')
            if choices and item not in choices:
                self.fail(place, f"found '{item}'", f"expected one of {', '.join(choices)}",
                          _nearest(item, choices, 'choose from these'))
            if item in seen:
                self.fail(place, f"found '{item}' twice", 'expected different entries',
                          'remove one')
            seen.add(item)
        return tuple(value)

    def _check_text(self, key: str, value: Any, expected: str) -> None:
        if not isinstance(value, str) or not value.isprintable() or not value.strip():
            self.fail(key, f'found {shown(value)}', f'expected {expected}', 'quote it if needed')
        if len(value) > _LONGEST_TEXT:
            self.fail(key, f'found {len(value)} characters', f'expected at most {_LONGEST_TEXT}',
                      'shorten it')

    def numbers(self, key: str, *, length: int, default: Any = REQUIRED) -> Any:
        """Read a list of `length` finite numbers as a read-only float64 array."""
        expected = f'a list of {length} finite numbers'
        value = self._value(key, default, expected)
        if value is default:
            return value
        if not isinstance(value, list):
            self.fail(key, f'found {shown(value)}', f'expected {expected}',
                      f'write `{key}: [...]`')
        if len(value) != length:
            self.fail(key, f'found {len(value)} numbers', f'expected {length}',
                      'give one for each dimension')
        numbers = [self._finite(f'{key}[{index}]', item, 'a finite number')
                   for index, item in enumerate(value)]
        array = np.array(numbers, dtype=np.float64)
        array.flags.writeable = False
        return array

    def _finite(self, key: str, value: Any, expected: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            remedy = 'correct the value'
            if isinstance(value, str) and re.fullmatch(r'[-+]?\d+[eE][-+]?\d+', value):
                remedy = 'YAML needs a decimal point here, as in 1.0e-3'
            self.fail(key, f'found {shown(value)}', f'expected {expected}', remedy)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(key, f'found {number}', f'expected {expected}', 'correct the value')
        return number + 0.0  # makes -0.0 the same as 0.0

    def section(self, key: str, *, default: Any = REQUIRED) -> Any:
        """Read a mapping as a Section."""
        value = self._value(key, default, 'a mapping')
        if value is default:
            return value
        return Section(source=self.source, path='.'.join(p for p in (self.path, key) if p),
                       value=value)

    def sections(self, key: str, *, optional: bool = False) -> list['Section']:
        """Read a list of mappings; each path shows the entry's `key` where it has one."""
        value = self._value(key, [] if optional else REQUIRED, 'a list of mappings')
        if not isinstance(value, list) or not (value or optional):
            self.fail(key, f'found {shown(value)}', 'expected a list of mappings',
                      'write `- key: ...` entries')
        return [Section(source=self.source, path=_entry_path(key, index, item), value=item)
                for index, item in enumerate(value)]


def shown(value: Any) -> str:
    """Show a YAML value in a message, on one line and not too long."""
    if value is None:
        return 'nothing'
    try:
        text = _REPR.repr(value)
    except ValueError:  # Python writes no whole number of so many digits
        return 'a number of thousands of digits'
    return text if len(text) <= 60 else text[:57] + '...'


def _nearest(found: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(found, known, n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise


def _entry_path(key: str, index: int, item: Any) -> str:
    name = item.get('key') if isinstance(item, dict) else None
    return f'{key}.{name}' if isinstance(name, str) and name else f'{key}[{index}]'


def _interval(low: float, high: float, above: float) -> str:
    parts = []
    if above > -math.inf:
        parts.append(f'above {above:g}')
    if low > -math.inf:
        parts.append(f'from {low:g}')
    if high < math.inf:
        parts.append(f'to {high:g}')
    return ' ' + ' '.join(parts) if parts else ''
