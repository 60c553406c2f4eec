"""What the figures must be, and whether they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .harness import Row, geometric_mean


@dataclass(frozen=True)
class Target:
    """A figure with its bound."""

    benchmark: str
    text: str
    bound: Literal["at least", "at most", "any"]
    wanted: float  # whatever where the bound is "any"
    got: float | None  # None where it wasn't measured
    where: str = ""  # the case that decided
    cases: int = 0  # how many there were

    @property
    def shown(self) -> str:
        """The bound in words."""
        return "to be reported" if self.bound == "any" else f"{self.bound} {self.wanted:g}"

    @property
    def met(self) -> bool | None:
        """None where it wasn't measured."""
        if self.got is None:
            return None
        if self.bound == "any":
            return not math.isinf(self.got)
        return self.got >= self.wanted if self.bound == "at least" else self.got <= self.wanted

    @property
    def verdict(self) -> str:
        """In words."""
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]


def worst(benchmark: str, text: str, wanted: float, rows: Sequence[Row], package: str | None = None) -> Target:
    """At least `wanted` times faster than the package, or the best of all, in each row. Wrong answers miss it."""
    wrong = [row for row in rows if row.ours.problem]
    if wrong:
        return Target(benchmark, text, "at least", wanted, 0.0, f"{wrong[0].case}: wrong answer", len(rows))
    found = [(ratio, row.case) for row in rows if (ratio := row.ratio(package)) is not None]
    got, where = min(found, default=(None, ""))
    return Target(benchmark, text, "at least", wanted, got, where, len(found))


def mean(benchmark: str, text: str, wanted: float, rows: Sequence[Row], package: str | None = None) -> Target:
    """At least `wanted` times faster in the geometric mean of the rows. Wrong answers miss it."""
    wrong = [row for row in rows if row.ours.problem]
    if wrong:
        return Target(benchmark, text, "at least", wanted, 0.0, f"{wrong[0].case}: wrong answer", len(rows))
    found = [ratio for row in rows if (ratio := row.ratio(package)) is not None]
    where = f"geometric mean of {len(found)} cases" if found else ""
    return Target(benchmark, text, "at least", wanted, geometric_mean(found), where, len(found))


def least_share(benchmark: str, text: str, wanted: float, rows: Sequence[Row]) -> Target:
    """At least this share of the hardware's limit in each row."""
    found = [(share, row.case) for row in rows if (share := row.share) is not None]
    got, where = min(found, default=(None, ""))
    return Target(benchmark, text, "at least", wanted, got, where, len(found))


def at_most(benchmark: str, text: str, wanted: float, rows: Sequence[Row], scale: float = 1.0) -> Target:
    """At most so many seconds, or units of which a second has `scale`, in each row. Wrong answers miss it."""
    found = [(float("inf") if row.ours.problem else row.ours.seconds * scale, row.case) for row in rows]
    got, where = max(found, default=(None, ""))
    return Target(benchmark, text, "at most", wanted, got, where, len(found))
