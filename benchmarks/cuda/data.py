"""Signatures made on the card, where making them takes no time, and bits packed and unpacked by PyTorch's operators."""

import torch
from torch import Tensor

from ..data import mixed_densities
from .card import Card

DRAWN = 1 << 28  # random numbers at a time


def powers_of_two(like: Tensor) -> Tensor:
    """What the bits of a byte stand for."""
    return torch.tensor([1 << bit for bit in range(8)], dtype=torch.uint8, device=like.device)


def packed(fires: Tensor) -> Tensor:
    """Signatures of ``[units, samples]``; the number of samples is a multiple of 8."""
    return (fires.view(len(fires), -1, 8) * powers_of_two(fires)).sum(-1, dtype=torch.uint8)


def unpacked(signatures: Tensor, dtype: torch.dtype) -> Tensor:
    """0 and 1, ``[units, samples]``."""
    return ((signatures[:, :, None] & powers_of_two(signatures)) != 0).flatten(1).to(dtype)


def random_signatures(card: Card, units: int, samples: int, seed: int) -> Tensor:
    """Units that fire independently of each other, as often as those of the CPU's benchmarks."""
    densities = torch.from_numpy(mixed_densities(units, seed)).to(card.device)[:, None]
    parts = densities.split(max(DRAWN // samples, 1))
    rows = [packed(card.uniform(len(part), samples, seed + 100 * k) < part) for k, part in enumerate(parts)]
    return torch.cat(rows)
