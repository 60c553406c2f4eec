"""The documented hash (docs/hash.md), and what is seeded with it: MinHash, the shuffle, the points of positions."""

from math import prod

import numpy as np

MASK = 2**64 - 1
EMPTY = 2**31 - 1
GAMMA = 0x9E3779B97F4A7C15
PURPOSES = {"minhash": 1, "position": 2, "shuffle": 3}


def mix(x: int) -> int:
    """The 64-bit mixing function."""
    x &= MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def stream(seed: int, purpose: str, index: int) -> int:
    """Number ``index`` of the stream of a purpose, 64 bits."""
    key = mix((seed & MASK) + GAMMA * PURPOSES[purpose])
    return mix(key + GAMMA * (index + 1))


def minhash(bits: np.ndarray, num_hashes: int, seed: int, first_sample: int = 0) -> np.ndarray:
    """Sketch of booleans ``[units, samples]``: int32 ``[units, num_hashes]``."""
    units, samples = bits.shape
    sketch = np.full((units, num_hashes), EMPTY, dtype=np.int32)
    for sample in range(samples):
        number = stream(seed, "minhash", first_sample + sample)
        slot = ((number >> 32) * num_hashes) >> 32
        value = min((number & 0xFFFFFFFF) >> 1, EMPTY - 1)
        fires = bits[:, sample]
        sketch[fires, slot] = np.minimum(sketch[fires, slot], value)
    return sketch


def pairing(num_inputs: int, seed: int, first_input: int = 0) -> list[int]:
    """Who each input trades places with: sorted by hash, the first with the second, the third with the fourth..."""
    order = sorted(range(num_inputs), key=lambda i: (stream(seed, "shuffle", first_input + i), i))
    partner = list(range(num_inputs))
    for left, right in zip(order[::2], order[1::2], strict=False):
        partner[left], partner[right] = right, left
    return partner


def shuffle(bits: np.ndarray, num_inputs: int, samples_per_input: int, seed: int, first_input: int = 0) -> np.ndarray:
    """Booleans ``[units, num_inputs * samples_per_input]`` with the inputs of each pair exchanged."""
    grouped = bits.reshape(len(bits), num_inputs, samples_per_input)
    return grouped[:, pairing(num_inputs, seed, first_input)].reshape(bits.shape)


def grid_points(first_input: int, num_inputs: int, points: int, grid: tuple[int, ...], seed: int) -> np.ndarray:
    """Row-major position in the grid of every point: int64 ``[num_inputs, points]``."""
    positions = np.zeros((num_inputs, points), dtype=np.int64)
    for i in range(num_inputs):
        for p in range(points):
            for k, size in enumerate(grid):
                u = stream(seed, "position", ((first_input + i) * points + p) * 8 + k) >> 32
                positions[i, p] = positions[i, p] * size + ((u * size) >> 32)
    assert (positions < prod(grid)).all()
    return positions
