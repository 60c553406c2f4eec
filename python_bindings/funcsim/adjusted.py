"""Scores above chance."""

import torch
from torch import Tensor


def adjusted_score(score: Tensor, chance: Tensor) -> Tensor:
    """(score - chance) / (1 - chance) of each element; where chance is 1, 1 for a score of 1 and else 0.

    Args:
        score: float64, any shape.
        chance: float64, of the same shape.
    """
    return torch.where(chance == 1, (score == 1).to(score.dtype), (score - chance) / (1 - chance))
