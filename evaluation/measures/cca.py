"""Canonical correlations: SVCCA (Raghu et al., arXiv:1706.05806) and PWCCA (Morcos et al., arXiv:1806.05759)."""

from dataclasses import dataclass

import torch
from torch import Tensor

KEPT_VARIANCE = 0.99  # of SVCCA
SMALLEST = 1e-6  # singular values below this, relative to the largest, are rounding noise to PWCCA


@dataclass(frozen=True)
class Decomposition:
    """Centred activations = ``directions @ diag(strengths) @ mix``, without what is rounding noise.

    Attributes:
        directions: float32 ``[samples, k]``, orthonormal.
        strengths: float64 ``[k]``, descending.
        mix: float64 ``[k, units]``.
        kept: How many of them hold ``KEPT_VARIANCE``.
    """

    directions: Tensor
    strengths: Tensor
    mix: Tensor
    kept: int


def decomposed(activations: Tensor) -> Decomposition:
    """Of one layer, ``[samples, units]``."""
    centred = activations.double() - activations.double().mean(dim=0)
    left, strengths, mix = torch.linalg.svd(centred, full_matrices=False)
    rank = int((strengths > SMALLEST * strengths.max()).sum())
    shares = strengths.square().cumsum(0) / strengths.square().sum()
    kept = min(int((shares < KEPT_VARIANCE).sum()) + 1, rank)
    return Decomposition(left[:, :rank].float().contiguous(), strengths[:rank], mix[:rank], kept)


def svcca(a: Decomposition, b: Decomposition) -> float:
    """Mean canonical correlation of the directions that hold 99 % of the variance. 0 where a layer doesn't vary."""
    if not a.kept or not b.kept:
        return 0.0
    shared = a.directions[:, : a.kept].T @ b.directions[:, : b.kept]
    return float(torch.linalg.svdvals(shared.double()).clamp(max=1).mean())


def _pwcca_of(a: Decomposition, b: Decomposition) -> float:
    left, correlations, _ = torch.linalg.svd((a.directions.T @ b.directions).double(), full_matrices=False)
    weights = (left.T @ (a.strengths[:, None] * a.mix)).abs().sum(dim=1)
    return float((weights * correlations.clamp(max=1)).sum() / weights.sum())


def pwcca(a: Decomposition, b: Decomposition) -> float:
    """Canonical correlations weighted by how much of a layer's activations they account for: the mean of both ways."""
    if not len(a.strengths) or not len(b.strengths):
        return 0.0
    return (_pwcca_of(a, b) + _pwcca_of(b, a)) / 2
