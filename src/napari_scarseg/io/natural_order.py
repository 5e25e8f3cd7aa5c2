"""The order a person gives to names with numbers in them: 2 before 10."""

import re
from pathlib import Path

_NUMBER = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a file name.

    Examples
    --------
    >>> sorted(["s10.png", "s2.png", "S1.png"], key=natural_key)
    ['S1.png', 's2.png', 's10.png']
    """
    parts = _NUMBER.split(name.casefold())
    return tuple((0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts)


def in_natural_order(paths: list[Path]) -> list[Path]:
    """Paths sorted by their parts; equal ones (001 and 1) by their spelling."""
    return sorted(paths, key=lambda path: ([natural_key(part) for part in path.parts], path.parts))


def last_number(name: str) -> int | None:
    """The last number in a name without its suffix, which is the slice's in every common scheme."""
    numbers = re.findall(r"\d+", name.rpartition(".")[0] or name)
    return int(numbers[-1]) if numbers else None


def pattern_of(name: str) -> str:
    """The name with every number replaced by #: slices of one series share it."""
    return _NUMBER.sub("#", name.casefold())
