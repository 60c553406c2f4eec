"""Assignment against scipy, and against trying all in exact integers."""

import devices
import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import matching
from oracle.profile import examples
from scipy.optimize import linear_sum_assignment as scipy_assignment

ops = torch.ops.funcsim
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTEGERS = [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64]


def _check(cost: torch.Tensor, maximize: bool) -> None:
    found = ops.linear_sum_assignment(cost, maximize)
    assert {indices.device for indices in found} == {cost.device}
    cost, rows, columns = (tensor.cpu() for tensor in (cost, *found))
    assert rows.dtype == columns.dtype == torch.int64
    assert rows.shape == columns.shape == (min(cost.shape),)
    assert (rows.diff() > 0).all()
    assert len(set(columns.tolist())) == len(columns)
    wide = cost.double().numpy()
    expected_rows, expected_columns = scipy_assignment(wide, maximize)
    total, expected = wide[rows, columns].sum(), wide[expected_rows, expected_columns].sum()
    assert total == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@given(
    rows=st.integers(0, 14),
    columns=st.integers(0, 14),
    few_values=st.booleans(),
    maximize=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@examples(25)
def test_total_is_scipys(
    device: torch.device, dtype: torch.dtype, rows: int, columns: int, few_values: bool, maximize: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    if few_values or not dtype.is_floating_point:
        low, high = (0, 3) if few_values else (0 if dtype == torch.uint8 else -128, 128)
        cost = torch.randint(low, high, (rows, columns), generator=generator).to(dtype)
    else:
        cost = (torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 10).to(dtype)
    _check(cost.to(device), maximize)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, torch.bool], ids=str)
@pytest.mark.parametrize("shape", [(60, 60), (30, 70), (70, 30), (1, 1), (0, 3), (3, 0)], ids=str)
def test_assignments_and_duals_are_the_cpus(device: torch.device, shape: tuple[int, int], dtype: torch.dtype) -> None:
    cost = (torch.rand(shape, generator=torch.Generator().manual_seed(4)) * 9).to(
        dtype
    )  # with ties where it is rounded
    for maximize in (False, True):
        expected = ops.linear_sum_assignment_with_duals(cost, maximize)
        got = ops.linear_sum_assignment_with_duals(cost.to(device), maximize)
        plain = ops.linear_sum_assignment(cost.to(device), maximize)
        assert {tensor.device for tensor in (*got, *plain)} == {device}
        torch.testing.assert_close(devices.moved(got, "cpu"), expected, rtol=0, atol=0)
        torch.testing.assert_close(devices.moved(plain, "cpu"), expected[:2], rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(120, 120), (40, 150), (150, 40)])
@pytest.mark.parametrize("kind", ["uniform", "ties", "product", "equal rows"])
def test_larger_matrices(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(3)
    cost = {
        "uniform": rng.random(shape),
        "ties": rng.integers(0, 4, shape).astype(float),
        "product": np.outer(np.arange(shape[0]), np.arange(shape[1])) * 1.0,  # hard for augmenting paths
        "equal rows": np.tile(rng.random(shape[1]), (shape[0], 1)),
    }[kind]
    for maximize in (False, True):
        _check(torch.from_numpy(cost), maximize)
        _check(torch.from_numpy(cost).float(), maximize)


@given(rows=st.integers(1, 5), columns=st.integers(1, 5), maximize=st.booleans(), seed=st.integers(0, 2**32 - 1))
@examples(40)
def test_large_integers_are_exact(device: torch.device, rows: int, columns: int, maximize: bool, seed: int) -> None:
    """Beyond 2^53 a double can't tell neighbours apart; int64 costs must still be told apart."""
    rng = np.random.default_rng(seed)
    cost = torch.from_numpy(2**58 + rng.integers(0, 6, (rows, columns)))
    row, column = ops.linear_sum_assignment(cost.to(device), maximize)
    total = sum(cost[i, j].item() for i, j in zip(row, column, strict=True))
    assert total == matching.brute_force_best(cost.tolist(), maximize)


@pytest.mark.parametrize("maximize", [False, True])
def test_forbidden_pairs(device: torch.device, maximize: bool) -> None:
    forbidden = -float("inf") if maximize else float("inf")
    cost = torch.tensor([[1.0, forbidden, 3.0], [forbidden, 5.0, 1.0], [9.0, forbidden, forbidden]])
    rows, columns = ops.linear_sum_assignment(cost.to(device), maximize)
    assert rows.tolist() == [0, 1, 2]
    assert columns.tolist() == [2, 1, 0]


@given(size=st.integers(1, 10), seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.1, 0.4, 0.7]))
@examples(40)
def test_feasible_or_refused_exactly_as_scipy(size: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 9, (size, size + seed % 2)).astype(float)
    cost[rng.random(cost.shape) < share] = np.inf
    try:
        rows, columns = scipy_assignment(cost)
    except ValueError:
        with pytest.raises(RuntimeError, match=r"(?i)infeasible|feasible|infinit"):
            ops.linear_sum_assignment(torch.from_numpy(cost))
        return
    got = ops.linear_sum_assignment(torch.from_numpy(cost))
    assert cost[got[0], got[1]].sum() == cost[rows, columns].sum()


def test_any_layout(device: torch.device) -> None:
    base = torch.randn(24, 24, generator=torch.Generator().manual_seed(0)).to(device)
    for view in (base.t(), base[::2, 1::3], base[5:, 7:], base[:1].expand(9, -1), base[:, :1].expand(-1, 9)):
        for maximize in (False, True):
            _check(view, maximize)
            got = ops.linear_sum_assignment(view, maximize)
            expected = ops.linear_sum_assignment(view.cpu().contiguous(), maximize)
            assert torch.equal(got[0].cpu(), expected[0])
            assert torch.equal(got[1].cpu(), expected[1])


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_scale_does_not_matter(scale: float) -> None:
    cost = torch.from_numpy(np.random.default_rng(5).random((12, 9)))
    expected = ops.linear_sum_assignment(cost)
    got = ops.linear_sum_assignment(cost * scale)
    assert torch.equal(expected[1], got[1])


def test_maximising_is_minimising_the_negative() -> None:
    cost = torch.from_numpy(np.random.default_rng(6).random((9, 12)))
    got, expected = ops.linear_sum_assignment(cost, True), ops.linear_sum_assignment(-cost)
    assert torch.equal(got[1], expected[1])


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_empty(device: torch.device, shape: tuple[int, int]) -> None:
    rows, columns = ops.linear_sum_assignment(torch.zeros(shape, device=device))
    assert rows.shape == columns.shape == (0,)


def _bits(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Jaccard index of random sets: nearly equal costs, and equal ones."""
    a, b = rng.random((shape[0], 600)) < 0.3, rng.random((shape[1], 600)) < 0.3
    both = a.astype(float) @ b.T
    return (both / (a.sum(1)[:, None] + b.sum(1) - both)).astype(np.float32)


HARD = {
    "near ties": _bits,
    "uniform": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "constant": lambda rng, shape: np.full(shape, 0.1),
    "low rank": lambda rng, shape: rng.standard_normal((shape[0], 2)) @ rng.standard_normal((2, shape[1])),
    "products": lambda rng, shape: np.outer(np.arange(shape[0]), np.arange(shape[1])).astype(float),
    "distances": lambda rng, shape: np.abs(rng.random((shape[0], 1)) - rng.random((1, shape[1]))),
    "sorted": lambda rng, shape: np.arange(shape[0] * shape[1]).reshape(shape) / 7.0,
    "sparse": lambda rng, shape: (rng.random(shape) > 0.02).astype(np.float32),
    "huge": lambda rng, shape: rng.random(shape) * 1e300,
    "tiny": lambda rng, shape: rng.random(shape) * 1e-300,
    "all sizes": lambda rng, shape: np.exp(rng.standard_normal(shape) * 40),
    "few different rows": lambda rng, shape: rng.random((3, shape[1]))[rng.integers(0, 3, shape[0])],
    "int64": lambda rng, shape: rng.integers(-(2**60), 2**60, shape),
}


@pytest.mark.parametrize("shape", [(130, 130), (110, 130), (130, 40), (3, 300), (1, 100)], ids=str)
@pytest.mark.parametrize("kind", HARD)
def test_duals_prove_the_optimum(kind: str, shape: tuple[int, int]) -> None:
    cost = HARD[kind](np.random.default_rng(8), shape)
    for maximize in (False, True):
        sign = -1.0 if maximize else 1.0
        rows, columns, u, v = (
            x.numpy() for x in ops.linear_sum_assignment_with_duals(torch.from_numpy(cost), maximize)
        )
        expected = ops.linear_sum_assignment(torch.from_numpy(cost), maximize)
        assert np.array_equal(columns, expected[1].numpy())
        assert u.dtype == v.dtype == np.float64
        wide = cost.astype(np.longdouble)
        rounding = float(np.abs(wide).max()) * 2.0**-50  # duals are up to some times as large as costs
        reduced = sign * (wide - u[:, None] - v)
        assert reduced.min() >= -rounding
        assert np.abs(reduced[rows, columns]).max() <= rounding
        total = wide[rows, columns].sum()
        assert abs(u.astype(np.longdouble).sum() + v.astype(np.longdouble).sum() - total) <= rounding * sum(shape)
        scipy_rows, scipy_columns = scipy_assignment(cost.astype(float), maximize)
        assert abs(wide[scipy_rows, scipy_columns].sum() - total) <= rounding * sum(shape)
        left_over = np.ones(shape[1], bool) if shape[0] <= shape[1] else np.ones(shape[0], bool)
        left_over[columns if shape[0] <= shape[1] else rows] = False
        longer = v if shape[0] <= shape[1] else u
        assert (longer[left_over] == 0).all()
        assert shape[0] == shape[1] or (sign * longer <= 0).all()


def test_duals_of_nothing(device: torch.device) -> None:
    rows, columns, u, v = ops.linear_sum_assignment_with_duals(torch.zeros(0, 3, device=device))
    assert (rows.shape, columns.shape, u.shape, v.tolist()) == ((0,), (0,), (0,), [0.0, 0.0, 0.0])


def test_thread_count_does_not_matter() -> None:
    cost = torch.randint(0, 5, (60, 70), generator=torch.Generator().manual_seed(9)).float()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = ops.linear_sum_assignment(cost, True)
        torch.set_num_threads(2)
        two = ops.linear_sum_assignment(cost, True)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
