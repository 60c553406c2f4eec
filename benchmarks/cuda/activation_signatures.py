"""Packing activations that are on the card. Reading them is all there is to do."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..activation_signatures import DTYPES
from ..harness import Contestant, Row
from ..targets import Target, least_share, worst
from .answers import ON_CPU, with_copies
from .data import powers_of_two
from .settings import CardSettings

NAME = "activation_signatures"
CHECKED = "every bit, against the CPU's answer"


def by_torch(activations: Tensor) -> Tensor:
    """What one writes today: greater than, and eight bits at a time multiplied with powers of two."""
    fires = (activations > 0).view(len(activations) // 8, 8, -1)
    return (fires * powers_of_two(fires)[:, None]).sum(1, dtype=torch.uint8).t().contiguous()


def run(settings: CardSettings) -> Iterator[Row]:
    """A wide layer, and one of an MLP on 60,000 inputs."""
    for samples, units in settings.pick(
        ((512, 40),), ((65_536, 4096), (60_000, 1024)), ((65_536, 4096), (60_000, 1024))
    ):
        for dtype in DTYPES:
            yield _case(settings, samples, units, dtype)


def _case(settings: CardSettings, samples: int, units: int, dtype: torch.dtype) -> Row:
    activations = settings.card.normal(samples, units).to(dtype)
    operator = torch.ops.funcsim.activation_signatures
    name = str(dtype).removeprefix("torch.")
    return settings.race(
        NAME,
        f"[{samples}, {units}], {name}",
        lambda: operator(activations),
        [with_copies(operator, [activations]), Contestant("torch", lambda: by_torch(activations), "> and bits")],
        checked=CHECKED,
        work=activations.numel() * activations.element_size(),
        unit="bytes",
        limit=settings.highest("memory read", "torch sum"),
        tags={"dtype": name, "samples": samples, "units": units},
    )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of packing."""
    return [
        least_share(NAME, "share of the memory's read rate, every dtype", 0.8, rows),
        worst(NAME, "times torch's > and bit sums", 1, rows, "torch"),
        worst(NAME, "times the CPU, with copies", 1, rows, ON_CPU),
    ]
