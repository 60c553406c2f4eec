"""CKA of the bits against Gram matrices."""

import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import cka
from oracle.profile import examples
from random_bits import LAYOUTS, packed, random_bits, view_of
from refusals import assert_says

ops = torch.ops.funcsim


def _varying(units: int, samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((units, samples)) < 0.4


@given(
    a=st.integers(1, 20),
    b=st.integers(1, 20),
    samples=st.integers(20, 200),
    debiased=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@examples(40)
def test_equals_gram_matrices(device: torch.device, a: int, b: int, samples: int, debiased: bool, seed: int) -> None:
    x, y = _varying(a, samples, seed), _varying(b, samples, seed + 1)
    y[0] = x[0]
    got = ops.signature_cka(packed(x).to(device), packed(y).to(device), samples, debiased)
    assert got.device == device
    assert got.dtype == torch.float64
    assert got.shape == ()
    assert got.item() == pytest.approx(cka.linear_cka(x, y, debiased), abs=1e-11)


def test_equals_the_formula_with_features() -> None:
    """Many samples, where Gram matrices would be too large: in the form of Kornblith et al. 2019."""
    x, y = _varying(90, 20_011, 1), _varying(130, 20_011, 2)
    y[:40] = x[:40]
    centred = [z.T - z.mean(axis=1) for z in (x, y)]

    def similarity(i: int, j: int) -> float:
        return float(np.linalg.norm(centred[i].T @ centred[j]) ** 2)

    expected = similarity(0, 1) / np.sqrt(similarity(0, 0) * similarity(1, 1))
    assert funcsim.signature_cka(packed(x), packed(y), 20_011).item() == pytest.approx(expected, abs=1e-11)


def test_debiased_equals_blocks_of_gram_matrices() -> None:
    """Many samples: HSIC of Song et al. 2012, its sums taken block after block of rows."""
    n = 8003
    x, y = _varying(90, n, 1), _varying(130, n, 2)
    y[:40] = x[:40]
    features = [z.T.astype(np.float64) for z in (x, y)]
    products, rows = np.zeros((2, 2)), np.zeros((2, n))
    for start in range(0, n, 1000):
        grams = [z[start : start + 1000] @ z.T for z in features]
        for gram, sums in zip(grams, rows, strict=True):
            gram[np.arange(len(gram)), start + np.arange(len(gram))] = 0
            sums[start : start + 1000] = gram.sum(axis=1)
        products += [[(first * second).sum() for second in grams] for first in grams]
    totals = rows.sum(axis=1)
    hsic = products + np.outer(totals, totals) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows @ rows.T)
    expected = hsic[0, 1] / np.sqrt(hsic[0, 0] * hsic[1, 1])
    got = funcsim.signature_cka(packed(x), packed(y), n, debiased=True).item()
    assert got == pytest.approx(expected, abs=1e-11)
    assert got != pytest.approx(funcsim.signature_cka(packed(x), packed(y), n).item(), abs=1e-4)


@pytest.mark.parametrize("debiased", [False, True])
@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(4, 300))
@examples(20)
def test_in_range_symmetric_and_blind_to_the_order_of_units(debiased: bool, seed: int, samples: int) -> None:
    x, y = random_bits(9, samples, seed), random_bits(7, samples, seed + 1)
    a, b = packed(x), packed(y)
    value = ops.signature_cka(a, b, samples, debiased).item()
    assert (-1 if debiased else 0) <= value <= 1
    assert ops.signature_cka(b, a, samples, debiased).item() == value
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    assert ops.signature_cka(a[order], b, samples, debiased).item() == value
    assert ops.signature_cka(a[order], a, samples, debiased).item() == 1


def test_chance_is_zero_when_debiased_and_grows_with_the_units_when_not() -> None:
    debiased, biased = [], []
    for seed in range(40):
        x, y = packed(_varying(60, 100, 2 * seed)), packed(_varying(60, 100, 2 * seed + 1))
        debiased.append(ops.signature_cka(x, y, 100, True).item())
        biased.append(ops.signature_cka(x, y, 100).item())
    assert abs(np.mean(debiased)) < 3 * np.std(debiased) / np.sqrt(40)
    assert np.mean(biased) > 0.3


@pytest.mark.parametrize("debiased", [False, True])
def test_constant_layers(debiased: bool) -> None:
    dead, on = torch.zeros(3, 5, dtype=torch.uint8), torch.full((2, 5), 255, dtype=torch.uint8)
    varying = packed(_varying(4, 40, 0))
    assert ops.signature_cka(dead, on, 40, debiased) == 1
    assert ops.signature_cka(dead, varying, 40, debiased) == 0
    assert ops.signature_cka(varying, on, 40, debiased) == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(device: torch.device, layout: str) -> None:
    x = packed(random_bits(24, 24 * 8, 3)).to(device)
    view = view_of(x, layout)
    samples = 8 * view.shape[1]
    expected = ops.signature_cka(view.cpu().contiguous(), x[:, : view.shape[1]].cpu().contiguous(), samples)
    assert torch.equal(ops.signature_cka(view, x[:, : view.shape[1]], samples).cpu(), expected)


def test_refusals() -> None:
    bits, other = packed(_varying(3, 21, 0)), packed(_varying(3, 30, 0))
    assert_says(lambda: ops.signature_cka(bits, other, 21), "signatures_b must have 3 bytes a unit for 21 samples", "4")
    assert_says(lambda: ops.signature_cka(bits.int(), bits, 21), "signatures_a must be uint8", "int32")
    assert_says(lambda: ops.signature_cka(bits[:0], bits, 21), "signatures_a must have at least one unit")
    assert_says(lambda: ops.signature_cka(bits, bits[:0], 21), "signatures_b must have at least one unit")
    assert_says(lambda: ops.signature_cka(bits, bits, 20), "bits set after sample 19")
    assert_says(lambda: ops.signature_cka(bits[:, :0], bits[:, :0], 0), "at least one samples|at least one sample")
    three = packed(_varying(3, 3, 0))
    assert_says(lambda: ops.signature_cka(three, three, 3, True), "debiased estimate takes at least 4 samples, got 3")
    assert ops.signature_cka(three, three, 3) == 1


def test_does_not_depend_on_the_number_of_threads() -> None:
    a, b = packed(_varying(300, 3000, 1)), packed(_varying(200, 3000, 2))
    before = torch.get_num_threads()
    expected = ops.signature_cka(a, b, 3000, True)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(ops.signature_cka(a, b, 3000, True), expected)
    finally:
        torch.set_num_threads(before)
