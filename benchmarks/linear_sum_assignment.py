"""Assignment: near ties, rectangles, trained layers and worst cases, against scipy and every dense solver of lapx."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import lap
import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target, mean, worst

NAME = "linear_sum_assignment"
CHECKED = "sums of costs, exact from the matrix"

Costs = NDArray[np.float32] | NDArray[np.float64]
Indices = NDArray[np.int64]
Pairs = tuple[Indices, Indices]

# Both of each pair run the same solver and give its answer in another form.
WRAPPERS = {"lapjvxa": "lapjvx", "lapjvsa": "lapjvs"}
# They take rectangles as they are; the others make them square with zeros.
RECTANGULAR = ("lapjvr", "lapjvh")
MOST_PADDED = 4

RECTANGLES = [
    ("corr", 2000, 4000),
    ("indep", 1024, 2048),
    ("uniform", 1000, 1500),
    ("uniform", 2500, 5000),
    ("uniform", 10, 100_000),
    ("uniform", 1, 1_000_000),
]


def _from_columns(found: tuple[Indices, Indices]) -> Pairs:
    columns = found[0]
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows]


def _from_pairs(found: Indices) -> Pairs:
    return found[:, 0], found[:, 1]


@dataclass(frozen=True)
class Solver:
    """A dense solver of lapx."""

    name: str
    pairs: Callable[..., Pairs] = lambda found: found
    arguments: dict[str, object] = field(default_factory=lambda: {"extend_cost": True})

    def contestant(self, cost: Costs, dtype: str) -> Contestant:
        """On a matrix that has the dtype before the clock starts."""
        solve = getattr(lap, self.name)
        converted = np.ascontiguousarray(cost, dtype)
        arguments = dict(self.arguments)
        if self.name in {"lapjvs", "lapjvsa"}:
            arguments["prefer_float32"] = dtype == "float32"
        return Contestant(
            "lapx",
            lambda: self.pairs(solve(converted, return_cost=False, **arguments)),
            f"{self.name} {dtype}",
            one_thread=True,
        )


SOLVERS = (
    Solver("lapjv", _from_columns),
    Solver("lapjvx"),
    Solver("lapjvxa", _from_pairs),
    Solver("lapjvc", arguments={}),
    Solver("lapjvs"),
    Solver("lapjvsa", _from_pairs),
    Solver("lapjvr"),
    Solver("lapjvh"),
)


def total(cost: Costs, pairs: Pairs) -> float:
    """Rounded once."""
    return math.fsum(cost[pairs].astype(np.float64).tolist())


def problem_of(cost: Costs, pairs: Pairs) -> str:
    """What keeps this from being a complete assignment."""
    rows, columns = pairs
    size = min(cost.shape)
    if len(rows) != size or len(set(rows.tolist())) != size or len(set(columns.tolist())) != size:
        sizes = (len(rows), len(set(rows.tolist())), len(set(columns.tolist())))
        return "no assignment: {} pairs of {} rows and {} columns".format(*sizes)
    return ""


def compare_sums(cost: Costs) -> Callable[[object, Contestant, object], tuple[str, str]]:
    """Neither sum may be larger than the other by more than what rounding in the solver's dtype may do to it."""

    def compare(ours: object, peer: Contestant, theirs: object) -> tuple[str, str]:
        mine, its = _as_pairs(ours), _as_pairs(theirs)
        if problem := problem_of(cost, its):
            return "", problem
        if problem := problem_of(cost, mine):
            return problem, ""
        difference = total(cost, mine) - total(cost, its)
        unit = min(cost.shape) * float(np.abs(cost).max())
        if difference > 4 * unit * float(np.finfo(np.float64).eps):
            return f"a sum of costs {difference:.3g} above that of {peer.package} {peer.label}", ""
        dtype = np.float32 if peer.label.endswith("float32") else np.float64
        if -difference > 4 * unit * float(np.finfo(dtype).eps):
            return "", f"not optimal: a sum of costs {-difference:.3g} above ours"
        return "", ""

    return compare


def _as_pairs(answer: object) -> Pairs:
    assert isinstance(answer, tuple)
    rows, columns = (np.asarray(indices) for indices in answer)
    return rows, columns


def contestants(cost: Costs, chosen: Sequence[tuple[Solver, str]]) -> list[Contestant]:
    """Scipy, and the chosen solvers of lapx."""
    exact = cost.astype(np.float64)  # which scipy would do itself
    found = [Contestant("scipy", lambda: scipy.optimize.linear_sum_assignment(exact), one_thread=True)]
    return found + [solver.contestant(cost, dtype) for solver, dtype in chosen]


def solve(cost: Costs, settings: Settings, case: str, tags: dict[str, str | float], **options: object) -> Row:
    """One case."""
    chosen = options.get("chosen", EVERY)
    assert isinstance(chosen, tuple)
    matrix = torch.from_numpy(cost)
    if max(cost.shape) > MOST_PADDED * min(cost.shape):
        chosen = tuple((solver, dtype) for solver, dtype in chosen if solver.name in RECTANGULAR)
    left_out = ", ".join(sorted({solver.name for solver in SOLVERS} - {solver.name for solver, _ in chosen}))
    return race(
        NAME,
        case,
        settings.threads,
        lambda: tuple(torch.ops.funcsim.linear_sum_assignment(matrix)),
        contestants(cost, chosen),
        effort=settings.effort,
        checked=CHECKED,
        check=lambda answer: problem_of(cost, _as_pairs(answer)),
        compare=compare_sums(cost),
        tags=tags,
        left_out=left_out,
    )


# Those that were ever fastest, for quick runs.
FAST_NAMES = ("lapjvr", "lapjvh", "lapjvs")
FAST = tuple((solver, dtype) for solver in SOLVERS if solver.name in FAST_NAMES for dtype in ("float32", "float64"))
EVERY = tuple((solver, dtype) for solver in SOLVERS for dtype in ("float32", "float64"))


def still_racing(row: Row, factor: float) -> tuple[tuple[Solver, str], ...]:
    """Those for the next size: each solver with the better of its dtypes, while it is within a factor of the best."""
    best = row.best("lapx")
    if best is None:
        return ()
    chosen = []
    for solver in SOLVERS:
        ways = [peer for peer in row.peers if peer.label.split(" ")[0] == solver.name and not peer.problem]
        fastest = min(ways, key=lambda way: way.seconds, default=None)
        if fastest and fastest.seconds <= factor * best.seconds and solver.name not in WRAPPERS:
            chosen.append((solver, fastest.label.split(" ")[1]))
    return tuple(chosen)


def run(settings: Settings) -> Iterator[Row]:
    """All cases, smallest first."""
    sizes = settings.pick((64,), (1024, 2048), (1024, 2048, 4096))
    factor = settings.pick(3.0, 1.5, 3.0)
    first = settings.pick(EVERY, FAST, EVERY)
    for family, make in data.FAMILIES.items():
        chosen = first
        for n in sizes:
            row = solve(
                make(n, n), settings, f"{family} {n}", {"kind": "family", "family": family, "n": n}, chosen=chosen
            )
            chosen = still_racing(row, factor)
            yield row
    shapes = settings.pick(
        [("corr", 32, 64), ("uniform", 1, 500)],
        RECTANGLES,
        RECTANGLES,
    )
    for family, rows, columns in shapes:
        cost = data.FAMILIES[family](rows, columns)
        yield solve(cost, settings, f"{family} {rows}×{columns}", {"kind": "rectangular"}, chosen=first)
    for layer, cost in enumerate(data.digits_costs(settings.pick(64, 2048, 2048), settings.pick(1, 3, 8)), 1):
        yield solve(cost, settings, f"digits MLPs, layer {layer}", {"kind": "trained", "n": len(cost)}, chosen=first)
    # In float64: many are beyond float32.
    for name, hard in data.hard_matrices(settings.pick(50, 1000, 2048)).items():
        chosen = tuple((solver, dtype) for solver, dtype in first if dtype == "float64")
        yield solve(
            hard, settings, f"{name} {len(hard)}", {"kind": "hard", "family": name, "n": len(hard)}, chosen=chosen
        )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of assignment."""
    required = [row for row in rows if row.tags["kind"] != "hard"]
    large = [row for row in rows if row.tags["kind"] == "family" and row.tags["n"] in {2048, 4096}]
    ties = [row for row in large if row.tags["family"] in data.NEAR_TIES]
    wide = [row for row in rows if row.tags["kind"] == "hard" and row.tags["family"] in data.WIDE_RANGES]
    hard = [row for row in rows if row.tags["kind"] == "hard" and row not in wide]
    return [
        worst(NAME, "every family, rectangle and trained layer: times the best peer", 1, required),
        worst(NAME, "near ties from 2048 up: times the best peer", 3, ties),
        mean(NAME, "families from 2048 up, geometric mean: times scipy", 20, large, "scipy"),
        mean(NAME, "families from 2048 up, geometric mean: times the best peer", 4, large),
        worst(NAME, "worst cases: times the best peer", 1, hard),
        worst(NAME, "wide ranges of costs: times scipy", 1, wide, "scipy"),
    ]
