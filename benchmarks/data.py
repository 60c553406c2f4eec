"""Signatures and cost matrices, made from seeds."""

import itertools
from collections.abc import Callable, Sequence

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Bits = NDArray[np.uint8]  # [units, bytes], sample s in byte s // 8 at bit s % 8
Costs = NDArray[np.float32]

LATENTS = 32
SAMPLES = 16_384
MANY_SAMPLES = 65_536


def generator(*seed: int) -> np.random.Generator:
    """Of a case."""
    return np.random.default_rng(seed)


def mixed_densities(units: int, seed: int) -> NDArray[np.float32]:
    """0.05 + 0.55 u² for uniform u, 0.23 in the mean: many quiet units and a few busy ones."""
    return (0.05 + 0.55 * generator(seed).random(units) ** 2).astype(np.float32)


def random_bits(densities: NDArray[np.float32], samples: int, seed: int) -> Bits:
    """Units that fire independently of each other."""
    random = generator(seed)
    packed = np.empty((len(densities), (samples + 7) // 8), np.uint8)
    for unit, density in enumerate(densities):
        packed[unit] = np.packbits(random.random(samples, dtype=np.float32) < density, bitorder="little")
    return packed


def latent_bits(densities: NDArray[np.float32], samples: int, seed: int) -> Bits:
    """Units that threshold random projections of the same 32 Gaussian latents: nearest to real networks."""
    inputs = generator(0, samples).standard_normal((samples, LATENTS), dtype=np.float32)
    projections = generator(1, seed).standard_normal((LATENTS, len(densities)), dtype=np.float32)
    projections /= np.linalg.norm(projections, axis=0)
    normal = torch.distributions.Normal(0.0, 1.0)
    thresholds = normal.icdf(1 - torch.from_numpy(densities)).numpy()
    return pack((inputs @ projections > thresholds).T)


def pack(fires: NDArray[np.bool_]) -> Bits:
    """Of ``[units, samples]``."""
    return np.packbits(fires, axis=1, bitorder="little")


def unpack(bits: Bits, samples: int) -> NDArray[np.uint8]:
    """0 and 1, ``[units, samples]``."""
    return np.unpackbits(bits, axis=1, bitorder="little", count=samples)


def partly_resampled(bits: Bits, densities: NDArray[np.float32], samples: int, seed: int) -> Bits:
    """A permuted copy in which 30 to 90 % of each unit's samples are drawn anew."""
    random = generator(2, seed)
    order = random.permutation(len(bits))
    noise = random_bits(densities[order], samples, seed + 1)
    shares = 0.3 + 0.6 * random.random(len(bits), dtype=np.float32)
    anew = random_bits(shares, samples, seed + 2)
    return (bits[order] & ~anew) | (noise & anew)


def one_minus_jaccard(a: Bits, b: Bits) -> Costs:
    """What it costs to match units."""
    costs: Costs = (1 - torch.ops.funcsim.jaccard(torch.from_numpy(a), torch.from_numpy(b))).numpy()
    return costs


def _sketched(a: Bits, b: Bits, num_hashes: int) -> Costs:
    sketches = [torch.ops.funcsim.minhash(torch.from_numpy(bits), bits.shape[1] * 8, num_hashes) for bits in (a, b)]
    costs: Costs = (1 - torch.ops.funcsim.minhash_jaccard(*sketches)).numpy()
    return costs


def _latent_pair(rows: int, columns: int) -> tuple[Bits, Bits]:
    return latent_bits(mixed_densities(rows, 3), SAMPLES, 5), latent_bits(mixed_densities(columns, 4), SAMPLES, 6)


def _independent_pair(rows: int, columns: int, samples: int) -> tuple[Bits, Bits]:
    return random_bits(mixed_densities(rows, 3), samples, 7), random_bits(mixed_densities(columns, 4), samples, 8)


def uniform(rows: int, columns: int) -> Costs:
    """U(0, 1)."""
    return generator(9).random((rows, columns), dtype=np.float32)


def match(rows: int, columns: int) -> Costs:
    """A network against a noisy permuted copy."""
    densities = mixed_densities(max(rows, columns), 3)
    bits = random_bits(densities, SAMPLES, 10)
    return one_minus_jaccard(bits[:rows], partly_resampled(bits, densities, SAMPLES, 11)[:columns])


def corr(rows: int, columns: int) -> Costs:
    """Two networks that see the same latents."""
    return one_minus_jaccard(*_latent_pair(rows, columns))


def indep(rows: int, columns: int) -> Costs:
    """Unrelated networks: near ties."""
    return one_minus_jaccard(*_independent_pair(rows, columns, SAMPLES))


def indep64k(rows: int, columns: int) -> Costs:
    """Unrelated networks on more samples: nearer ties."""
    return one_minus_jaccard(*_independent_pair(rows, columns, MANY_SAMPLES))


def mh128(rows: int, columns: int) -> Costs:
    """corr, estimated from sketches of 128 slots: exact ties."""
    return _sketched(*_latent_pair(rows, columns), 128)


def mh1024(rows: int, columns: int) -> Costs:
    """corr, estimated from sketches of 1024 slots."""
    return _sketched(*_latent_pair(rows, columns), 1024)


FAMILIES: dict[str, Callable[[int, int], Costs]] = {
    family.__name__: family for family in (uniform, match, corr, indep, indep64k, mh128, mh1024)
}
NEAR_TIES = ("corr", "indep", "indep64k", "mh128", "mh1024")


# Of the worst cases, those whose costs need more than 64 bits or are as far apart as they can be.
WIDE_RANGES = ("line", "Cauchy", "heavy tail")


def hard_matrices(n: int) -> dict[str, Costs | NDArray[np.float64]]:
    """Worst cases of this or that solver; in float64 where float32 would make them easy."""
    random = generator(12)
    indices = np.arange(n, dtype=np.float32)
    points, others = random.random((2, n, 2), dtype=np.float32)
    even = random.random((n, n), dtype=np.float32)
    return {
        "constant": np.full((n, n), 0.5, np.float32),
        "low rank": random.random((n, 3), dtype=np.float32) @ random.random((3, n), dtype=np.float32),
        "Machol-Wien": np.outer(indices + 1, indices + 1),
        "geometric": np.linalg.norm(points[:, None] - others, axis=2).astype(np.float32),
        "sorted": np.sort(np.sort(even, axis=1), axis=0),
        "0/1": (even < 0.5).astype(np.float32),
        "huge": even * np.float32(1e30),
        "tiny": even * np.float32(1e-30),
        "line": np.abs(random.random((n, 1)) - random.random(n)),
        "Cauchy": random.standard_cauchy((n, n)),
        # Few pairs are worth as much as all others together.
        "heavy tail": -np.exp(5 * random.standard_normal((n, n))),
    }


def mlp(widths: Sequence[int], seed: int) -> nn.Sequential:
    """A ReLU MLP with PyTorch's initial weights."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


def digits_costs(width: int, epochs: int) -> list[Costs]:
    """Of both hidden layers of two MLPs trained on scikit-learn's digits from different seeds."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  # takes a second

    images, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images.astype(np.float32) / 16)
    classes = torch.from_numpy(labels.astype(np.int64))
    bits: list[list[Tensor]] = []
    for seed in (1, 2):
        network = mlp([64, width, width, 10], seed)
        _train(network, inputs, classes, epochs)
        with torch.no_grad():
            first = network[0](inputs)
            second = network[2](network[1](first))
        bits.append([torch.ops.funcsim.activation_signatures(layer) for layer in (first, second)])
    return [one_minus_jaccard(a.numpy(), b.numpy()) for a, b in zip(*bits, strict=True)]


def _train(network: nn.Sequential, inputs: Tensor, classes: Tensor, epochs: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), classes[batch]).backward()
            optimizer.step()
