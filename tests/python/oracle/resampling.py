"""The block bootstrap over inputs and the shuffles behind p-values, as docs/mathematics.md and docs/hash.md say."""

import numpy as np

from . import bits, hashing, matching


def block_starts(num_inputs: int) -> list[int]:
    """First input of every block, and the end."""
    blocks = min(num_inputs, 256)
    return [k * num_inputs // blocks for k in range(blocks + 1)]


def drawn_inputs(num_inputs: int, seed: int, replicate: int) -> np.ndarray:
    """The inputs of a replicate, with repetitions."""
    starts = block_starts(num_inputs)
    blocks = len(starts) - 1
    drawn = []
    for k in range(blocks):
        block = (hashing.stream(seed, "bootstrap", replicate * blocks + k) >> 32) * blocks >> 32
        drawn += range(starts[block], starts[block + 1])
    return np.array(drawn)


def bootstrap_score(
    a: np.ndarray, b: np.ndarray, matches: np.ndarray, num_inputs: int, seed: int, replicate: int, similarity: str
) -> float:
    """The layer score of one replicate, of booleans ``[units, samples]`` and the partner or -1 of each unit of a."""
    per_input = a.shape[1] // num_inputs
    inputs = drawn_inputs(num_inputs, seed, replicate)
    drawn = (inputs[:, None] * per_input + np.arange(per_input)).reshape(-1)
    matrix = getattr(bits, similarity)(a[:, drawn], b[:, drawn])
    return sum(matrix[i, j] for i, j in enumerate(matches) if j >= 0) / max(len(a), len(b))


def shuffle_sources(num_inputs: int, seed: int, shuffle: int) -> list[int]:
    """Where each input's samples come from: a pairing of its own after the common first one."""
    first = hashing.pairing(num_inputs, seed)
    its_seed = hashing.stream(seed, "shuffle_seed", shuffle)
    own = hashing.pairing(num_inputs, its_seed - 2**64 if its_seed >= 2**63 else its_seed, sets_seed=seed)
    return [first[i] for i in own]


def shuffled_score(
    a: np.ndarray, b: np.ndarray, num_inputs: int, seed: int, shuffle: int, similarity: str = "jaccard"
) -> float:
    """The layer score against b with its inputs shuffled."""
    grouped = b.reshape(len(b), num_inputs, -1)
    shuffled = grouped[:, shuffle_sources(num_inputs, seed, shuffle)].reshape(b.shape)
    return matching.layer_score(getattr(bits, similarity)(a, shuffled))
