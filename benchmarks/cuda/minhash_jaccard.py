"""Comparing the sketches of all pairs of units that are on the card."""

from collections.abc import Iterator, Sequence

import torch

from ..harness import Contestant, Row
from ..targets import Target, worst
from . import data
from .answers import CHECKED, ON_CPU, with_copies
from .settings import CardSettings

NAME = "minhash_jaccard"


def run(settings: CardSettings) -> Iterator[Row]:
    """Without empty slots, which torch would take for equal."""
    units, samples, slots = settings.pick((64, 8192, 64), (4096, 65_536, 1024), (4096, 65_536, 1024))
    signatures = [data.random_signatures(settings.card, units, samples, seed) for seed in (40, 41)]
    a, b = (torch.ops.funcsim.minhash(bits, samples, slots) for bits in signatures)
    x, y = (sketches.double() for sketches in (a, b))  # a slot of 31 bits is none of float32
    operator = torch.ops.funcsim.minhash_jaccard
    by_torch = Contestant("torch", lambda: 1 - torch.cdist(x, y, p=0) / slots, "cdist")
    yield settings.race(
        NAME,
        f"{units}² × {slots} slots",
        lambda: operator(a, b),
        [with_copies(operator, [a, b]), by_torch],
        checked=CHECKED,
        work=units * units * slots,
        unit="slots",
        tags={"units": units, "slots": slots},
    )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of comparing sketches."""
    return [
        worst(NAME, "times torch's cdist", 1, rows, "torch"),
        worst(NAME, "times the CPU, with copies", 1, rows, ON_CPU),
    ]
