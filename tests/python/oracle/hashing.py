"""The documented hash (docs/hash.md), and what is seeded with it: MinHash, shuffle, positions, fingerprints."""

import functools
from math import prod

import numpy as np

MASK = 2**64 - 1
EMPTY = 2**31 - 1
GAMMA = 0x9E3779B97F4A7C15
PURPOSES = {"sample_order": 1, "position": 2, "shuffle": 3, "fingerprint": 4, "bootstrap": 5, "shuffle_seed": 6}


def mix(x: int) -> int:
    """The 64-bit mixing function."""
    x &= MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def stream(seed: int, purpose: str, index: int) -> int:
    """Number ``index`` of the stream of a purpose, 64 bits. A negative seed counts modulo 2^64."""
    key = mix(mix(seed + GAMMA) + PURPOSES[purpose] * GAMMA)
    return mix(key + (index + 1) * GAMMA)


def slot_and_value(num_hashes: int, seed: int, sample: int) -> tuple[int, int]:
    """Where a sample of a global number falls in sketches, and with which value."""
    number = stream(seed, "sample_order", sample)
    high, low = number >> 32, number & 0xFFFFFFFF
    return high * num_hashes >> 32, low * (2**31 - 1) >> 32


def minhash(bits: np.ndarray, num_hashes: int, seed: int, first_sample: int = 0) -> np.ndarray:
    """Sketch of booleans ``[units, samples]``: int32 ``[units, num_hashes]``."""
    units, samples = bits.shape
    sketch = np.full((units, num_hashes), EMPTY, dtype=np.int32)
    for sample in range(samples):
        slot, value = slot_and_value(num_hashes, seed, first_sample + sample)
        fires = bits[:, sample]
        sketch[fires, slot] = np.minimum(sketch[fires, slot], value)
    return sketch


def point_set(seed: int, input_index: int) -> int:
    """Which of four sets of points an input of a global number is looked at."""
    return stream(seed, "shuffle", input_index) >> 62


def pairing(num_inputs: int, seed: int, first_input: int = 0, *, sets_seed: int | None = None) -> list[int]:
    """Who each input trades places with: sorted by hash, the first with the second, the third with the fourth...

    By default inputs of a set of points come one after the other; with ``sets_seed`` it is those sets that do.
    """
    sets = [point_set(seed if sets_seed is None else sets_seed, first_input + i) for i in range(num_inputs)]
    order = sorted(range(num_inputs), key=lambda i: (sets[i], stream(seed, "shuffle", first_input + i), i))
    partner = list(range(num_inputs))
    for left, right in zip(order[::2], order[1::2], strict=False):
        partner[left], partner[right] = right, left
    return partner


def shuffle(bits: np.ndarray, num_inputs: int, samples_per_input: int, seed: int, first_input: int = 0) -> np.ndarray:
    """Booleans ``[units, num_inputs * samples_per_input]`` with the inputs of each pair exchanged."""
    grouped = bits.reshape(len(bits), num_inputs, samples_per_input)
    return grouped[:, pairing(num_inputs, seed, first_input)].reshape(bits.shape)


@functools.cache
def boxes(points: int, dimensions: int) -> list[int]:
    """Parts each dimension is cut into: prime factors, the largest first, go to the dimension with the fewest."""
    counts = [1] * dimensions
    for factor in reversed([f for f in range(2, points + 1) for _ in range(_multiplicity(points, f))]):
        counts[counts.index(min(counts))] *= factor
    return counts


def _multiplicity(number: int, factor: int) -> int:
    """How often a factor divides a number, 0 unless it is prime."""
    prime = all(factor % d for d in range(2, factor))
    return next(k for k in range(number.bit_length() + 1) if number % factor ** (k + 1)) if prime else 0


def coordinate(seed: int, points: int, input_index: int, point: int, dimension: int, grid: tuple[int, ...]) -> int:
    """Where a point of an input of a global number lies along one dimension of a grid."""
    u = stream(seed, "position", (point_set(seed, input_index) * points + point) * 8 + dimension) >> 32
    counts = boxes(points, len(grid))
    box = np.unravel_index(point, counts)[dimension]
    return (int(box) * 2**32 + u) * grid[dimension] // (counts[dimension] * 2**32)


def grid_points(first_input: int, num_inputs: int, points: int, grid: tuple[int, ...], seed: int) -> np.ndarray:
    """Row-major position in the grid of every point: int64 ``[num_inputs, points]``."""
    positions = np.zeros((num_inputs, points), dtype=np.int64)
    for i in range(num_inputs):
        for p in range(points):
            for k, size in enumerate(grid):
                positions[i, p] = positions[i, p] * size + coordinate(seed, points, first_input + i, p, k, grid)
    assert (positions < prod(grid)).all()
    return positions


def fingerprint(bits: np.ndarray, first_sample: int = 0) -> list[int]:
    """Fingerprint, from 0 to 2^64 - 1, of each row of booleans ``[units, samples]``; first_sample % 64 is 0."""
    fingerprints = []
    for row in bits:
        total = 0
        for start in range(0, len(row), 64):
            word = sum(1 << int(s) for s in np.flatnonzero(row[start : start + 64]))
            if word:
                total += mix(word ^ stream(0, "fingerprint", (first_sample + start) // 64))
        fingerprints.append(total & MASK)
    return fingerprints
