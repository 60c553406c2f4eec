"""The Jaccard index of all pairs of signatures, by density and size."""

from collections.abc import Callable, Iterator, Sequence

import numkong
import numpy as np
import scipy.spatial.distance
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target, least_share, worst

NAME = "jaccard"
CHECKED = "exact ratios of counts, to the last bit; peers to 1e-5"
ROWS_CHECKED = 128
PEERS_TOLERANCE = 1e-5
# Units of the smallest layers whose share of the popcount roofline has a target. All that the operator does counts as
# popcount's time: calling it, counting each set, making ratios. With 64 units and 8192 samples that is a quarter of it.
POPCOUNTED = 128

Similarities = NDArray[np.float32]


def exact_ratios(a: data.Bits, b: data.Bits, samples: int) -> NDArray[np.float64]:
    """By a matrix product, in which all counts below 2**24 are exact."""
    x, y = (torch.from_numpy(data.unpack(bits, samples)).float() for bits in (a, b))
    shared = (x @ y.T).double()
    union = x.sum(1).double()[:, None] + y.sum(1).double() - shared
    return torch.where(union == 0, 1.0, shared / union).numpy()


def check_ratios(a: data.Bits, b: data.Bits, samples: int) -> Callable[[object], str]:
    """Some rows, spread over all."""

    def check(answer: object) -> str:
        assert isinstance(answer, Tensor)
        rows = np.unique(np.linspace(0, len(a) - 1, ROWS_CHECKED).astype(int))
        # Rounding a quotient of numbers below 2**28 to double first makes no difference.
        expected = exact_ratios(a[rows], b, samples).astype(np.float32)
        got = answer.numpy()[rows]
        wrong = got != expected
        if not wrong.any():
            return ""
        row, column = np.argwhere(wrong)[0]
        return f"units {rows[row]} and {column}: {got[row, column]}, expected {expected[row, column]}"

    return check


def compare_similarities(ours: object, peer: Contestant, theirs: object) -> tuple[str, str]:
    """Ours was held against exact ratios already."""
    assert isinstance(ours, Tensor)
    its = similarities_of(peer, theirs)
    upper = "symmetric" in peer.label  # all that it fills
    difference = np.abs(ours.numpy() - its)
    largest = float((np.triu(difference) if upper else difference).max())
    return "", f"off by up to {largest:.3g}" if not largest <= PEERS_TOLERANCE else ""


def similarities_of(peer: Contestant, theirs: object) -> Similarities:
    """NumKong and scipy give distances."""
    found = np.asarray(theirs)
    return 1 - found if peer.package in {"NumKong", "scipy"} else found


def by_matrix_products(a: data.Bits, b: data.Bits, samples: int) -> list[Contestant]:
    """torch's, on 0 and 1 that were unpacked before the clock starts."""
    unpacked = [torch.from_numpy(data.unpack(bits, samples)) for bits in (a, b)]
    counts_a, counts_b = (bits.sum(1, dtype=torch.int32) for bits in unpacked)

    def ratios(shared: Tensor) -> Tensor:
        return shared / (counts_a[:, None] + counts_b - shared)

    x, y = (bits.float() for bits in unpacked)
    x8, y8 = (bits.to(torch.int8) for bits in unpacked)
    return [
        Contestant("torch", lambda: ratios(x @ y.T), "float matmul"),
        Contestant("torch", lambda: ratios(torch._int_mm(x8, y8.T)), "_int_mm"),
    ]


def numkong_of_all_pairs(a: data.Bits, b: data.Bits, threads: int) -> Contestant:
    """With its packing of b, as funcsim's time is with its own."""

    def call() -> object:
        return numkong.jaccards_packed(a, numkong.hammings_pack(b, dtype="uint1"), threads=threads)

    return Contestant("NumKong", call, "jaccards_packed")


def race_on(
    settings: Settings, kind: str, density: str, a: data.Bits, b: data.Bits, samples: int, peers: list[Contestant]
) -> Row:
    """All pairs of a and b, which may be the same."""
    x = torch.from_numpy(a)
    y = x if b is a else torch.from_numpy(b)
    one_thread, units = kind in {"small", "layer"}, len(a)
    notes = {"small": ", one thread", "layer": ", one thread", "symmetric": ", with itself", "pair": ""}
    has_torch = any(peer.package == "torch" for peer in peers)
    return race(
        NAME,
        f"{units}² × {samples}, density {density}{notes[kind]}",
        1 if one_thread else settings.threads,
        lambda: torch.ops.funcsim.jaccard(x, y),
        peers,
        effort=settings.effort,
        checked=CHECKED,
        check=check_ratios(a, b, samples),
        compare=compare_similarities,
        work=units * units * samples,
        unit="bit pairs",
        limit=settings.limits.get("popcount, 1 thread" if one_thread else "popcount"),
        tags={"kind": kind, "density": density, "units": units, "samples": samples},
        left_out="torch, whose time depends on the size alone" if kind == "pair" and not has_torch else "",
    )


def pair_case(settings: Settings, density: str, units: int, samples: int, with_torch: bool) -> Row:
    """One network against another."""
    a, b = (data.random_bits(_densities(density, units, seed), samples, seed + 20) for seed in (1, 2))
    peers = [numkong_of_all_pairs(a, b, settings.threads)]
    if with_torch:
        peers += by_matrix_products(a, b, samples)
    return race_on(settings, "pair", density, a, b, samples, peers)


def _densities(density: str, units: int, seed: int) -> NDArray[np.float32]:
    if density == "mixed":
        return data.mixed_densities(units, seed)
    return np.full(units, float(density), np.float32)


def layer_case(settings: Settings, density: str, units: int, samples: int) -> Row:
    """Layers of ordinary sizes."""
    a, b = (data.random_bits(_densities(density, units, seed), samples, seed + 24) for seed in (1, 2))
    return race_on(settings, "layer", density, a, b, samples, [numkong_of_all_pairs(a, b, 1)])


def symmetric_case(settings: Settings, units: int, samples: int) -> Row:
    """A layer against itself."""
    a = data.random_bits(data.mixed_densities(units, 1), samples, 21)
    symmetric = Contestant(
        "NumKong",
        lambda: numkong.jaccards_symmetric(a, dtype="uint1", threads=settings.threads),
        "jaccards_symmetric",
    )
    peers = [numkong_of_all_pairs(a, a, settings.threads), symmetric]
    return race_on(settings, "symmetric", "mixed", a, a, samples, peers)


def small_case(settings: Settings, units: int, samples: int) -> Row:
    """Small enough for one byte a bit."""
    a, b = (data.random_bits(data.mixed_densities(units, seed), samples, seed + 22) for seed in (1, 2))
    p, q = (data.unpack(bits, samples).astype(bool) for bits in (a, b))
    peers = [Contestant("scipy", lambda: scipy.spatial.distance.cdist(p, q, "jaccard"), "cdist", one_thread=True)]
    return race_on(settings, "small", "mixed", a, b, samples, peers)


def run(settings: Settings) -> Iterator[Row]:
    """All cases."""
    small = settings.pick((64, 1000), (2048, 32_768), (2048, 32_768))
    for density in ("0.05", "0.25", "0.5", "0.75", "mixed"):
        yield pair_case(settings, density, *small, with_torch=settings.scale != "quick" or density == "0.25")
    if settings.scale == "full":
        for density in ("0.05", "0.25", "0.5", "0.75", "mixed"):
            yield pair_case(settings, density, 4096, 65_536, with_torch=False)
    yield symmetric_case(settings, *small)
    with settings.one_thread():
        yield small_case(settings, *settings.pick((32, 500), (256, 8192), (256, 8192)))
        for units in settings.pick((64,), (64, 256), (64, 128, 256, 512)):
            for samples in settings.pick((500,), (8192, 20_000), (8192, 20_000)):
                for density in ("0.25", "0.5"):
                    yield layer_case(settings, density, units, samples)


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of exact Jaccard."""
    pairs = [row for row in rows if row.tags["kind"] == "pair"]
    layers = [row for row in rows if row.tags["kind"] == "layer"]
    # So dense, they are counted by popcount.
    popcounted = [row for row in layers if row.tags["density"] == "0.5" and float(row.tags["units"]) >= POPCOUNTED]
    quarter, half = ([row for row in pairs if row.tags["density"] == density] for density in ("0.25", "0.5"))
    return [
        worst(NAME, "density 0.25: times NumKong", 2, quarter, "NumKong"),
        worst(NAME, "density 0.5: times NumKong", 1.2, half, "NumKong"),
        least_share(NAME, "share of the popcount roofline, every density", 0.75, pairs),
        least_share(NAME, "share of the popcount roofline, layers that popcount counts", 0.75, popcounted),
        worst(NAME, "layers of 64 to 512 units: times NumKong", 1, layers, "NumKong"),
        worst(NAME, "times torch's float matmul", 20, pairs, "torch float matmul"),
        worst(NAME, "times torch._int_mm", 5, pairs, "torch _int_mm"),
    ]
