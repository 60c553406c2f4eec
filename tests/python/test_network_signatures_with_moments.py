"""network_signatures_with_moments against numpy on what PyTorch itself gives through forward hooks."""

import funcsim
import numpy as np
import pytest
import torch
from devices import moved
from hypothesis import given
from hypothesis import strategies as st
from oracle import canonical, hooks, networks, random_networks
from oracle.profile import examples
from refusals import assert_says
from torch import Tensor, nn

ops = torch.ops.funcsim
CPU = torch.device("cpu")


def network_of(model: nn.Sequential) -> tuple[str, list[Tensor]]:
    return funcsim.describe(model), funcsim.parameters(model)


def assert_moments(got: list[Tensor], model: nn.Sequential, inputs: Tensor, tolerance: float) -> None:
    """Those of the canonical network's pre-activations at all positions."""
    form = canonical.canonicalize(model, inputs)
    arrays = hooks.preactivations(form.model, inputs.double())
    assert len(got) == len(arrays)
    for ours, z in zip(got, arrays, strict=True):
        values = z.reshape(-1, z.shape[-1])
        assert ours.dtype == torch.float64
        assert ours.shape == (2, values.shape[1])
        size = np.abs(values).max()
        np.testing.assert_allclose(ours[0].cpu(), values.mean(axis=0), rtol=0, atol=tolerance * size)
        np.testing.assert_allclose(ours[1].cpu(), values.var(axis=0), rtol=0, atol=tolerance * size * size)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)], ids=str)
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_every_layer_type(
    network: networks.Network, dtype: torch.dtype, tolerance: float, device: torch.device
) -> None:
    model, inputs = network.make(seed=2, dtype=dtype)
    arguments = moved([*network_of(model), inputs], device)
    signatures, moments = ops.network_signatures_with_moments(*arguments, 0.1, 3, 7)
    assert all(tensor.device == device for tensor in (*signatures, *moments))
    for ours, expected in zip(signatures, ops.network_signatures(*arguments, 0.1, 3, 7), strict=True):
        assert torch.equal(ours, expected)
    assert_moments(moments, model, inputs, tolerance)


@given(seed=st.integers(0, 2**32 - 1))
@examples(25)
def test_random_cnns(seed: int) -> None:
    model, inputs = random_networks.random_cnn(seed)
    _, moments = ops.network_signatures_with_moments(*network_of(model), inputs)
    assert_moments(moments, model, inputs, 1e-10)


def test_many_batches(device: torch.device) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 12), nn.ReLU(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    inputs = torch.randn(9001, 7, dtype=torch.float64) + 3  # more than two of the pass's batches
    _, moments = ops.network_signatures_with_moments(*moved([*network_of(model), inputs], device))
    assert_moments(moments, model, inputs, 1e-12)


def test_no_result_depends_on_threads() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 9, 3), nn.ReLU(), nn.Flatten(), nn.Linear(9 * 36, 300), nn.ReLU(), nn.Linear(300, 2)
    )
    inputs = torch.randn(700, 2, 8, 8)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(ops.network_signatures_with_moments(*network_of(model), inputs)[1])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(x, y) for x, y in zip(results[0], other, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_dtypes_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 12), nn.ReLU(), nn.Linear(12, 2)).to(dtype)
    inputs = torch.randn(50, 7).to(dtype)
    _, narrow = ops.network_signatures_with_moments(*network_of(model), inputs)
    _, wide = ops.network_signatures_with_moments(*network_of(model.float()), inputs.float())
    assert torch.equal(narrow[0], wide[0])


def test_infinite_pre_activations_have_no_moments(device: torch.device) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    inputs = torch.ones(5, 2)
    with torch.no_grad():
        model[0].bias[1] = torch.inf
    arguments = moved([*network_of(model), inputs], device)
    ops.network_signatures(*arguments)
    expected = "hidden layer 0, item 0 (Linear(2, 3)): the pre-activations of unit 1 must have a finite mean"
    assert_says(lambda: ops.network_signatures_with_moments(*arguments), expected)


def test_nan_is_found_as_by_network_signatures() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    inputs = torch.ones(5, 2)
    inputs[3, 1] = torch.nan
    assert_says(
        lambda: ops.network_signatures_with_moments(*network_of(model), inputs),
        "the pre-activation of unit 0 is NaN for input 3",
    )
