"""Building sketches, each slot of which is a hash."""

import itertools
from collections.abc import Iterator, Sequence

import datasketch
import numpy as np
import rensa
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import data
from .harness import Contestant, Limit, Row, race
from .jaccard import exact_ratios
from .settings import Settings
from .targets import Target, worst

NAME = "minhash"
CHECKED = "mean and spread of the estimates about the exact index"
DENSITY = 0.25
DATASKETCH_SETS = 4
# Estimates are off by sqrt(J (1 - J) / slots). Those of pairs that share a unit
# hang together, so that the bounds are wide.
MOST_BIAS = 0.5
MOST_SPREAD = 1.5
FEW_PAIRS = 64
EMPTY = 2**31 - 1  # in funcsim's int32 sketches; the other packages fill every slot


def equal_shares(sketch: NDArray[np.generic], sketches: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of slots that aren't empty in both."""
    filled = np.ones_like(sketches, bool)
    if sketches.dtype == np.int32:
        filled = (sketches != EMPTY) | (sketch != EMPTY)
    shares: NDArray[np.float64] = ((sketches == sketch) & filled).sum(axis=1) / filled.sum(axis=1)
    return shares


def estimate_problem(sketches: NDArray[np.generic], expected: NDArray[np.float64]) -> str:
    """Says where all pairs' estimates are off by more than sketches of so many slots should be."""
    units, slots = sketches.shape
    estimates = np.stack([equal_shares(sketch, sketches) for sketch in sketches])
    others = ~np.eye(units, dtype=bool)
    deviations = ((estimates - expected) / np.sqrt(expected * (1 - expected) / slots + 1e-12))[others]
    bias, spread = float(deviations.mean()), float(np.sqrt((deviations**2).mean()))
    pairs = units * (units - 1) / 2
    lenient = max(1.0, (FEW_PAIRS / pairs) ** 0.5)
    if abs(bias) <= MOST_BIAS * lenient and spread <= MOST_SPREAD * lenient:
        return ""
    return f"estimates are off by {bias:.2f} standard errors in the mean and {spread:.2f} in the root mean square"


def sketches_of(answer: object) -> NDArray[np.generic]:
    """Of any contestant."""
    if isinstance(answer, Tensor):
        return answer.numpy()
    if isinstance(answer, list):
        return np.stack([sketch.digest() for sketch in answer])
    return np.array(answer.to_rows())  # type: ignore[attr-defined]  # rensa's matrix


def with_rensa(fires: NDArray[np.uint8], slots: int) -> Contestant:
    """Its fastest way: all sets at once, tokens hashed before the clock starts."""
    tokens = np.flatnonzero(fires.ravel()) % fires.shape[1]
    offsets = np.concatenate([[0], fires.sum(axis=1, dtype=np.uint64).cumsum()]).astype(np.uint64)
    # Tokens stand for their hashes: it mixes them with each slot's numbers.
    hashed = _mixed(tokens.astype(np.uint64))
    return Contestant("rensa", lambda: rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashed, offsets, slots, 1))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer, as any hash of a token would."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def with_datasketch(fires: NDArray[np.uint8], slots: int, sets: int) -> Contestant:
    """On a few of the sets. Tokens are integers, which stand for their hashes."""
    tokens = [_mixed(np.flatnonzero(row).astype(np.uint64)) >> np.uint64(32) for row in fires[:sets]]
    lists = [row.tolist() for row in tokens]
    return Contestant(
        "datasketch",
        lambda: datasketch.MinHash.bulk(lists, num_perm=slots, hashfunc=int),
        f"bulk, {sets} sets",
        work=sets / len(fires),
        one_thread=True,
    )


def moved_once(settings: Settings, units: int, samples: int, slots: int) -> Limit | None:
    """Hashes a second if bits were read and sketches written at the speed of a copy within the last cache."""
    copied = settings.limits.get("cache copy")  # bytes read, as many written
    if copied is None:
        return None
    seconds = units * (samples / 8 + 4 * slots) / (2 * copied.rate)
    return Limit(f"{copied.name}: bits read and sketches written once", units * slots / seconds, "hashes")


def case(settings: Settings, units: int, samples: int, slots: int, new_seeds: bool) -> Row:
    """One size. With a new seed at each call, samples are put in order each time; else that is done beforehand."""
    seeds = itertools.count() if new_seeds else itertools.repeat(0)
    bits = data.random_bits(np.full(units, DENSITY, np.float32), samples, 30)
    # Copies that share half of their samples: estimates are tested on a range of indices.
    bits[units // 2 :] = np.where(np.arange(bits.shape[1]) % 2 == 0, bits[: units - units // 2], bits[units // 2 :])
    signatures = torch.from_numpy(bits)
    checked = np.concatenate([np.arange(16), units // 2 + np.arange(16)])
    expected = exact_ratios(bits[checked], bits[checked], samples)
    fires = data.unpack(bits, samples)

    def compare(_: object, __: Contestant, theirs: object) -> tuple[str, str]:
        its = sketches_of(theirs)
        if len(its) < units:  # the first of those that are checked
            return "", estimate_problem(its, expected[: len(its), : len(its)])
        return "", estimate_problem(its[checked], expected)

    return race(
        NAME,
        f"{units} units × {samples} samples, {slots} hashes, {'new seeds' if new_seeds else 'same seed'}",
        settings.threads,
        lambda: torch.ops.funcsim.minhash(signatures, samples, slots, next(seeds)),
        [with_rensa(fires, slots), *([with_datasketch(fires, slots, DATASKETCH_SETS)] if new_seeds else [])],
        effort=settings.effort,
        checked=CHECKED,
        check=lambda answer: estimate_problem(sketches_of(answer)[checked], expected),
        compare=compare,
        work=units * slots,
        unit="hashes",
        limit=moved_once(settings, units, samples, slots),
        tags={"samples": samples, "seeds": "new" if new_seeds else "same"},
        left_out="" if new_seeds else "datasketch, which keeps nothing between calls",
    )


def run(settings: Settings) -> Iterator[Row]:
    """As many samples as there are inputs in the benchmark of compare, and three times as many.

    Once with nothing left of an earlier call, and once as compare does it, layer after layer.
    """
    units, slots = settings.pick((64, 64), (512, 1024), (2048, 1024))
    for samples in settings.pick((2000,), (20_000, 65_536), (20_000, 65_536)):
        for new_seeds in (True, False):
            yield case(settings, units, samples, slots, new_seeds)


def targets(rows: Sequence[Row]) -> list[Target]:
    """That of building sketches, with nothing left of an earlier call."""
    new = [row for row in rows if row.tags["seeds"] == "new"]
    return [worst(NAME, "per hash, new seeds: times rensa", 20, new, "rensa")]
