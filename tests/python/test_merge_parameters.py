"""merge_parameters against numpy, PyTorch's own modules and torch.optim.swa_utils.update_bn."""

import copy
import math

import funcsim
import numpy as np
import pytest
import torch
from devices import moved
from oracle import hooks, networks
from oracle.repaired import assert_repaired, statistics
from refusals import assert_says
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

ops = torch.ops.funcsim
CPU = torch.device("cpu")


def merged(
    models: list[nn.Sequential],
    weights: list[float],
    inputs: Tensor,
    *,
    repair: bool = True,
    moments: list[Tensor] | None = None,
    device: torch.device = CPU,
) -> nn.Sequential:
    """A copy of the first network with the operator's parameters."""
    parameters = [tensor for model in models for tensor in funcsim.parameters(model)]
    before = [tensor.clone() for tensor in parameters]
    arguments = moved([parameters, weights, moments or [], inputs], device)
    got = ops.merge_parameters(funcsim.describe(models[0]), *arguments, repair)
    assert all(torch.equal(x, y) for x, y in zip(parameters, before, strict=True))
    result = copy.deepcopy(models[0])
    with torch.no_grad():
        for tensor, value in zip(funcsim.parameters(result), got, strict=True):
            assert value.device == device
            assert value.dtype == tensor.dtype
            tensor.copy_(value)
    return result


NETWORKS = [
    *networks.NETWORKS,
    networks.Network(
        "conv-without-bias",
        lambda: nn.Sequential(nn.Conv2d(2, 5, 3, bias=False), nn.GELU(), nn.Flatten(), nn.Linear(45, 3)),
        (2, 5, 5),
    ),
]


@pytest.mark.parametrize("weights", [[0.25, 0.75], [0.5, 0.25, 0.25]], ids=str)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_repaired_statistics_are_the_parents_weighted_means(
    network: networks.Network, weights: list[float], device: torch.device
) -> None:
    models = [network.make(seed)[0] for seed in range(len(weights))]
    inputs = network.make(9)[1]
    result = merged(models, weights, inputs, device=device)
    assert_repaired(models, weights, inputs, result)


def test_there_are_statistics_of_every_kind() -> None:
    kinds = set()
    for network in NETWORKS:
        model, inputs = network.make(0)
        modules = hooks.leaves(model)
        kinds |= {(type(modules[found.place]).__name__, found.sets_means) for found in statistics(model, inputs)}
    expected = {("Linear", True), ("Linear", False), ("Conv2d", True), ("Conv2d", False), ("BatchNorm1d", True)}
    assert kinds >= expected | {("BatchNorm2d", True), ("LayerNorm", True), ("GroupNorm", True)}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_without_repair_tensors_are_weighted_means(network: networks.Network, device: torch.device) -> None:
    weights = [0.5, 0.2, 0.3]
    models = [network.make(seed)[0] for seed in range(3)]
    result = merged(models, weights, network.make(9)[1], repair=False, device=device)
    for ours, *theirs in zip(funcsim.parameters(result), *map(funcsim.parameters, models), strict=True):
        expected = sum(w * tensor.numpy() for w, tensor in zip(weights, theirs, strict=True))
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_network_merged_with_itself_stays_as_it_is(network: networks.Network) -> None:
    """Also where running statistics are not those of the inputs."""
    model, inputs = network.make(3)
    result = merged([model, model, model], [0.2, 0.3, 0.5], inputs)
    for ours, theirs in zip(funcsim.parameters(result), funcsim.parameters(model), strict=True):
        size = max(1.0, theirs.abs().max().item())
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, atol=1e-9 * size)
    with torch.no_grad():
        expected = model(inputs)
        torch.testing.assert_close(result(inputs), expected, rtol=0, atol=1e-7 * max(1.0, expected.abs().max().item()))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_given_moments_do_as_those_taken_anew(network: networks.Network) -> None:
    models = [network.make(seed)[0] for seed in range(2)]
    inputs = network.make(9)[1]
    moments = [
        moment
        for model in models
        for moment in ops.network_signatures_with_moments(funcsim.describe(model), funcsim.parameters(model), inputs)[1]
    ]
    result = merged(models, [0.5, 0.5], inputs, moments=moments)
    expected = merged(models, [0.5, 0.5], inputs)
    with torch.no_grad():
        outputs = expected(inputs)
        torch.testing.assert_close(result(inputs), outputs, rtol=0, atol=1e-7 * max(1.0, outputs.abs().max().item()))


def batch_norm_network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.BatchNorm2d(2), nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU(),
        nn.BatchNorm2d(5, affine=False), nn.Flatten(), nn.Linear(80, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3),
    ).double().requires_grad_(False)  # fmt: skip


def test_batch_norms_of_trained_statistics_are_estimated_anew() -> None:
    """On one batch, parents whose running statistics are the inputs': as torch.optim.swa_utils.update_bn does it."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 2, 8, 8, dtype=torch.float64, generator=generator) * 3 + 1
    models = [batch_norm_network(seed) for seed in range(2)]
    for model in models:
        update_bn([inputs], model)
        model.eval()
    # A convolution that no BatchNorm follows is repaired too: without that, nothing but BatchNorms differs.
    models[1][4].load_state_dict(models[0][4].state_dict())
    models[1][1].load_state_dict(models[0][1].state_dict())
    update_bn([inputs], models[1])
    result = merged(models, [0.5, 0.5], inputs)
    expected = merged(models, [0.5, 0.5], inputs, repair=False)
    update_bn([inputs], expected)
    for place in (0, 2, 6, 9):
        # In training mode layers see what is divided by the deviation of n values, in eval mode by that of n - 1.
        deviation = expected[place].running_var.sqrt().max().item()
        means = result[place].running_mean, expected[place].running_mean
        torch.testing.assert_close(*means, rtol=0, atol=1e-4 * deviation)
        torch.testing.assert_close(result[place].running_var, expected[place].running_var, rtol=2e-4, atol=0)


def test_activations_beyond_the_budget_are_computed_anew() -> None:
    """The first layer's take more than 1 GiB, those behind the pooling don't."""
    torch.manual_seed(0)
    models = [
        nn.Sequential(
            nn.Conv2d(1, 64, 1), nn.ReLU(), nn.Conv2d(64, 2, 2, stride=2), nn.ReLU(), nn.MaxPool2d(8), nn.Flatten(),
            nn.Linear(2 * 16, 5), nn.ReLU(), nn.Linear(5, 2),
        ).requires_grad_(False)
        for _ in range(2)
    ]  # fmt: skip
    inputs = torch.randn(1100, 1, 64, 64)
    assert len(inputs) * 64 * 64 * 64 * 4 > 1 << 30
    result = merged(models, [0.5, 0.5], inputs)
    z = [_first_linear(model, inputs) for model in (*models, result)]
    assert_close_moments(z[2], z[:2], 1e-3)


def _first_linear(model: nn.Sequential, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([model[:7](part) for part in inputs.split(100)])


def assert_close_moments(got: Tensor, parents: list[Tensor], tolerance: float) -> None:
    """Means and deviations of units are the means of the two parents'."""
    for moment in (torch.mean, torch.std):
        expected = sum(moment(parent, dim=0) for parent in parents) / 2
        torch.testing.assert_close(moment(got, dim=0), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_other_dtypes(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    models = [
        nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 9), nn.ReLU(), nn.Linear(9, 4)) for _ in range(2)
    ]
    models = [model.requires_grad_(False).to(dtype) for model in models]
    inputs = (torch.randn(3000, 20) + 0.5).to(dtype)
    result = merged(models, [0.5, 0.5], inputs)
    tolerance = 200 * torch.finfo(dtype).eps if dtype == torch.float32 else 8 * torch.finfo(dtype).eps
    z = [model.float()[:3](inputs.float()) for model in (*models, result)]
    assert_close_moments(z[2], z[:2], tolerance)


def two(seed: int = 0) -> tuple[list[nn.Sequential], Tensor]:
    torch.manual_seed(seed)
    models = [nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2)) for _ in range(2)]
    return [model.requires_grad_(False).double() for model in models], torch.randn(40, 4, dtype=torch.float64)


def test_units_that_do_not_vary_are_only_shifted() -> None:
    models, inputs = two()
    for model, bias in zip(models, (1.0, 4.0), strict=True):
        model[0].weight[1] = 0  # constant in both parents and in the merged network
        model[0].bias[1] = bias
    models[0][0].weight[2] = -models[1][0].weight[2]  # constant in the merged network only
    result = merged(models, [0.5, 0.5], inputs)
    z = [model[0](inputs) for model in (*models, result)]
    torch.testing.assert_close(z[2][:, 1], torch.full((40,), 2.5, dtype=torch.float64), rtol=0, atol=1e-12)
    assert z[2][:, 2].std() < 1e-12
    torch.testing.assert_close(z[2][:, 2].mean(), (z[0][:, 2].mean() + z[1][:, 2].mean()) / 2)


def test_a_unit_constant_in_both_parents_becomes_constant() -> None:
    models, inputs = two()
    for model in models:
        model[0].bias.fill_(-100.0)  # all units are dead: the second layer gets zeros
    result = merged(models, [0.5, 0.5], inputs)
    z = result[:3](inputs)
    torch.testing.assert_close(z, z[:1].expand_as(z), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0], ["at least 2 networks, got 1"]),
        ([], ["at least 2 networks, got 0"]),
        ([0.5, 0.6], ["sum 1, got 1.1"]),
        ([1.5, -0.5], ["at least 0, got -0.5"]),
        ([math.nan, 1.0], ["finite", "nan"]),
        ([0.5, 0.25, 0.25], ["3 networks", "12 tensors"]),
    ],
    ids=str,
)
def test_bad_weights(weights: list[float], words: list[str]) -> None:
    models, inputs = two()
    parameters = [tensor for model in models for tensor in funcsim.parameters(model)]
    if len(weights) == 3:
        parameters = parameters[:-2] + parameters[-1:]
        words = ["3 networks", "11 tensors"]
    assert_says(
        lambda: ops.merge_parameters(funcsim.describe(models[0]), parameters, weights, [], inputs), *words, "merge_"
    )


def test_bad_moments() -> None:
    models, inputs = two()
    architecture = funcsim.describe(models[0])
    parameters = [tensor for model in models for tensor in funcsim.parameters(model)]
    good = [torch.ones(2, units, dtype=torch.float64) for units in (5, 3, 5, 3)]

    def merge(moments: list[Tensor]) -> None:
        ops.merge_parameters(architecture, parameters, [0.5, 0.5], moments, inputs)

    merge(good)
    assert_says(lambda: merge(good[:3]), "2 hidden layers of each of 2 networks", "got 3 tensors")
    for bad, words in (
        (torch.ones(2, 4, dtype=torch.float64), ["moments[2] must be float64 [2, 5]", "got float64 [2, 4]"]),
        (torch.ones(2, 5), ["got float32 [2, 5]"]),
        (torch.ones(5, dtype=torch.float64), ["got float64 [5]"]),
        (torch.full((2, 5), math.nan, dtype=torch.float64), ["moments[2] must be finite", "nan"]),
        (torch.full((2, 5), -1.0, dtype=torch.float64), ["variances at least 0", "-1"]),
    ):
        assert_says(lambda bad=bad: merge([*good[:2], bad, good[3]]), *words)


def test_bad_networks_and_inputs() -> None:
    models, inputs = two()
    architecture = funcsim.describe(models[0])
    a, b = (funcsim.parameters(model) for model in models)

    def merge(other: list[Tensor], x: Tensor = inputs, repair: bool = True) -> list[Tensor]:
        return ops.merge_parameters(architecture, [*a, *other], [0.5, 0.5], [], x, repair)

    assert_says(
        lambda: merge([tensor.float() for tensor in b]), "one dtype", "float64 (the reference)", "float32 (the model)"
    )
    assert_says(lambda: merge([b[0].T.clone(), *b[1:]]), "the model", "item 0", "weight must be [5, 4]")
    assert_says(lambda: merge(b, inputs[:, :3]), "expects inputs whose last dimension is 4")
    assert_says(lambda: merge(b, inputs.float()), "inputs must be float64")
    bad = inputs.clone()
    bad[7, 2] = math.nan
    assert_says(lambda: merge(b, bad), "item 0 (linear(4, 5)): the statistics of unit 0 must be finite", "nan")
    infinite = [tensor.clone() for tensor in b]
    infinite[-1][0] = math.inf
    assert_says(lambda: merge(infinite, repair=False), "item 4 (linear(3, 2)): a parameter is not finite in float64")


def test_repaired_parameters_beyond_the_range_of_the_dtype_are_an_error() -> None:
    models, inputs = two()
    models = [model.half() for model in models]
    # Nothing is left of what varies most, so that repair wants the rest larger than float16 goes.
    inputs[:, 1:] *= 1e-3
    for model, weight in zip(models, (30000.0, -30000.0), strict=True):
        model[0].weight.fill_(100.0)
        model[0].weight[:, 0] = weight
    with pytest.raises(RuntimeError, match=r"item 0 \(Linear\(4, 5\)\): a parameter is not finite in float16"):
        merged(models, [0.5, 0.5], inputs.half())
