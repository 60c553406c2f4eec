"""The units of two layers as rows of a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:  # it has units
    from ..comparison import LayerComparison

# What a unit may be, by its number.
KINDS = ("", "dead", "always on", "duplicate")


@dataclass(frozen=True, eq=False)
class UnitRows:
    """Pairs of units, ascending in a; units without a partner where they are due; those of b alone at the end.

    Attributes:
        units_a: int64 ``[rows]``, -1 for none; so is the next.
        units_b: In network b.
        similarities: float32 ``[rows]``, NaN for units without a partner.
    """

    units_a: Tensor
    units_b: Tensor
    similarities: Tensor


def unit_rows(layer: "LayerComparison") -> UnitRows:
    """All units of both layers."""
    matched_a, matched_b = layer.matches.unbind(dim=1)
    partners = matched_a.new_full((layer.units_a,), -1)
    partners[matched_a] = matched_b
    similarities = layer.similarities.new_full((layer.units_a,), torch.nan)
    similarities[matched_a] = layer.similarities
    has_partner = matched_b.new_zeros(layer.units_b, dtype=torch.bool)
    has_partner[matched_b] = True
    alone = (~has_partner).nonzero()[:, 0]
    return UnitRows(
        units_a=torch.cat([torch.arange(layer.units_a, device=matched_a.device), torch.full_like(alone, -1)]),
        units_b=torch.cat([partners, alone]),
        similarities=torch.cat([similarities, similarities.new_full((len(alone),), torch.nan)]),
    )


def kinds_of_units(layer: "LayerComparison", network: str) -> Tensor:
    """Which of KINDS each unit of network "a" or "b" is: uint8 ``[units]``."""
    counts: Tensor = getattr(layer, f"counts_{network}")
    duplicate_of: Tensor = getattr(layer, f"duplicate_of_{network}")
    kinds = counts.new_zeros(len(counts), dtype=torch.uint8)
    kinds[counts == 0] = KINDS.index("dead")
    kinds[counts == layer.num_samples] = KINDS.index("always on")
    kinds[duplicate_of >= 0] = KINDS.index("duplicate")
    return kinds
