"""Exact Jaccard against sets."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits
from oracle.profile import examples
from random_bits import LAYOUTS, packed, random_bits, view_of

ops = torch.ops.funcsim


@given(a=st.integers(0, 20), b=st.integers(0, 20), samples=st.integers(0, 700), seed=st.integers(0, 2**32 - 1))
@examples(40)
def test_equals_the_oracle(device: torch.device, a: int, b: int, samples: int, seed: int) -> None:
    x, y = random_bits(a, samples, seed), random_bits(b, samples, seed + 1)
    got = ops.jaccard(packed(x).to(device), packed(y).to(device))
    assert got.device == device
    assert got.dtype == torch.float32
    assert got.shape == (a, b)
    np.testing.assert_array_equal(got.cpu().numpy(), bits.jaccard(x, y).astype(np.float32))


def test_every_byte_counts_its_bits(device: torch.device) -> None:
    every = torch.arange(256, dtype=torch.uint8)[:, None]
    x = bits.unpack(every.numpy(), 8)
    got = ops.jaccard(every.to(device), every.to(device))
    np.testing.assert_array_equal(got.cpu().numpy(), bits.jaccard(x, x).astype(np.float32))


def test_many_units_and_samples(device: torch.device) -> None:
    x, y = random_bits(150, 5003, 1), random_bits(70, 5003, 2)
    intersection = x.astype(np.float64) @ y.T
    union = x.sum(1)[:, None] + y.sum(1) - intersection
    expected = np.where(union == 0, 1.0, intersection / np.maximum(union, 1))
    got = ops.jaccard(packed(x).to(device), packed(y).to(device))
    np.testing.assert_array_equal(got.cpu().numpy(), expected.astype(np.float32))


@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(1, 300))
@examples(20)
def test_in_unit_range_self_one_and_symmetric(device: torch.device, seed: int, samples: int) -> None:
    x, y = random_bits(9, samples, seed), random_bits(7, samples, seed + 1)
    a, b = packed(x).to(device), packed(y).to(device)
    similarity = ops.jaccard(a, b)
    assert similarity.min() >= 0
    assert similarity.max() <= 1
    assert torch.equal(similarity, ops.jaccard(b, a).t())
    assert (ops.jaccard(a, a).diagonal() == 1).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(device: torch.device, layout: str) -> None:
    x = packed(random_bits(24, 24 * 8, 3)).to(device)
    view = view_of(x, layout)
    other = x[1:4, : view.shape[1]]
    expected = ops.jaccard(view.cpu().contiguous(), other.cpu().contiguous())
    assert torch.equal(ops.jaccard(view, other).cpu(), expected)
    assert torch.equal(ops.jaccard(other, view).cpu(), expected.t())


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_of_a_tensor_with_itself(device: torch.device, density: float) -> None:
    rng = np.random.default_rng(8)
    x = packed(rng.random((300, 3000)) < density).to(device)
    torch.testing.assert_close(ops.jaccard(x, x), ops.jaccard(x, x.clone()), rtol=0, atol=0)


def test_refuses_more_samples_than_counts_hold() -> None:
    # Expanded, so that nothing of it is there.
    huge = torch.zeros(1, 1, dtype=torch.uint8).expand(0, 2**28)
    with pytest.raises(RuntimeError, match="fewer than 2\\^31 samples, 2\\^28 bytes a unit, got"):
        ops.jaccard(huge, huge)
