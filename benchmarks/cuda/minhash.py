"""Building sketches from signatures that are on the card."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..harness import Contestant, Row
from ..targets import Target, worst
from . import data
from .answers import ON_CPU
from .settings import CardSettings

NAME = "minhash"
CHECKED = "every slot, against the CPU's answer"


def _with_new_seeds(signatures: Tensor, samples: int, slots: int, copies: bool) -> Callable[[], Tensor]:
    """A seed for each call, so that nothing is left of the one before. The first is 0: that answer is checked."""
    seeds = itertools.count()

    def call() -> Tensor:
        bits = signatures.cpu() if copies else signatures
        sketches: Tensor = torch.ops.funcsim.minhash(bits, samples, slots, next(seeds))
        return sketches.to(signatures.device)

    return call


def run(settings: CardSettings) -> Iterator[Row]:
    """As many samples as in the benchmark of compare, and as in that of the CPU."""
    units, slots = settings.pick((64, 64), (4096, 1024), (4096, 1024))
    for samples in settings.pick((2000,), (60_000,), (60_000, 262_144)):
        signatures = data.random_signatures(settings.card, units, samples, 30)
        yield settings.race(
            NAME,
            f"{units} units × {samples} samples, {slots} hashes, new seeds",
            _with_new_seeds(signatures, samples, slots, copies=False),
            [Contestant(ON_CPU, _with_new_seeds(signatures, samples, slots, copies=True))],
            checked=CHECKED,
            work=units * slots,
            unit="hashes",
            tags={"units": units, "samples": samples},
        )


def targets(rows: Sequence[Row]) -> list[Target]:
    """That of building sketches."""
    return [worst(NAME, "times the CPU, with copies", 1, rows, ON_CPU)]
