"""How time grows with the number of samples and with the width: slopes of logarithms."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import funcsim
import numpy as np
import torch
from torch import Tensor

from . import data
from .harness import FUNCSIM, Contestant, measure
from .settings import Settings
from .targets import Target

NAME = "scaling"
# Linear and quadratic, give or take what a cache that is left behind does to a fitted exponent.
MOST = {"samples": 1.1, "width": 2.1}
HASHES = 512


@dataclass(frozen=True)
class Growth:
    """Time ~ size ** exponent."""

    operator: str
    variable: str  # samples or width
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    bounded: bool = True
    exponent: float = field(init=False)

    def __post_init__(self) -> None:
        slope = np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0]
        object.__setattr__(self, "exponent", float(slope))


def _signatures(samples: int, width: int, seed: int = 1) -> Tensor:
    random = data.generator(50, seed)
    return torch.from_numpy(random.integers(0, 256, (width, samples // 8), dtype=np.uint8))


def _pack(samples: int, width: int) -> Callable[[], object]:
    activations = torch.randn(samples, width, generator=torch.Generator().manual_seed(0))
    return lambda: torch.ops.funcsim.activation_signatures(activations)


def _jaccard(samples: int, width: int) -> Callable[[], object]:
    a, b = (_signatures(samples, width, seed) for seed in (1, 2))
    return lambda: torch.ops.funcsim.jaccard(a, b)


def _minhash(samples: int, width: int) -> Callable[[], object]:
    a = _signatures(samples, width)
    seeds = itertools.count()  # new ones: the order of the samples is kept for few sizes
    return lambda: torch.ops.funcsim.minhash(a, samples, HASHES, next(seeds))


def _minhash_jaccard(samples: int, width: int) -> Callable[[], object]:
    a, b = (torch.ops.funcsim.minhash(_signatures(samples, width, seed), samples, HASHES) for seed in (1, 2))
    return lambda: torch.ops.funcsim.minhash_jaccard(a, b)


def _statistics(samples: int, width: int) -> Callable[[], object]:
    a = _signatures(samples, width)
    return lambda: torch.ops.funcsim.signature_statistics(a, samples)


def _shuffle(samples: int, width: int) -> Callable[[], object]:
    a = _signatures(samples, width)
    return lambda: torch.ops.funcsim.shuffle_samples(a, samples)


def _compare(samples: int, width: int) -> Callable[[], object]:
    a, b = (data.mlp([784, width, width, 10], seed) for seed in (1, 2))
    inputs = torch.randn(samples, 784, generator=torch.Generator().manual_seed(0))
    return lambda: funcsim.compare(a, b, inputs, method="exact")


def _assignment(family: str) -> Callable[[int, int], Callable[[], object]]:
    def make(_: int, width: int) -> Callable[[], object]:
        cost = torch.from_numpy(data.FAMILIES[family](width, width))
        return lambda: torch.ops.funcsim.linear_sum_assignment(cost)

    return make


@dataclass(frozen=True)
class Sweep:
    """An operator, the sizes that one variable takes, and that of the other."""

    operator: str
    make: Callable[[int, int], Callable[[], object]]
    variable: str
    sizes: tuple[int, ...]
    other: int
    bounded: bool = True


def _doubled(first: int, count: int) -> tuple[int, ...]:
    return tuple(first << step for step in range(count))


def sweeps(settings: Settings) -> list[Sweep]:
    """Sizes at which a call takes milliseconds at least and its data fit no cache, but for the smoke test.

    shuffle_samples alone is measured where its words, one a sample, still fit the second cache: a bit takes twice as
    long beyond, and a line through both would say nothing about either.
    """
    count = settings.pick(2, 3, 4)
    scale = settings.pick(16, 1, 1)  # how much smaller

    def both(operator: str, make: Callable[[int, int], Callable[[], object]], samples: int, width: int) -> list[Sweep]:
        samples, width = samples // scale, width // scale
        return [
            Sweep(operator, make, "samples", _doubled(samples, count), 2 * width),
            Sweep(operator, make, "width", _doubled(width, count), 2 * samples),
        ]

    grown = settings.pick((32, 64), (512, 1024, 2048), (1024, 2048, 4096, 8192))
    return [
        *both("activation_signatures", _pack, 65_536, 512),
        *both("jaccard", _jaccard, 16_384, 512),
        *both("minhash", _minhash, 262_144, 512),
        Sweep("minhash_jaccard", _minhash_jaccard, "width", _doubled(512 // scale, count), 16_384 // scale),
        *both("signature_statistics", _statistics, 524_288, 512),
        *both("shuffle_samples", _shuffle, 16_384, 256),
        Sweep("compare", _compare, "samples", _doubled(4096 // scale, count), 512 // scale),
        # It includes the assignment.
        Sweep("compare", _compare, "width", _doubled(256 // scale, count), 8192 // scale, bounded=False),
        *(
            Sweep(f"linear_sum_assignment, {family}", _assignment(family), "width", grown, 0, bounded=False)
            for family in ("uniform", "corr", "indep")
        ),
    ]


def run(settings: Settings) -> Iterator[Growth]:
    """Every operator."""
    for sweep in sweeps(settings):
        seconds = []
        for size in sweep.sizes:
            arguments = (size, sweep.other) if sweep.variable == "samples" else (sweep.other, size)
            [times], _ = measure([Contestant(FUNCSIM, sweep.make(*arguments))], settings.effort)
            seconds.append(min(times))
        yield Growth(sweep.operator, sweep.variable, sweep.sizes, tuple(seconds), sweep.bounded)


def targets(growths: Sequence[Growth]) -> list[Target]:
    """Linear in samples, quadratic in width at most."""
    found = []
    for variable, most in MOST.items():
        exponents = [
            (growth.exponent, growth.operator) for growth in growths if growth.variable == variable and growth.bounded
        ]
        got, where = max(exponents, default=(None, ""))
        text = f"largest exponent of time in {variable}, all but the assignment"
        found.append(Target(NAME, text, "at most", most, got, where, len(exponents)))
    return found
