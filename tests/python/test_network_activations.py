"""network_activations against what PyTorch's own modules give through forward hooks."""

import math

import funcsim
import numpy as np
import pytest
import torch
from devices import moved
from hypothesis import given
from hypothesis import strategies as st
from oracle import hashing, hooks, networks, random_networks
from oracle.profile import examples
from refusals import assert_says
from torch import Tensor, nn

ops = torch.ops.funcsim
ELEMENTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.Hardtanh, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Hardswish, nn.Hardsigmoid,
)  # fmt: skip


def network_of(model: nn.Sequential) -> tuple[str, list[Tensor]]:
    return funcsim.describe(model), funcsim.parameters(model)


def expected_activations(model: nn.Sequential, inputs: Tensor, positions: int, seed: int) -> list[np.ndarray]:
    """``[samples, units]`` of every hidden layer."""
    modules = hooks.leaves(model)
    outputs = hooks.module_outputs(model, inputs)
    arrays = []
    for layer, grid in zip(hooks.hidden_layers(modules), hooks.grids(model, inputs), strict=True):
        behind = layer.preactivation + 1
        while isinstance(modules[behind], hooks.TRANSPARENT):
            behind += 1
        place = behind if isinstance(modules[behind], ELEMENTWISE) else layer.preactivation
        z = hooks.units_last(outputs[place], modules[layer.affine])
        z = z.reshape(len(inputs), -1, z.shape[-1]).numpy()
        points = None
        if positions > 0 and math.prod(grid) > 1:
            points = hashing.grid_points(0, len(inputs), positions, grid, seed)
        arrays.append(hooks.sampled(z, positions, points))
    return arrays


def assert_activations(model: nn.Sequential, inputs: Tensor, positions: int, device: str | torch.device) -> None:
    got = ops.network_activations(*moved([*network_of(model), inputs], device), positions, 7)
    expected = expected_activations(model, inputs, positions, 7)
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == inputs.dtype
        np.testing.assert_allclose(ours.cpu().numpy(), theirs, rtol=0, atol=1e-11 * max(np.abs(theirs).max(), 1))


@pytest.mark.parametrize("positions", [0, 3])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_every_layer_type(network: networks.Network, positions: int, device: torch.device) -> None:
    model, inputs = network.make(seed=2, dtype=torch.float64)
    assert_activations(model, inputs, positions, device)


@given(seed=st.integers(0, 2**32 - 1), positions=st.sampled_from([0, 16]))
@examples(25)
def test_random_cnns(seed: int, positions: int) -> None:
    model, inputs = random_networks.random_cnn(seed)
    assert_activations(model, inputs, positions, "cpu")


def test_batches_by_their_first_input() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 5, 3), nn.GELU(), nn.Flatten(), nn.Linear(5 * 36, 3), nn.ReLU(), nn.Linear(3, 2))
    inputs = torch.randn(5000, 2, 8, 8)
    whole = ops.network_activations(*network_of(model), inputs)
    parts = [ops.network_activations(*network_of(model), inputs[s : s + 4096], first_input=s) for s in (0, 4096)]
    for layer, joined in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(layer, torch.cat(joined))


def test_narrow_dtypes_come_in_float32() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 12), nn.ReLU(), nn.Linear(12, 2)).half()
    inputs = torch.randn(50, 7).half()
    (got,) = ops.network_activations(*network_of(model), inputs)
    torch.testing.assert_close(got, torch.relu(model[0].float()(inputs.float())))


def test_any_position_is_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert_says(lambda: ops.network_activations(*network_of(model), torch.ones(5, 2), -1), "got -1 (any)")


def test_nan_is_found() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    inputs = torch.ones(5, 2)
    inputs[3, 1] = torch.nan
    assert_says(lambda: ops.network_activations(*network_of(model), inputs), "unit 0 is NaN for input 3")
