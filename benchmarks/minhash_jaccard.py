"""Comparing the sketches of all pairs of units, slot by slot."""

from collections.abc import Iterator, Sequence

import numkong
import numpy as np
import torch
from torch import Tensor

from . import data
from .harness import Contestant, Row, race
from .minhash import EMPTY, equal_shares
from .settings import Settings
from .targets import Target, worst

NAME = "minhash_jaccard"
CHECKED = "shares of equal slots, to one part in 10⁶"
TOLERANCE = 1e-6
ROWS_CHECKED = 64
DENSITY = 0.3


def check_shares(a: Tensor, b: Tensor, answer: object) -> str:
    """Some rows, against numpy."""
    assert isinstance(answer, Tensor)
    rows = np.unique(np.linspace(0, len(a) - 1, ROWS_CHECKED).astype(int))
    x, y = a.numpy(), b.numpy()
    expected = np.stack([equal_shares(x[row], y) for row in rows])
    largest = float(np.abs(answer.numpy()[rows] - expected).max())
    return f"off by up to {largest:.3g}" if not largest <= TOLERANCE else ""


def _compare(ours: object, _: Contestant, theirs: object) -> tuple[str, str]:
    assert isinstance(ours, Tensor)
    largest = float(np.abs(1 - np.asarray(theirs) - ours.numpy()).max())
    return "", f"off by up to {largest:.3g}" if not largest <= TOLERANCE else ""


def case(settings: Settings, threads: int, units: int, samples: int, slots: int) -> Row:
    """One number of threads."""
    bits = [data.latent_bits(np.full(units, DENSITY, np.float32), samples, seed + 40) for seed in (1, 2)]
    a, b = (torch.ops.funcsim.minhash(torch.from_numpy(layer), samples, slots) for layer in bits)
    if any((sketches == EMPTY).any() for sketches in (a, b)):
        raise RuntimeError(f"{samples} samples leave some of {slots} slots empty, which peers would take for equal")
    p, q = (sketches.numpy().astype(np.uint32) for sketches in (a, b))
    return race(
        NAME,
        f"{units}² × {slots} slots, {threads} {'thread' if threads == 1 else 'threads'}",
        threads,
        lambda: torch.ops.funcsim.minhash_jaccard(a, b),
        # It takes a number of threads, and uses one.
        [Contestant("NumKong", lambda: numkong.cdist(p, q, "jaccard", threads=threads), "cdist", one_thread=True)],
        effort=settings.effort,
        checked=CHECKED,
        check=lambda answer: check_shares(a, b, answer),
        compare=_compare,
        work=units * units * slots,
        unit="slots",
        limit=settings.limits.get("slot comparison, 1 thread" if threads == 1 else "slot comparison"),
        tags={"kind": "pair"},
    )


def run(settings: Settings) -> Iterator[Row]:
    """On one thread and on all."""
    sizes = settings.pick((64, 8192, 64), (2048, 65_536, 512), (2048, 131_072, 1024))
    with settings.one_thread():
        yield case(settings, 1, *sizes)
    if settings.threads > 1:
        yield case(settings, settings.threads, *sizes)


def targets(rows: Sequence[Row]) -> list[Target]:
    """That of comparing sketches."""
    return [worst(NAME, "per slot: times NumKong", 3, rows, "NumKong")]
