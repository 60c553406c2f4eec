"""Bits that operators on packed ones are tested with, and views of tensors that aren't contiguous."""

import numpy as np
import torch
from oracle import bits

LAYOUTS = ("strided rows", "strided columns", "transposed", "expanded", "offset")


def random_bits(units: int, samples: int, seed: int) -> np.ndarray:
    """Booleans, units of all densities."""
    rng = np.random.default_rng(seed)
    density = rng.choice([0.0, 0.01, 0.2, 0.5, 0.9, 1.0], size=(units, 1))
    return rng.random((units, samples)) < density


def packed(some_bits: np.ndarray) -> torch.Tensor:
    """As the operators take them."""
    return torch.from_numpy(bits.pack_bits(some_bits))


def view_of(x: torch.Tensor, layout: str) -> torch.Tensor:
    """Part of a square matrix."""
    return {
        "strided rows": x[::2],
        "strided columns": x[:, 1::3],
        "transposed": x.t(),
        "expanded": x[:1].expand(5, -1),
        "offset": x[3:, 5:],
    }[layout]
