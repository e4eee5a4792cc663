"""Plain-text tables and numbers for terminals, logs and reports."""

from __future__ import annotations

from collections.abc import Sequence
import math


def format_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    Return an aligned plain-text table: first column to the left, the others to the right.

    :param headers: one title per column
    :param rows: cells, turned into text by `str`
    """
    lines = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]

    def text(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))
        return '  '.join((first, *rest)).rstrip()

    rule = '  '.join('-' * width for width in widths)
    return '\n'.join((text(lines[0]), rule, *(text(line) for line in lines[1:])))


def number(value: float | None, digits: int = 3) -> str:
    """Return a value with so many significant digits, '-' where there is none."""
    if value is None or not math.isfinite(value):
        return '-'
    if value == 0.0:
        return '0'
    if 0.001 <= abs(value) < 100_000:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        return f'{value:.{decimals}f}'
    return f'{value:.{digits - 1}e}'


def percent(fraction: float | None, digits: int = 0) -> str:
    """Return a fraction as per cent, '-' where there is none."""
    if fraction is None or not math.isfinite(fraction):
        return '-'
    return f'{100.0 * fraction:.{digits}f} %'


def rate_with_interval(rate: float, interval: Sequence[float], signed: bool = False) -> str:
    """Return a rate and its interval as per cent: '87 % (79 to 92)', signed '+5 % (-3 to +12)'."""
    sign = '+' if signed else ''
    value, low, high = (f'{100.0 * each:{sign}.0f}' for each in (rate, *interval))
    return f'{value} % ({low} to {high})'
