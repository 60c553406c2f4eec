"""MinHash: the documented layout bit by bit, merging, and its statistics with fixed seeds."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import hashing
from oracle.profile import examples
from random_bits import LAYOUTS, packed, random_bits, view_of

ops = torch.ops.funcsim
EMPTY = 2**31 - 1


@given(
    units=st.integers(0, 6),
    samples=st.integers(0, 300),
    num_hashes=st.sampled_from([1, 2, 3, 7, 64, 100, 1024]),
    seed=st.integers(-(2**63), 2**63 - 1),
    first=st.sampled_from([0, 1, 7, 64, 1000, 2**31 - 5, 2**40 + 3]),
)
@examples(40)
def test_equals_the_documented_layout(
    device: torch.device, units: int, samples: int, num_hashes: int, seed: int, first: int
) -> None:
    x = random_bits(units, samples, abs(seed) % 1000)
    got = ops.minhash(packed(x).to(device), samples, num_hashes, seed, first)
    assert got.device == device
    assert got.dtype == torch.int32
    np.testing.assert_array_equal(got.cpu().numpy(), hashing.minhash(x, num_hashes, seed, first))


@given(
    cuts=st.lists(st.integers(1, 499), max_size=4, unique=True),
    num_hashes=st.sampled_from([1, 30, 256]),
    first=st.sampled_from([0, 5, 10**12]),
)
@examples(25)
def test_batches_merge_by_minimum(device: torch.device, cuts: list[int], num_hashes: int, first: int) -> None:
    x = random_bits(12, 500, 4)
    whole = ops.minhash(packed(x).to(device), 500, num_hashes, 3, first)
    merged = torch.full_like(whole, EMPTY)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 500], strict=True):
        part = ops.minhash(packed(x[:, start:end]).to(device), end - start, num_hashes, 3, first + start)
        merged = torch.minimum(merged, part)
    assert torch.equal(merged, whole)


def test_sketch_of_a_union_is_the_minimum(device: torch.device) -> None:
    x, y = random_bits(40, 3000, 1), random_bits(40, 3000, 2)
    sketches = [ops.minhash(packed(some).to(device), 3000, 128, 9) for some in (x, y, x | y)]
    assert torch.equal(torch.minimum(sketches[0], sketches[1]), sketches[2])


def test_dead_units_are_empty_and_equal_units_equal(device: torch.device) -> None:
    x = random_bits(3, 100, 5)
    x[0], x[2] = False, x[1]
    sketch = ops.minhash(packed(x).to(device), 100, 64)
    assert (sketch[0] == EMPTY).all()
    assert torch.equal(sketch[1], sketch[2])


def test_many_samples_at_every_density(device: torch.device) -> None:
    """The walk in hashed order ends early for dense units and late for sparse ones; both give the same minimum."""
    rng = np.random.default_rng(0)
    densities = np.array([0, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 1])
    x = rng.random((len(densities), 20011)) < densities[:, None]
    for num_hashes in (16, 1024):
        got = ops.minhash(packed(x).to(device), x.shape[1], num_hashes, 5, 77)
        np.testing.assert_array_equal(got.cpu().numpy(), hashing.minhash(x, num_hashes, 5, 77))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(device: torch.device, layout: str) -> None:
    x = packed(random_bits(24, 24 * 8, 3)).to(device)
    view = view_of(x, layout)
    samples = 8 * view.shape[1]
    assert torch.equal(ops.minhash(view, samples, 32).cpu(), ops.minhash(view.cpu().contiguous(), samples, 32))


def test_seeds_and_default_length(device: torch.device) -> None:
    x = packed(random_bits(5, 4000, 6) | True).to(device)
    assert ops.minhash(x, 4000).shape == (5, 1024)
    assert torch.equal(ops.minhash(x, 4000), ops.minhash(x, 4000, 1024, 0, 0))
    assert not torch.equal(ops.minhash(x, 4000), ops.minhash(x, 4000, 1024, 1))


NUM_HASHES, UNITS, SEEDS = 64, 500, 48
DENSITIES = [(0.01, 0.01), (0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (0.99, 0.99), (0.1, 0.5), (0.3, 0.95), (0.02, 0.9)]


def _random_pairs(samples: int, densities: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, float]:
    """UNITS pairs of random sets with the same sizes and the same intersection, halfway between its limits."""
    rng = np.random.default_rng(samples)
    size_a, size_b = (max(1, round(samples * density)) for density in densities)
    least, most = max(0, size_a + size_b - samples), min(size_a, size_b)
    both = (least + most + 1) // 2
    ranks = rng.random((UNITS, samples)).argsort(1).argsort(1)
    a = ranks < size_a
    b = (ranks < both) | ((ranks >= size_a) & (ranks < size_a + size_b - both))
    return a, b, both / (size_a + size_b - both)


@pytest.mark.parametrize("densities", DENSITIES, ids=str)
@pytest.mark.parametrize("samples", [20, 150, 2000])
def test_estimate_is_unbiased_and_its_variance_small(samples: int, densities: tuple[float, float]) -> None:
    a, b, jaccard = _random_pairs(samples, densities)
    estimates = []
    for seed in range(SEEDS):
        x = ops.minhash(packed(a), samples, NUM_HASHES, seed).numpy()
        y = ops.minhash(packed(b), samples, NUM_HASHES, seed).numpy()
        used = (x != EMPTY) | (y != EMPTY)
        estimates.append(((x == y) & used).sum(1) / used.sum(1))
        one = ops.minhash_jaccard(torch.from_numpy(x[:1]), torch.from_numpy(y[:1])).item()
        assert one == pytest.approx(estimates[-1][0], rel=1e-6)
    errors = np.concatenate(estimates) - jaccard
    bound = jaccard * (1 - jaccard) / NUM_HASHES
    # 24000 estimates: the mean is off by its standard error times 4 at most, the variance is known to 1 %.
    assert abs(errors.mean()) <= 4 * np.sqrt(bound / errors.size) + 1e-12
    assert (errors**2).mean() <= 1.05 * bound + 1e-12


def test_slots_are_used_evenly_and_values_uniformly() -> None:
    every = np.ones((1, 200_000), dtype=bool)
    sketch = np.stack([ops.minhash(packed(every[:, :20_000]), 20_000, 100, seed).numpy()[0] for seed in range(40)])
    assert (sketch >= 0).all()
    assert (sketch < EMPTY).all()
    # The minimum of about 200 uniform values is exponential with mean 2^31 / 200; 4 standard errors of 4000 draws.
    mean = sketch.mean() * 200 / 2**31
    assert abs(mean - 1) < 4 / np.sqrt(sketch.size) + 0.01
