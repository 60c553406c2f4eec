"""activation_correlations against numpy on the activations that PyTorch's own modules give."""

import copy

import numpy as np
import pytest
import torch
from devices import moved
from hypothesis import given
from hypothesis import strategies as st
from oracle import networks, random_networks
from oracle.profile import examples
from refusals import assert_says
from test_network_activations import expected_activations, network_of
from torch import Tensor, nn

ops = torch.ops.funcsim


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of columns in float64, each of which is divided by its largest number first."""
    centred = []
    for values in (a, b):
        largest = np.abs(values).max(0)
        scaled = values.astype(np.float64) / np.where(largest > 0, largest, 1)
        centred.append(np.where(np.ptp(scaled, 0) > 0, scaled - scaled.mean(0), 0))
    norms = [np.linalg.norm(values, axis=0) for values in centred]
    constant = np.equal.outer(norms[0], 0), np.equal.outer(norms[1], 0)
    divisors = np.outer(*(np.where(norm > 0, norm, 1) for norm in norms))
    equal = constant[0][:, None] & constant[1][None] & np.equal.outer(a[0], b[0])
    return np.where(equal, 1.0, centred[0].T @ centred[1] / divisors)


def other_network(model: nn.Sequential, seed: int) -> nn.Sequential:
    other = copy.deepcopy(model)
    networks.randomise(other, torch.Generator().manual_seed(seed))
    return other


def assert_correlations(
    a: nn.Sequential, b: nn.Sequential, inputs: Tensor, positions: int, device: str | torch.device, tolerance: float
) -> None:
    got = ops.activation_correlations(*moved([*network_of(a), *network_of(b), inputs, []], device), positions, 7)
    of_a, of_b = (expected_activations(model, inputs, positions, 7) for model in (a, b))
    assert len(got) == 3 * len(of_a)
    for layer, (x, y) in enumerate(zip(of_a, of_b, strict=True)):
        ours = got[3 * layer].cpu().numpy()
        np.testing.assert_allclose(ours, correlations(x, y), rtol=0, atol=tolerance)
        for spread, values in zip(got[3 * layer + 1 : 3 * layer + 3], (x, y), strict=True):
            expected = np.stack([np.full(values.shape[1], len(values)), values.mean(0), values.std(0)])
            np.testing.assert_allclose(spread.cpu().numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("positions", [0, 3])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_every_layer_type(network: networks.Network, positions: int, device: torch.device) -> None:
    model, inputs = network.make(seed=2, dtype=torch.float64)
    assert_correlations(model, other_network(model, 5), inputs, positions, device, 1e-9)


@given(seed=st.integers(0, 2**32 - 1), positions=st.sampled_from([0, 16]))
@examples(25)
def test_random_cnns(seed: int, positions: int) -> None:
    model, inputs = random_networks.random_cnn(seed)
    assert_correlations(model, other_network(model, seed % 1000), inputs, positions, "cpu", 1e-8)


def wide_mlp(seed: int, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(8, 40, bias), nn.ReLU(), nn.Linear(40, 30, bias), nn.ReLU(), nn.Linear(30, 4, bias)
    ).requires_grad_(False)


def test_float32_loses_no_more_than_its_rounding() -> None:
    assert_correlations(wide_mlp(1), wide_mlp(2), torch.randn(9000, 8), 16, "cpu", 1e-5)


@pytest.mark.parametrize("cuts", [[5000], [8, 5], [1, 1, 4000]])
def test_batches_merge(cuts: list[int]) -> None:
    a, b = wide_mlp(1).double(), wide_mlp(2).double()
    with torch.no_grad():
        a[0].bias[:3], b[0].bias[:2] = -100.0, -100.0  # dead, in every batch
        a[2].bias[0], b[2].bias[1] = -0.3, -0.4  # constant in some
    inputs = torch.randn(9000, 8, dtype=torch.float64)
    whole = ops.activation_correlations(*network_of(a), *network_of(b), inputs, [])
    so_far: list[Tensor] = []
    first = 0
    for part in inputs.tensor_split([*np.cumsum(cuts).tolist()]):
        so_far = ops.activation_correlations(*network_of(a), *network_of(b), part, so_far, first_input=first)
        first += len(part)
    for ours, theirs in zip(so_far, whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert (whole[0][:3, :2] == 1).all()
    assert (whole[0][:3, 2:] == 0).all()
    assert (whole[0][3:, :2] == 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e18, 1e20, 1e30])
def test_inputs_of_any_scale_give_the_same(scale: float) -> None:
    a, b, inputs = wide_mlp(1, bias=False), wide_mlp(2, bias=False), torch.randn(500, 8)
    for x, y in zip(
        ops.activation_correlations(*network_of(a), *network_of(b), inputs, [])[::3],
        ops.activation_correlations(*network_of(a), *network_of(b), inputs * scale, [])[::3],
        strict=True,
    ):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_inputs_of_any_scale_in_float64(scale: float) -> None:
    a, b = wide_mlp(1, bias=False).double(), wide_mlp(2, bias=False).double()
    inputs = torch.randn(500, 8, dtype=torch.float64)

    def in_two_parts(inputs: Tensor) -> list[Tensor]:
        first = ops.activation_correlations(*network_of(a), *network_of(b), inputs[:256], [])
        return ops.activation_correlations(*network_of(a), *network_of(b), inputs[256:], first, first_input=256)

    for x, y in zip(in_two_parts(inputs)[::3], in_two_parts(inputs * scale)[::3], strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-10)


def test_a_network_with_itself_has_ones_on_the_diagonal() -> None:
    model = wide_mlp(3)
    whole = ops.activation_correlations(*network_of(model), *network_of(model), torch.randn(600, 8), [])
    for matrix in whole[::3]:
        torch.testing.assert_close(matrix.diagonal(), torch.ones(len(matrix)).double(), rtol=0, atol=1e-5)


def test_threads_make_no_difference() -> None:
    a, b, inputs = wide_mlp(1), wide_mlp(2), torch.randint(-3, 4, (5000, 8)).float()
    for parameter in [*a.parameters(), *b.parameters()]:  # whole numbers: layers are exact in any order
        parameter.copy_((8 * parameter).round())
    threads = torch.get_num_threads()
    results = []
    try:
        for number in (1, 2, 3, 5):
            torch.set_num_threads(number)
            results.append(ops.activation_correlations(*network_of(a), *network_of(b), inputs, []))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(x, y) for x, y in zip(results[0], other, strict=True))


def test_refuses_what_it_can_not_correlate() -> None:
    a, b, inputs = network_of(wide_mlp(1)), network_of(wide_mlp(2)), torch.randn(20, 8)
    whole = ops.activation_correlations(*a, *b, inputs, [])
    deep = network_of(nn.Sequential(*wide_mlp(1), nn.ReLU(), nn.Linear(4, 4)))
    image = network_of(nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 2)))
    flat = network_of(nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Linear(3, 2)))
    negative = [tensor.clone() for tensor in whole]
    negative[2][2, 3] = -1.0
    of_other_samples = [*whole[:2], *ops.activation_correlations(*a, *b, inputs[:9], [])[2:]]
    for arguments, words in (
        ((*a, *b, inputs, [], -1), ["positions must be 0 (all) or a number of points", "got -1 (any)"]),
        ((*a, *deep, inputs, []), ["equally many hidden layers", "2 (the reference)", "3 (the model)"]),
        ((*a, *b, inputs[:, :5], []), ["the reference: item 0 (Linear(8, 40))", "[N, 5]"]),
        ((*a, *b, inputs[:0], []), ["at least one"]),
        ((*a, *b, inputs * torch.inf, []), ["the reference", "hidden layer 0"]),
        ((*a, *b, inputs, whole[:5]), ["before must hold three tensors for each of the 2 hidden layers", "got 5"]),
        ((*a, *b, inputs, [whole[0].float(), *whole[1:]]), ["before[0] must be float64 [40, 40]", "float32"]),
        ((*a, *b, inputs, [whole[3], *whole[1:]]), ["before[0] must be float64 [40, 40]", "[30, 30]"]),
        ((*a, *b, inputs, negative), ["before[2]", "standard deviation", "of unit 3"]),
        ((*a, *b, inputs, of_other_samples), ["before[1] and before[2]", "20 and 9"]),
        (
            (*image, *flat, torch.randn(5, 1, 4, 4), []),
            ["the reference: hidden layer 0, item 0 (Conv2d", "16 samples an input", "item 1 (Linear(16, 3)), has 1"],
        ),
    ):
        assert_says(lambda arguments=arguments: ops.activation_correlations(*arguments), *words)


def test_activations_that_are_infinite_name_the_layer() -> None:
    model = wide_mlp(1)
    with torch.no_grad():
        model[2].weight.fill_(1.0)
        model[2].bias[4] = torch.inf
    arguments = (*network_of(wide_mlp(2)), *network_of(model), torch.randn(20, 8), [])
    assert_says(
        lambda: ops.activation_correlations(*arguments),
        "the model: hidden layer 1, item 2 (Linear(40, 30))",
        "unit 4",
        "finite",
    )
