"""Linear CKA (Kornblith et al., arXiv:1905.00414) from minibatches, debiased (Nguyen et al., arXiv:2010.15327)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BATCH = 256


def hsic1(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate of the Hilbert-Schmidt independence criterion with linear kernels.

    Song et al., "Feature selection via dependence maximization", JMLR 13 (2012), equation 5, for the Gram matrices
    K = x xᵀ and L = y yᵀ. Where samples are the more numerous, products of units with units give all that it needs.

    Args:
        x: float64 ``[n, units]``, n at least 4.
        y: float64 ``[n, units]``.
    """
    n = len(x)
    diagonal_x, diagonal_y = (x * x).sum(dim=1), (y * y).sum(dim=1)
    rows_x, rows_y = x @ x.sum(dim=0) - diagonal_x, y @ y.sum(dim=0) - diagonal_y
    if min(x.shape[1], y.shape[1]) > n:
        gram = x @ x.T
        products = (gram * (gram if y is x else y @ y.T)).sum()
    else:
        products = (x.T @ y).square().sum()
    trace = products - diagonal_x @ diagonal_y
    middle = rows_x.sum() * rows_y.sum() / ((n - 1) * (n - 2))
    return float((trace + middle - 2 / (n - 2) * (rows_x @ rows_y)) / (n * (n - 3)))


def batches_of(activations: Tensor) -> list[Tensor]:
    """Rows in batches, in float64. Estimates need four; a last batch of fewer is left out."""
    return [batch for batch in activations.double().split(BATCH) if len(batch) >= 4]


@dataclass(frozen=True)
class Recorded:
    """A layer's activations, ``[samples, units]``, and what of CKA concerns this layer alone."""

    activations: Tensor
    own: float


def recorded(activations: Tensor) -> Recorded:
    """Done once for a layer, however many it is compared with."""
    return Recorded(activations, sum(hsic1(batch, batch) for batch in batches_of(activations)))


def minibatch_cka(a: Recorded, b: Recorded) -> float:
    """Of two layers on the same samples. 0 where a layer doesn't vary.

    Sums of HSIC over the minibatches are divided, and so the bias of few samples doesn't grow with the layers.
    """
    both = sum(hsic1(x, y) for x, y in zip(batches_of(a.activations), batches_of(b.activations), strict=True))
    return both / math.sqrt(a.own * b.own) if a.own > 0 and b.own > 0 else 0.0


def full_cka(a: Tensor, b: Tensor) -> float:
    """Without minibatches, biased: ‖aᵀb‖² / (‖aᵀa‖ ‖bᵀb‖) of centred activations. 0 where a layer doesn't vary."""
    x, y = (layer.double() - layer.double().mean(dim=0) for layer in (a, b))
    norms = torch.linalg.matrix_norm(x.T @ x) * torch.linalg.matrix_norm(y.T @ y)
    return float((x.T @ y).square().sum() / norms) if norms > 0 else 0.0
