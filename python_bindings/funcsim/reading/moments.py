"""Means and variances of hidden units."""

import torch
from torch import Tensor


def merged_moments(old: list[Tensor], old_count: int, new: list[Tensor], new_count: int) -> list[Tensor]:
    """Means and variances of the inputs of two batches (Chan, Golub, LeVeque 1979).

    Args:
        old: Of every hidden layer ``[2, units]``; none before the first batch.
        old_count: Its inputs. All inputs have equally many values.
        new: The same of the next batch.
        new_count: Its inputs.
    """
    if not old:
        return new
    share = new_count / (old_count + new_count)
    merged = []
    for (mean, variance), (other_mean, other_variance) in zip(old, new, strict=True):
        apart = other_mean - mean
        within = variance + (other_variance - variance) * share
        merged.append(torch.stack([mean + apart * share, within + apart * apart * (share * (1 - share))]))
    return merged
