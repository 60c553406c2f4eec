"""The operator phi against numpy's correlation of the bits."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from oracle import bits
from refusals import assert_says

ops = torch.ops.funcsim


@pytest.mark.parametrize("num_samples", [1, 8, 21, 1000])
def test_equals_numpys_correlation(num_samples: int) -> None:
    rng = np.random.default_rng(num_samples)
    a, b = (rng.random((units, num_samples)) < rng.random((units, 1)) for units in (9, 7))
    a[0], b[0], a[1], b[1] = False, False, True, True  # constant: equal ones have 1, others 0
    with np.errstate(all="ignore"):
        expected = np.nan_to_num(np.corrcoef(np.concatenate([a, b]).astype(float))[:9, 9:]) if num_samples > 1 else None
    got = ops.phi(*(torch.from_numpy(bits.pack_bits(x)) for x in (a, b)), num_samples).numpy()
    if expected is None:
        np.testing.assert_array_equal(got, a == b.T)
        return
    constant = [np.ptp(x, axis=1) == 0 for x in (a.astype(int), b.astype(int))]
    expected[np.outer(*constant) & (a[:, :1] == b[:, 0])] = 1
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_refuses_other_lengths_dtypes_and_padding() -> None:
    rows = torch.zeros(3, 3, dtype=torch.uint8)
    assert_says(lambda: ops.phi(rows, rows, 25), "phi", "signatures_a", "4 bytes", "25 samples")
    assert_says(lambda: ops.phi(rows, rows[:, :2], 20), "signatures_b", "3 bytes")
    assert_says(lambda: ops.phi(rows.int(), rows, 20), "signatures_a", "uint8", "int32")
    assert_says(lambda: ops.phi(rows + 255, rows, 20), "padding")
    assert_says(lambda: ops.phi(rows, rows, 1 << 31), "num_samples", "2^31")
