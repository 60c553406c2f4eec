"""Comparing the sketches of all pairs of units, slot by slot."""

from collections.abc import Iterator, Sequence

import numkong
import numpy as np
import torch
from torch import Tensor

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target, worst

NAME = "minhash_jaccard"
CHECKED = "shares of equal slots, to one part in 10⁶"
TOLERANCE = 1e-6
ROWS_CHECKED = 64


def check_shares(a: Tensor, b: Tensor, answer: object) -> str:
    """Some rows, against numpy. No slot of these sketches is empty."""
    assert isinstance(answer, Tensor)
    rows = np.unique(np.linspace(0, len(a) - 1, ROWS_CHECKED).astype(int))
    x, y = a.numpy(), b.numpy()
    expected = np.stack([(x[row] == y).mean(axis=1) for row in rows])
    largest = float(np.abs(answer.numpy()[rows] - expected).max())
    return f"off by up to {largest:.3g}" if not largest <= TOLERANCE else ""


def _compare(ours: object, _: Contestant, theirs: object) -> tuple[str, str]:
    assert isinstance(ours, Tensor)
    largest = float(np.abs(1 - np.asarray(theirs) - ours.numpy()).max())
    return "", f"off by up to {largest:.3g}" if not largest <= TOLERANCE else ""


def case(settings: Settings, threads: int, units: int, samples: int, slots: int) -> Row:
    """One number of threads."""
    bits = [data.latent_bits(data.mixed_densities(units, seed), samples, seed + 40) for seed in (1, 2)]
    a, b = (torch.ops.funcsim.minhash(torch.from_numpy(layer), samples, slots) for layer in bits)
    p, q = (sketches.numpy().astype(np.uint32) for sketches in (a, b))
    return race(
        NAME,
        f"{units}² × {slots} slots, {threads} {'thread' if threads == 1 else 'threads'}",
        threads,
        lambda: torch.ops.funcsim.minhash_jaccard(a, b),
        [Contestant("NumKong", lambda: numkong.cdist(p, q, "jaccard", threads=threads), "cdist")],
        budget=settings.budget,
        checked=CHECKED,
        check=lambda answer: check_shares(a, b, answer),
        compare=_compare,
        work=units * units * slots,
        unit="slots",
        limit=settings.limits.get("slots" if threads == settings.threads else "slots, 1 thread"),
        tags={"kind": "pair"},
    )


def run(settings: Settings) -> Iterator[Row]:
    """On one thread and on all."""
    sizes = settings.pick((64, 8192, 64), (2048, 16_384, 512), (2048, 65_536, 1024))
    with settings.one_thread():
        yield case(settings, 1, *sizes)
    if settings.threads > 1:
        yield case(settings, settings.threads, *sizes)


def targets(rows: Sequence[Row]) -> list[Target]:
    """That of comparing sketches."""
    return [worst(NAME, "per slot: times NumKong", 3, rows, "NumKong")]
