"""Mean correlation of matched units (Li et al., "Convergent learning", arXiv:1511.07543)."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def standardised(activations: Tensor) -> Tensor:
    """Columns of mean 0 and norm 1, or 0 where a unit doesn't vary; float32 ``[samples, units]``."""
    centred = activations.double() - activations.double().mean(dim=0)
    norms = torch.linalg.vector_norm(centred, dim=0)
    varies = norms > 1e-7 * torch.linalg.vector_norm(activations.double(), dim=0)
    return torch.where(varies, centred / norms, 0.0).float()


def correlations(a: Tensor, b: Tensor) -> Tensor:
    """Of all pairs of units, ``[units_a, units_b]``: two that don't vary count as equal, one as unrelated."""
    result = a.T @ b
    result[torch.outer(a.abs().sum(dim=0) == 0, b.abs().sum(dim=0) == 0)] = 1
    return result


def matched_mean(similarities: Tensor) -> float:
    """The largest sum of similarities of pairs, divided by the units of the wider layer."""
    rows, columns = linear_sum_assignment(similarities.numpy(), maximize=True)
    return float(similarities[rows, columns].double().sum() / max(similarities.shape))
