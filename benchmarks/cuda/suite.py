"""The benchmarks on a GPU: rooflines of the card, and races against PyTorch's operators and the CPU."""

import os
import pathlib
from collections.abc import Sequence

import funcsim

from .. import machine
from ..report import Results
from ..suite import Races, Run, Suite
from . import (
    activation_signatures,
    card,
    compare,
    jaccard,
    linear_sum_assignment,
    minhash,
    minhash_jaccard,
    rooflines,
)
from .settings import CardSettings

RACES: Races[CardSettings] = {
    module.NAME: (module.run, module.targets)
    for module in (activation_signatures, jaccard, minhash, minhash_jaccard, linear_sum_assignment, compare)
}


def measure_on(given: card.Card, run: Run, chosen: Sequence[str]) -> None:
    """All that was chosen, on this card."""
    results, options = run.results, run.options
    effort = CardSettings(options.scale, options.threads, card=given).effort
    results.limits = rooflines.measure_all(given, options.scale, effort)
    if not rooflines.is_built():
        run.warn(rooflines.MISSING)
    results.machine = card.describe(given) | machine.describe(options.threads, funcsim.simd_level(), run.dropped)
    results.machine["forced way to count"] = os.environ.get(jaccard.FORCED, "")
    run.race(RACES, chosen, CardSettings(options.scale, options.threads, results.limits, card=given))


def measure(run: Run, chosen: Sequence[str]) -> None:
    """All that was chosen, on the current card."""
    measure_on(card.find(), run, chosen)


def draw(_: Results, __: pathlib.Path) -> list[pathlib.Path]:
    """Tables say it all."""
    return []


SUITE = Suite(
    benchmarks=tuple(RACES),
    page=machine.ROOT / "docs" / "performance" / "cuda.md",
    output="bench-cuda",
    problem=card.problem,
    measure=measure,
    draw=draw,
)
