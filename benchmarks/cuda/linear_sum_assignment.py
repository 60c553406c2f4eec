"""Assignment of costs that are on the card: the copy to the host, and the solver there."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .. import data
from ..harness import Contestant, Row
from ..targets import Target
from .answers import first_difference_of_all, with_copies
from .settings import CardSettings

NAME = "linear_sum_assignment"
CHECKED = "every pair, against the CPU's answer"
COPY, SOLVE = "copy", "solve"
FEW = ("uniform", "corr", "indep")


def _compare(ours: object, contestant: Contestant, theirs: object) -> tuple[str, str]:
    return ("", "") if contestant.package == COPY else (first_difference_of_all(ours, theirs), "")


def _case(settings: CardSettings, family: str, units: int) -> Row:
    on_host = torch.from_numpy(data.FAMILIES[family](units, units))
    cost = on_host.to(settings.card.device)
    pinned = torch.empty(cost.shape, pin_memory=cost.is_cuda)
    operator = torch.ops.funcsim.linear_sum_assignment

    def solve(matrix: Tensor) -> list[Tensor]:
        return list(operator(matrix))

    return settings.race(
        NAME,
        f"{family} {units}",
        lambda: solve(cost),
        [
            Contestant(COPY, lambda: pinned.copy_(cost, non_blocking=True), "to pinned memory", is_peer=False),
            Contestant(SOLVE, lambda: solve(on_host), "on the CPU", is_peer=False),
            with_copies(operator, [cost]),
        ],
        checked=CHECKED,
        compare=_compare,
        tags={"family": family, "units": units},
    )


def run(settings: CardSettings) -> Iterator[Row]:
    """The families of the CPU's benchmark."""
    for family in settings.pick(("uniform",), FEW, tuple(data.FAMILIES)):
        yield _case(settings, family, settings.pick(64, 4096, 4096))


def targets(_: Sequence[Row]) -> list[Target]:
    """None: how long the solver takes is a matter of the CPU."""
    return []
