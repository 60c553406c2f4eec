"""The shuffles behind p-values (docs/hash.md), one by one: the operator that scores all of them tells of no progress."""

from collections.abc import Iterator

import torch
from torch import Tensor

# Of HashPurpose in csrc/kernels/common/hash.h.
SHUFFLE, SHUFFLE_SEED = 3, 6

_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SETS = 4  # of points: the first two bits of an input's hash
_MASK = (1 << 64) - 1


def shuffle_sources(num_inputs: int, seed: int, shuffles: int) -> Iterator[Tensor]:
    """Where the inputs of each shuffle come from, as ``shuffled_scores`` shuffles them.

    Args:
        num_inputs: How many there are.
        seed: Of the shuffles: any int64.
        shuffles: How many.

    Yields:
        int64 ``[inputs]``, on the CPU.
    """
    inputs = torch.arange(num_inputs, device="cpu")
    own = _hashes(seed, SHUFFLE, inputs)
    sets = (own >> 62) & (_SETS - 1)
    first = _partners(_order(own, sets))
    for shuffle in range(shuffles):
        its_seed = _hash(seed, SHUFFLE_SEED, shuffle)
        again = _partners(_order(_hashes(its_seed, SHUFFLE, inputs), sets))
        yield first[again]


def _order(hashes: Tensor, sets: Tensor) -> Tensor:
    """The inputs by set, and within a set by hash."""
    by_hash = torch.argsort(hashes ^ _signed(1 << 63))  # as if they had no sign
    of_each = sets[by_hash]
    return torch.cat([by_hash[of_each == one] for one in range(_SETS)])


def _partners(order: Tensor) -> Tensor:
    """Who trades places in an order: the first and the second, the third and the fourth; the last of an odd number stays."""
    partners = torch.empty_like(order)
    even = len(order) // 2 * 2
    one, other = order[:even:2], order[1:even:2]
    partners[one], partners[other] = other, one
    partners[order[even:]] = order[even:]
    return partners


def _key(seed: int, purpose: int) -> int:
    return _mix(_mix((seed + _GAMMA) & _MASK) + purpose * _GAMMA & _MASK)


def _hash(seed: int, purpose: int, index: int) -> int:
    """Of one index, as an int64."""
    return _signed(_mix(_key(seed, purpose) + (index + 1) * _GAMMA & _MASK))


def _mix(x: int) -> int:
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        x = (x ^ (x >> shift)) * multiplier & _MASK
    return x ^ (x >> 31)


def _hashes(seed: int, purpose: int, indices: Tensor) -> Tensor:
    """Of many indices, int64 with the bits of the hashes."""
    x = (indices + 1) * _signed(_GAMMA) + _signed(_key(seed, purpose))
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        x = (x ^ _shifted(x, shift)) * _signed(multiplier)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, with zeros coming in."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(x: int) -> int:
    return x - (1 << 64) if x >> 63 else x
