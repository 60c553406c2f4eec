"""Jaccard estimates from sketches against a loop over slots."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits
from oracle.profile import examples
from random_bits import LAYOUTS, view_of

ops = torch.ops.funcsim
EMPTY = 2**31 - 1


def _random_sketches(units: int, slots: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, (units, slots))
    values[rng.random((units, slots)) < rng.choice([0.0, 0.5, 0.95, 1.0], size=(units, 1))] = EMPTY
    return torch.from_numpy(values.astype(np.int32))


@given(a=st.integers(0, 20), b=st.integers(0, 20), slots=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
@examples(40)
def test_equals_the_oracle(device: torch.device, a: int, b: int, slots: int, seed: int) -> None:
    x, y = _random_sketches(a, slots, seed), _random_sketches(b, slots, seed + 1)
    expected = bits.minhash_jaccard(x.numpy(), y.numpy()).astype(np.float32)
    x, y = x.to(device), y.to(device)
    got = ops.minhash_jaccard(x, y)
    assert got.device == device
    assert got.dtype == torch.float32
    assert got.shape == (a, b)
    np.testing.assert_array_equal(got.cpu().numpy(), expected)
    assert torch.equal(got, ops.minhash_jaccard(y, x).t())
    assert (ops.minhash_jaccard(x, x).diagonal() == 1).all()


@pytest.mark.parametrize(("a", "b", "slots"), [(150, 70, 1024), (33, 257, 100), (1, 300, 65)])
def test_many_units_and_slots(device: torch.device, a: int, b: int, slots: int) -> None:
    x, y = _random_sketches(a, slots, 1), _random_sketches(b, slots, 2)
    expected = bits.minhash_jaccard(x.numpy(), y.numpy()).astype(np.float32)
    np.testing.assert_array_equal(ops.minhash_jaccard(x.to(device), y.to(device)).cpu().numpy(), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(device: torch.device, layout: str) -> None:
    x = _random_sketches(24, 24, 3).to(device)
    view = view_of(x, layout)
    other = x[1:4, : view.shape[1]]
    expected = ops.minhash_jaccard(view.cpu().contiguous(), other.cpu().contiguous())
    assert torch.equal(ops.minhash_jaccard(view, other).cpu(), expected)
    assert torch.equal(ops.minhash_jaccard(other, view).cpu(), expected.t())
