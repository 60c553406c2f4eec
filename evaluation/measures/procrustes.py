"""Orthogonal Procrustes similarity (Ding, Denain and Steinhardt, arXiv:2108.01661; Schönemann 1966)."""

import torch
from torch import Tensor


def normalised(activations: Tensor) -> Tensor:
    """Centred, and of Frobenius norm 1 unless nothing varies; float32 ``[samples, units]``."""
    centred = activations.double() - activations.double().mean(dim=0)
    norm = torch.linalg.matrix_norm(centred)
    return (centred / norm if norm > 0 else centred).float()


def procrustes_similarity(a: Tensor, b: Tensor) -> float:
    """1 minus half of the squared distance that is left after the best rotation, of two normalised layers: 0 to 1."""
    return float(torch.linalg.matrix_norm(a.T @ b, ord="nuc"))
