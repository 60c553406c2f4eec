"""The shuffles behind p-values (docs/hash.md), one by one: the operator that scores all of them shows no progress."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Of HashPurpose in csrc/kernels/common/hash.h.
SHUFFLE, SHUFFLE_SEED = 3, 6

GAMMA = 0x9E3779B97F4A7C15
SETS = 4  # of points: the first two bits of an input's hash

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def shuffle_sources(num_inputs: int, seed: int, shuffles: int) -> Iterator[Tensor]:
    """Where the inputs of each shuffle come from, as ``shuffled_scores`` shuffles them.

    Args:
        num_inputs: How many there are.
        seed: Of the shuffles: any int64.
        shuffles: How many.

    Yields:
        int64 ``[inputs]``, on the CPU.
    """
    inputs = np.arange(num_inputs, dtype=np.uint64)
    own = _hashes(seed, SHUFFLE, inputs)
    sets = own >> np.uint64(62)
    first = _partners(_order(own, sets))
    for its_seed in _hashes(seed, SHUFFLE_SEED, np.arange(shuffles, dtype=np.uint64)).tolist():
        again = _partners(_order(_hashes(its_seed, SHUFFLE, inputs), sets))
        yield torch.from_numpy(first[again])


def _order(hashes: Numbers, sets: Numbers) -> Places:
    """The inputs by set, and within a set by hash."""
    by_hash = np.argsort(hashes)
    of_each = sets[by_hash]
    return np.concatenate([by_hash[of_each == one] for one in range(SETS)])


def _partners(order: Places) -> Places:
    """Who trades places: the first and the second of an order, the third and the fourth; an odd last one stays."""
    partners = np.empty_like(order)
    even = len(order) // 2 * 2
    partners[order[:even:2]] = order[1:even:2]
    partners[order[1:even:2]] = order[:even:2]
    partners[order[even:]] = order[even:]
    return partners


def _hashes(seed: int, purpose: int, indices: Numbers) -> Numbers:
    """Of the stream of a seed and a purpose; all sums and products are modulo 2**64."""
    start = np.array([(seed + GAMMA) % 2**64], dtype=np.uint64)
    key = _mixed(_mixed(start) + np.uint64(purpose * GAMMA % 2**64))
    return _mixed(key + (indices + np.uint64(1)) * np.uint64(GAMMA))


def _mixed(numbers: Numbers) -> Numbers:
    """SplitMix64's finaliser."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
