"""Samples near units' boundaries, against PyTorch's own modules and canonical form by the oracle."""

import funcsim
import numpy as np
import pytest
import torch
from oracle import canonical, hashing, hooks, networks, transform
from refusals import assert_says
from torch import Tensor, nn

ops = torch.ops.funcsim
CANONICAL = [network for network in networks.NETWORKS if transform.permutable(network.make(0)[0])]


def _described(model: nn.Sequential) -> tuple[str, list[Tensor]]:
    return funcsim.describe(model), list(funcsim.parameters(model))


@pytest.mark.parametrize(("positions", "margin"), [(0, 0.0), (5, 0.0), (5, 0.2), (-1, 0.2)])
@pytest.mark.parametrize("network", CANONICAL, ids=lambda network: network.name)
def test_equals_the_oracle(network: networks.Network, positions: int, margin: float) -> None:
    model, inputs = network.make(seed=3, dtype=torch.float64)
    near = [0.05, 0.3, 1.5]
    layers = hooks.preactivations(canonical.canonicalize(model, inputs).model, inputs)
    distances = torch.tensor([near] * len(layers), dtype=torch.float64)
    got = ops.boundary_counts(*_described(model), inputs, distances, margin, positions, 7, 11)
    for counts, z, grid in zip(got, layers, hooks.grids(model, inputs), strict=True):
        points = hashing.grid_points(11, len(inputs), positions, grid, 7) if positions > 0 and grid else None
        away = np.abs(hooks.sampled(z, positions, points) - margin)
        assert counts.dtype == torch.int64
        expected = np.stack([(away <= distance).sum(axis=0) for distance in near], axis=1)
        np.testing.assert_array_equal(counts.numpy(), expected)


def test_of_any_position_the_largest_decides(device: torch.device) -> None:
    """Pre-activations are the inputs times 2, and the norm of the weight is 2."""
    model = nn.Sequential(nn.Conv1d(1, 1, 1, bias=False), nn.ReLU(), nn.Conv1d(1, 1, 1))
    with torch.no_grad():
        model[0].weight.fill_(2)
    inputs = torch.tensor([[[-0.1, -3.0]], [[0.0, 4.0]], [[-2.0, -1.0]]], device=device)
    distances = torch.tensor([[0.05, 0.1, 0.5, 1.0, 4.0]], dtype=torch.float64, device=device)
    (counts,) = ops.boundary_counts(*_described(model.to(device)), inputs, distances, 0.0, -1)
    # -0.1 in float32 is a little farther away than 0.1 in float64.
    assert counts.tolist() == [[0, 0, 1, 2, 3]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_sample_at_the_distance_is_near(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1)).to(dtype)
    with torch.no_grad():
        model[0].weight.fill_(4)
    inputs = torch.tensor([[0.0], [0.25], [-0.25], [0.2501], [3.0]]).to(dtype)
    (counts,) = ops.boundary_counts(*_described(model), inputs, torch.tensor([[0.0, 0.25]], dtype=torch.float64))
    near = [1, 4 if dtype.itemsize == 2 else 3]  # 0.2501 is 0.25 there
    assert counts.tolist() == [near]


def test_batches_add_up() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 5), nn.ReLU(), nn.Linear(5, 2))
    inputs = torch.randn(5000, 1, 6, 6)
    distances = torch.full((2, 2), 0.2, dtype=torch.float64)
    whole = ops.boundary_counts(*_described(model), inputs, distances)
    assert all((counts > 0).any() for counts in whole)
    parts = [
        ops.boundary_counts(*_described(model), inputs[first : first + 4096], distances, 0.0, 16, 0, first)
        for first in (0, 4096)
    ]
    for counts, left, right in zip(whole, *parts, strict=True):
        assert torch.equal(counts, left + right)


def test_a_scaled_copy_has_the_same_counts() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    inputs = torch.randn(300, 4).double()
    other = transform.rescaled(model, inputs, np.random.default_rng(0))
    distances = torch.full((2, 1), 0.3, dtype=torch.float64)
    for one, two in zip(
        ops.boundary_counts(*_described(model), inputs, distances),
        ops.boundary_counts(*_described(other), inputs, distances),
        strict=True,
    ):
        assert torch.equal(one, two)


def test_no_distances() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    (counts,) = ops.boundary_counts(*_described(model), torch.randn(9, 4), torch.empty(1, 0, dtype=torch.float64))
    assert counts.shape == (6, 0)


def test_refusals() -> None:
    model = _described(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)))
    inputs, near = torch.randn(9, 4), torch.ones(1, 2, dtype=torch.float64)
    assert_says(lambda: ops.boundary_counts(*model, inputs, near.float()), "distances must be float64 [1, distances]")
    assert_says(lambda: ops.boundary_counts(*model, inputs, near[0]), "distances must be float64 [1, distances]", "[2]")
    assert_says(lambda: ops.boundary_counts(*model, inputs, near.expand(2, 2)), "a row for each hidden layer", "[2, 2]")
    assert_says(lambda: ops.boundary_counts(*model, inputs, -near), "finite and at least 0, got -1 for hidden layer 0")
    assert_says(lambda: ops.boundary_counts(*model, inputs, near * torch.nan), "finite and at least 0, got nan|-nan")
    assert_says(lambda: ops.boundary_counts(*model, inputs[:, :3], near), "4", "3")
    assert_says(lambda: ops.boundary_counts(*model, inputs, near, 0.0, -2), "positions", "-2")
    bad = inputs.clone()
    bad[5, 1] = torch.nan
    assert_says(lambda: ops.boundary_counts(*model, bad, near), "hidden layer 0", "NaN for input 5")
