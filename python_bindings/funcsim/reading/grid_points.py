"""Where the points of positions lie in grids (docs/hash.md), as the operators choose them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# A network that gives what it is given. On a grid of its places' own numbers it tells which places operators look at.
IDENTITY = "funcsim/1: Linear(1, 1, bias=false); Linear(1, 1, bias=false)"

# Numbers that are written into grids at a time.
MOST_NUMBERS = 1 << 22


def grid_points(first_input: int, num_inputs: int, points: int, grid: Sequence[int], seed: int) -> Tensor:
    """The places at which inputs are looked at.

    Args:
        first_input: Global index of the first input.
        num_inputs: How many there are.
        points: Of each input, at least 1.
        grid: Sizes, row-major.
        seed: Of points.

    Returns:
        Row-major places, int64 ``[num_inputs, points]``, on the CPU.
    """
    places = math.prod(grid)
    if places == 1:
        return torch.zeros(num_inputs, points, dtype=torch.int64, device="cpu")
    one = torch.ones(1, 1, dtype=torch.float64, device="cpu")
    numbers = torch.arange(places, dtype=torch.float64, device="cpu").reshape(1, *grid, 1)  # exact up to 2**53
    found = []
    step = max(1, MOST_NUMBERS // places)
    for start in range(0, num_inputs, step):
        inputs = numbers.expand(min(step, num_inputs - start), *numbers.shape[1:])
        (chosen,) = torch.ops.funcsim.network_activations(
            IDENTITY, [one, one], inputs, points, seed, first_input + start
        )
        found.append(chosen.reshape(-1, points).long())
    return torch.cat(found)
