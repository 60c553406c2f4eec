"""The Jaccard index of all pairs of signatures, by each way that the card has to count."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..harness import Contestant, Row
from ..targets import Target, at_most, worst
from . import data
from .answers import CHECKED, ON_CPU, first_difference_of_all, with_copies
from .card import Card
from .settings import CardSettings

NAME = "jaccard"
# Ways to count, and what limits each: rooflines.py.
FORCED = "FUNCSIM_CUDA_JACCARD"
LIMITS = {
    "popcount": ("popcount",),
    "mma_s8": ("mma s8", "torch _int_mm"),
    "mma_b1": ("mma b1",),
    "wgmma_b1": ("wgmma b1",),
}
ANY_LIMIT = tuple(name for names in LIMITS.values() for name in names)
FP16, BYTES = "fp16 matmul", "_int_mm"
MILLISECONDS = 3
TARGET = (4096, 65_536)


def fp16_products(x: Tensor, y: Tensor) -> Tensor:
    """``x @ y.T`` with sums in float32, which are exact below 2**24. Only cards have it."""
    if not x.is_cuda:
        return x.float() @ y.float().T
    return torch.mm(x, y.T, out_dtype=torch.float32)


def ratios(shared: Tensor, counts_a: Tensor, counts_b: Tensor) -> Tensor:
    """No unit is always silent."""
    return shared / (counts_a[:, None] + counts_b - shared)


def by_matrix_products(a: Tensor, b: Tensor) -> list[Contestant]:
    """torch's, on 0 and 1 that were unpacked before the clock starts, and from the bits."""

    def from_bits(dtype: torch.dtype, product: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Tensor]:
        def call() -> Tensor:
            x, y = (data.unpacked(bits, dtype) for bits in (a, b))
            counts = (bits.sum(1, dtype=torch.float32) for bits in (x, y))
            return ratios(product(x, y), *counts)

        return call

    x, y = (data.unpacked(bits, torch.float16) for bits in (a, b))
    x8, y8 = (bits.to(torch.int8) for bits in (x, y))
    counts = [bits.sum(1, dtype=torch.float32) for bits in (x, y)]
    return [
        Contestant("torch", lambda: ratios(fp16_products(x, y), *counts), FP16),
        Contestant("torch", lambda: ratios(int8_products(x8, y8), *counts), BYTES),
        Contestant("torch", from_bits(torch.float16, fp16_products), f"{FP16} from bits"),
        Contestant("torch", from_bits(torch.int8, int8_products), f"{BYTES} from bits"),
    ]


def int8_products(x: Tensor, y: Tensor) -> Tensor:
    """``x @ y.T`` in int32."""
    return torch._int_mm(x, y.T)


@contextlib.contextmanager
def forced(path: str) -> Iterator[None]:
    """The operator reads the variable at each call."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = path
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCED]
        else:
            os.environ[FORCED] = before


def _takes(card: Card, path: str) -> bool:
    signatures = torch.ones(8, 32, dtype=torch.uint8, device=card.device)
    with forced(path):
        try:
            torch.ops.funcsim.jaccard(signatures, signatures)
        except RuntimeError:
            return False
    return True


def paths(card: Card) -> list[str]:
    """The ways to count that can be forced on this card; none where nothing can."""
    return [] if _takes(card, "no such way") else [path for path in LIMITS if _takes(card, path)]


def _size(settings: CardSettings, units: int, samples: int, forcible: Sequence[str]) -> Iterator[Row]:
    a, b = (data.random_signatures(settings.card, units, samples, seed) for seed in (1, 2))
    operator = torch.ops.funcsim.jaccard
    answer = operator(a, b)
    size = f"{units}² × {samples}"

    def row(case: str, path: str, limits: Sequence[str], contestants: list[Contestant]) -> Row:
        def call() -> object:
            with forced(path) if path else contextlib.nullcontext():
                return operator(a, b)

        return settings.race(
            NAME,
            case,
            call,
            contestants,
            checked=CHECKED if contestants else "the answer of the way that was chosen, bit for bit",
            check=lambda found: first_difference_of_all(found, answer),
            work=units * units * samples,
            unit="bit pairs",
            limit=settings.highest(*limits),
            tags={"path": path, "units": units, "samples": samples},
        )

    yield row(size, "", ANY_LIMIT, [with_copies(operator, [a, b]), *by_matrix_products(a, b)])
    for path in forcible:
        yield row(f"{size}, {path}", path, LIMITS[path], [])


def run(settings: CardSettings) -> Iterator[Row]:
    """By the way that the operator chooses, and by each that it can be made to take."""
    forcible = paths(settings.card)
    sizes: tuple[int, ...] = settings.pick((64,), (1024, 4096), (1024, 4096, 8192))
    for units in sizes:
        yield from _size(settings, units, settings.pick(1024, 65_536, 65_536), forcible)


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of exact Jaccard."""
    chosen = [row for row in rows if not row.tags["path"]]
    usual = [row for row in chosen if (row.tags["units"], row.tags["samples"]) == TARGET]
    size = "{}² × {}".format(*TARGET)
    return [
        at_most(NAME, f"{size}: milliseconds, for cards like the H200", MILLISECONDS, usual, 1000),
        worst(NAME, f"{size}: times torch's {FP16}, bits unpacked beforehand", 3, usual, f"torch {FP16}"),
        worst(NAME, f"{size}: times torch's {FP16}, from bits", 3, usual, f"torch {FP16} from bits"),
        worst(NAME, f"{size}: times torch._int_mm, bits unpacked beforehand", 1, usual, f"torch {BYTES}"),
        worst(NAME, "every size: times the CPU, with copies", 1, chosen, ON_CPU),
    ]
