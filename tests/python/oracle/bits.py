"""Signatures: packing, counting, and the similarities of two sets of samples."""

import numpy as np


def pack(preactivations: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Packs ``z > margin`` of ``[samples, units]`` into uint8 ``[units, ceil(samples / 8)]``."""
    return pack_bits((np.asarray(preactivations) > margin).T)


def pack_bits(bits: np.ndarray) -> np.ndarray:
    """Packs booleans ``[units, samples]``, sample s in byte s // 8 at bit s % 8."""
    units, samples = bits.shape
    packed = np.zeros((units, -(-samples // 8)), dtype=np.uint8)
    for sample in range(samples):
        packed[:, sample // 8] |= bits[:, sample].astype(np.uint8) << (sample % 8)
    return packed


def unpack(signatures: np.ndarray, num_samples: int) -> np.ndarray:
    """Booleans ``[units, num_samples]`` of packed signatures; the padding must be zero."""
    bits = np.unpackbits(signatures, axis=1, bitorder="little").astype(bool)
    assert not bits[:, num_samples:].any(), "padding bits are set"
    return bits[:, :num_samples]


def jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Jaccard index of booleans ``[a, samples]`` and ``[b, samples]``: float64 ``[a, b]``; 1 for two empty sets."""
    result = np.ones((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            union = np.count_nonzero(x | y)
            if union:
                result[i, j] = np.count_nonzero(x & y) / union
    return result


def phi(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of bit vectors; two equal constant vectors 1, otherwise 0 where one is constant."""
    result = np.zeros((len(a), len(b)))
    for i, x in enumerate(a.astype(np.float64)):
        for j, y in enumerate(b.astype(np.float64)):
            if x.std() == 0 or y.std() == 0:
                result[i, j] = float(np.array_equal(x, y) and x.std() == 0)
            else:
                result[i, j] = ((x - x.mean()) * (y - y.mean())).mean() / (x.std() * y.std())
    return result


def minhash_jaccard(a: np.ndarray, b: np.ndarray, empty: int = 2**31 - 1) -> np.ndarray:
    """Estimate from sketches: equal slots over slots that are not empty in both; 1 where all are."""
    result = np.ones((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            used = (x != empty) | (y != empty)
            if used.any():
                result[i, j] = np.count_nonzero(x[used] == y[used]) / np.count_nonzero(used)
    return result
