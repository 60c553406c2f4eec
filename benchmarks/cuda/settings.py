"""What a run on a GPU was asked for, and the card it has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..harness import Comparison, Contestant, Effort, Limit, Row, race
from ..settings import Settings
from .answers import compare_tensors
from .card import Card


@dataclass(frozen=True, kw_only=True)
class CardSettings(Settings):
    """Of one run on a card."""

    card: Card

    @property
    def effort(self) -> Effort:
        """A card's times vary less than a processor's: a few are enough, and what takes long is mostly the CPU's."""
        return self.pick(Effort(0.0, 1), Effort(0.02, 5, 1.0), Effort(0.1, 11, 1.0))

    def highest(self, *names: str) -> Limit | None:
        """The one with the highest rate of those that were measured."""
        found = [self.limits[name] for name in names if name in self.limits]
        return max(found, key=lambda limit: limit.rate, default=None)

    def race(  # noqa: D417  # the other arguments' names say it
        self,
        benchmark: str,
        case: str,
        ours: Callable[[], object],
        contestants: Sequence[Contestant],
        *,
        checked: str,
        compare: Comparison = compare_tensors,
        check: Callable[[object], str] = lambda _: "",
        work: float = 0.0,
        unit: str = "",
        limit: Limit | None = None,
        tags: Mapping[str, str | float] | None = None,
        left_out: str = "",
    ) -> Row:
        """By the card's clock.

        Args:
            ours: Takes tensors of the card, and gives them.
        """
        return race(
            benchmark,
            case,
            self.threads,
            ours,
            contestants,
            effort=self.effort,
            checked=checked,
            check=check,
            compare=compare,
            work=work,
            unit=unit,
            limit=limit,
            tags=tags,
            left_out=left_out,
            clock=self.card.clock,
        )
