"""What results have in common: they are written as JSON, and printed as tables."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from .reading.layer_evidence import HOOKS

# What can't be done with networks that are read by hooks.
HOOKS_LIMITS = "Units keep their scales, and margins are in theirs; align and merge need a Sequential (canonical form)"


class Result:
    """A dataclass that can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """All attributes as numbers, strings, lists and dicts, ready for JSON; None for what isn't finite."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def to_json(self, indent: int | None = None) -> str:
        """:meth:`to_dict` as JSON.

        Args:
            indent: Spaces of each level; None writes one line.
        """
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        numbers = value.tolist()
        return numbers if not value.is_floating_point() or value.isfinite().all() else _plain(numbers)
    if isinstance(value, tuple | list):
        return [_plain(element) for element in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Result):
        return value.to_dict()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return dict(value) if isinstance(value, dict) else value


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns as wide as their widest cell, two blanks between them, none at line ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def reading_lines(networks: Sequence[tuple[str, str, Sequence[str]]]) -> list[str]:
    """What to say of networks that were read by hooks; nothing of others.

    Args:
        networks: Of each a name, how it was read, and notes.
    """
    by_hooks = [name for name, read, _ in networks if read == HOOKS]
    if not by_hooks:
        return []
    named: dict[str, list[str]] = {}
    for name, _, notes in networks:
        for note in notes:
            named.setdefault(note, []).append(name)
    return [
        f"read by hooks: {' and '.join(by_hooks)}. {HOOKS_LIMITS}",
        *(f"{' and '.join(names)}: {note}" for note, names in named.items()),
    ]
