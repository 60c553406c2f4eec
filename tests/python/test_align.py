"""funcsim.align: the function stays, units move back, and what can't be aligned says why."""

import copy
import itertools

import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import hooks, networks, transform
from oracle.grouped_networks import GROUPED_NETWORKS, GroupedNetwork
from oracle.random_networks import random_cnn, random_mlp
from torch import Tensor, nn
from torch.nn.utils import parametrizations

SIMILARITIES = ["jaccard", "phi", "correlation", "weights"]
PERMUTABLE = [network for network in networks.NETWORKS if transform.permutable(network.make(1)[0])]


def outputs(model: nn.Sequential, inputs: Tensor) -> Tensor:
    return hooks.module_outputs(model, inputs)[-1]


def assert_same_function(got: nn.Sequential, expected: nn.Sequential, inputs: Tensor, tolerance: float) -> None:
    y = outputs(expected, inputs)
    torch.testing.assert_close(outputs(got, inputs), y, rtol=0, atol=tolerance * max(float(y.abs().max()), 1e-30))


def assert_equal_parameters(got: nn.Sequential, expected: nn.Sequential, tolerance: float = 1e-7) -> None:
    for x, y in zip(funcsim.parameters(got), funcsim.parameters(expected), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=tolerance * max(float(y.abs().max()), 1e-30))


def copies(model: nn.Sequential, inputs: Tensor, seed: int) -> nn.Sequential:
    """The network permuted and rescaled."""
    rng = np.random.default_rng(seed)
    moved, _ = transform.permuted(model, inputs, rng)
    return transform.rescaled(moved, inputs, rng, powers_of_two=False)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("network", PERMUTABLE, ids=lambda network: network.name)
def test_undoes_permuting_and_rescaling(network: networks.Network, similarity: str) -> None:
    model, inputs = network.make(seed=3)
    other = copies(model, inputs, 1)
    got = funcsim.align(model, other, inputs, similarity=similarity, rescale=True)
    assert_equal_parameters(got, model)
    kept = funcsim.align(model, other, inputs, similarity=similarity)
    assert_same_function(kept, other, inputs, 1e-12)
    for x, y in zip(funcsim.parameters(kept), funcsim.parameters(other), strict=True):
        assert torch.equal(x.flatten().sort().values, y.flatten().sort().values)  # the same numbers elsewhere


@settings(deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(SIMILARITIES), st.booleans(), st.booleans())
def test_random_networks_keep_their_function(
    seed: int, convolutional: bool, similarity: str, rescale: bool, descends: bool
) -> None:
    model, inputs = (random_cnn if convolutional else random_mlp)(seed)
    other = copy.deepcopy(model)
    networks.randomise(other, torch.Generator().manual_seed(seed + 1))
    before = [tensor.clone() for tensor in [*funcsim.parameters(model), *funcsim.parameters(other), inputs]]
    got = funcsim.align(model, other, inputs, similarity=similarity, rescale=rescale, coordinate_descent=descends)
    assert_same_function(got, other, inputs, 1e-9)
    after = [*funcsim.parameters(model), *funcsim.parameters(other), inputs]
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))


def test_sums_of_normalisations_round_too() -> None:
    """Behind a LayerNorm of two units, which is close to a step, more than what the weights' sums alone would do."""
    model, inputs = random_mlp(358)
    other = copy.deepcopy(model)
    networks.randomise(other, torch.Generator().manual_seed(359))
    assert_same_function(funcsim.align(model, other, inputs, coordinate_descent=True), other, inputs, 1e-12)


def _units_can_be_told_apart(model: nn.Sequential) -> bool:
    """Whether units differ in their canonical weights: with a single weight and no bias all are 1 or -1."""
    modules = hooks.leaves(model)
    affine = (modules[layer.affine] for layer in hooks.hidden_layers(modules))
    return all(module.weight[0].numel() > 1 or module.bias is not None for module in affine)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(["jaccard", "phi", "weights"]))
def test_random_permuted_and_rescaled_copies_are_recovered(seed: int, convolutional: bool, similarity: str) -> None:
    model, inputs = (random_cnn if convolutional else random_mlp)(seed)
    if not transform.permutable(model) or not _units_can_be_told_apart(model):
        return
    rng = np.random.default_rng(seed)
    moved, _ = transform.permuted(model, inputs, rng)
    # Every number where it was, and so every unit, since no two have the same weights. Correlations of 1 to seven
    # digits, as units behind a layer of one or two can have, aren't told apart in float32.
    assert_equal_parameters(funcsim.align(model, moved, inputs, similarity=similarity), model, 0)
    other = transform.rescaled(moved, inputs, rng, powers_of_two=False)
    assert_equal_parameters(funcsim.align(model, other, inputs, similarity=similarity, rescale=True), model, 1e-6)


@pytest.mark.parametrize("descends", [False, True])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("grouped", GROUPED_NETWORKS, ids=lambda grouped: grouped.network.name)
def test_groups_move_as_they_may(grouped: GroupedNetwork, similarity: str, descends: bool) -> None:
    for seed in range(3):
        model, inputs = grouped.network.make(seed)
        rng = np.random.default_rng(seed)
        other = transform.moved(model, inputs, grouped.allowed_orders(model, rng))
        assert_same_function(other, model, inputs, 1e-10)
        other = transform.rescaled(other, inputs, rng, powers_of_two=False)
        got = funcsim.align(
            model, other, inputs, similarity=similarity, rescale=True, coordinate_descent=descends, positions="all"
            if similarity != "weights" else 16
        )  # fmt: skip
        assert_equal_parameters(got, model)


def test_dead_units_are_told_apart_by_their_weights() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)).double()
    with torch.no_grad():
        model[0].bias[2:7] = -100.0
        model[2].bias[1:4] = -100.0
    inputs = torch.randn(50, 4, dtype=torch.float64)
    other = copies(model, inputs, 0)
    for similarity in SIMILARITIES:
        assert_equal_parameters(funcsim.align(model, other, inputs, similarity=similarity, rescale=True), model)


def test_units_with_the_same_signature_trade_partners_by_weights_in_wider_networks_too() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    with torch.no_grad():
        model[0].bias[:3] = -100.0  # dead
    wide = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 2)).double()
    with torch.no_grad():
        wide[0].weight[:4], wide[0].bias[:4] = -model[0].weight[0], -90.0  # dead as well, and not as near
        wide[0].weight[4:] = model[0].weight.flip(0)
        wide[0].bias[4:] = model[0].bias.flip(0)
    aligned = funcsim.align(model, wide, torch.randn(50, 4, dtype=torch.float64))
    assert torch.equal(aligned[0].weight[:5], model[0].weight)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("widths", [(5, 9), (9, 5)])
def test_unequal_widths(widths: tuple[int, int], similarity: str) -> None:
    torch.manual_seed(1)
    small, large = (
        nn.Sequential(nn.Linear(4, w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, 2)) for w in widths
    )
    few, many = sorted((small, large), key=lambda model: model[0].out_features)
    with torch.no_grad():  # the wide network holds the narrow one's first layer, backwards
        many[0].weight[2:7] = few[0].weight.flip(0)
        many[0].bias[2:7] = few[0].bias.flip(0)
    inputs = torch.randn(300, 4)
    got = funcsim.align(small, large, inputs, similarity=similarity)
    assert_same_function(got, large, inputs, 1e-5)
    if small is few:
        assert torch.equal(got[0].weight[:5], few[0].weight)
        assert torch.equal(got[0].weight[5:], many[0].weight[[0, 1, 7, 8]])  # the others in their own order
    else:
        assert torch.equal(got[0].weight, few[0].weight.flip(0))  # in the order of their counterparts


@pytest.mark.parametrize(("similarity", "descent"), [("weights", False), ("jaccard", True)])
def test_weights_that_have_died_away_beside_their_bias(similarity: str, descent: bool) -> None:
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3))
    inputs = torch.randn(300, 6)
    with torch.no_grad():
        model[0].weight[3] = 1e-21
        model[0].bias[3] = -1.0
    other = copy.deepcopy(model)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for tensor, dim in ((other[0].weight, 0), (other[0].bias, 0), (other[2].weight, 1)):
            tensor.copy_(tensor.index_select(dim, order))
    got = funcsim.align(model, other, inputs, similarity=similarity, coordinate_descent=descent)
    assert_equal_parameters(got, model, 0)


@pytest.mark.parametrize("scale", [1e-22, 1e18, 1e20])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_scale_of_the_inputs_makes_no_difference(similarity: str, scale: float) -> None:
    torch.manual_seed(0)
    model, other = (
        nn.Sequential(
            nn.Linear(6, 30, bias=False), nn.ReLU(), nn.Linear(30, 30, bias=False), nn.ReLU(),
            nn.Linear(30, 20, bias=False), nn.ReLU(), nn.Linear(20, 3, bias=False),
        ) for _ in "ab"
    )  # fmt: skip
    inputs = torch.randn(300, 6)
    expected = funcsim.align(model, other, inputs, similarity=similarity)
    assert_equal_parameters(funcsim.align(model, other, inputs * scale, similarity=similarity), expected, 0)


def test_activations_that_overflow_name_the_layer() -> None:
    model = _mlp(6, 8, 8, 3)
    with torch.no_grad():
        model[0].weight.mul_(100)
    with pytest.raises(RuntimeError, match=r"the reference: hidden layer \d, item \d \(Linear"):
        funcsim.align(model, model, torch.full((20, 6), 1e38), similarity="correlation")


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_that_cancel(dtype: torch.dtype, rescale: bool) -> None:
    torch.manual_seed(0)
    model, other = (nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 2)).to(dtype) for _ in "ab")
    with torch.no_grad():
        for network in (model, other):  # twins, read with opposite weights
            network[0].weight[1::2] = network[0].weight[::2] * (1 + 1e-6)
            network[0].bias[1::2] = network[0].bias[::2]
            network[2].weight[:, ::2] *= 1e9
            network[2].weight[:, 1::2] = -network[2].weight[:, ::2]
            network[2].bias.zero_()
    funcsim.align(model, other, torch.randn(200, 6, dtype=dtype), rescale=rescale)


def test_tokens() -> None:
    model, inputs = next(network for network in networks.NETWORKS if network.name == "tokens").make(seed=5)
    other = copies(model, inputs, 2)
    assert_equal_parameters(funcsim.align(model, other, inputs, rescale=True, positions="all"), model)


def test_batches_give_what_a_tensor_gives() -> None:
    model, inputs = random_mlp(11)
    other, _ = random_mlp(11)
    networks.randomise(other, torch.Generator().manual_seed(3))
    for similarity in SIMILARITIES:
        whole = funcsim.align(model, other, inputs, similarity=similarity)
        batches = ({"x": batch} for batch in inputs.split(7))
        assert_equal_parameters(funcsim.align(model, other, batches, similarity=similarity), whole, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_narrow_dtypes(dtype: torch.dtype) -> None:
    model, inputs = networks.NETWORKS[0].make(seed=3, dtype=dtype)
    other = transform.permuted(model, inputs, np.random.default_rng(0))[0]
    got = funcsim.align(model, other, inputs)
    assert all(tensor.dtype == dtype for tensor in funcsim.parameters(got))
    assert_equal_parameters(got, model, 0)
    networks.randomise(other, torch.Generator().manual_seed(9))
    rescaled = funcsim.align(model, other, inputs, rescale=True)
    tolerance = 50 * torch.finfo(dtype).eps
    assert_same_function(rescaled.double(), copy.deepcopy(other).double(), inputs.double(), tolerance)


def test_rescaling_gives_the_references_norms() -> None:
    torch.manual_seed(0)
    model, other = (
        nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)) for _ in "ab"
    )
    inputs = torch.randn(64, 4)
    got = funcsim.align(model, other.eval(), inputs, rescale=True)
    # s_i: of the second layer with the first one's scales in its columns.
    first, expected_first = (network[0].weight.norm(dim=1) for network in (got, model))
    torch.testing.assert_close(first, expected_first)
    second, expected_second = (
        (network[2].weight * network[0].weight.norm(dim=1)).norm(dim=1) for network in (got, model)
    )
    torch.testing.assert_close(second, expected_second)


def test_batch_norms_take_the_references_raw_norms_and_weights() -> None:
    model, inputs = networks.NETWORKS[0].make(seed=3)
    other, _ = networks.NETWORKS[0].make(seed=4)
    got = funcsim.align(model, other, inputs, rescale=True)
    assert_same_function(got, other, inputs, 1e-12)
    torch.testing.assert_close(got[0].weight.norm(dim=1), model[0].weight.norm(dim=1))
    torch.testing.assert_close(got[1].weight, model[1].weight)


def test_running_variances_stay_at_least_zero() -> None:
    torch.manual_seed(0)
    for affine in (True, False):
        model, other = (
            nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5, eps=0.5, affine=affine), nn.ReLU(), nn.Linear(5, 2))
            .double()
            .eval()
            for _ in "ab"
        )
        with torch.no_grad():
            model[0].weight.mul_(1e-3)  # asks for a variance below 0
            other[1].running_var.fill_(0.01)
        inputs = torch.randn(40, 3, dtype=torch.float64)
        got = funcsim.align(model, other, inputs, rescale=True)
        assert (got[1].running_var >= 0).all()
        assert_same_function(got, other, inputs, 1e-12)


def test_what_belongs_to_modules_is_kept() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    model[0].weight.requires_grad_(False)
    got = funcsim.align(model.train(), model, torch.randn(20, 4))
    assert got.training
    assert not got[0].weight.requires_grad
    assert got[3].weight.requires_grad
    assert got[0].weight.data_ptr() != model[0].weight.data_ptr()


def _mlp(*sizes: int) -> nn.Sequential:
    layers = [module for i, o in itertools.pairwise(sizes) for module in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def test_refuses_what_it_does_not_know() -> None:
    model, inputs = _mlp(4, 5, 2), torch.randn(9, 4)
    with pytest.raises(
        ValueError, match=r'similarity must be "jaccard", "phi", "correlation" or "weights", got \'cka\''
    ):
        funcsim.align(model, model, inputs, similarity="cka")
    with pytest.raises(ValueError, match='"correlation" needs activations at positions, got positions "any"'):
        funcsim.align(model, model, inputs, similarity="correlation", positions="any")
    with pytest.raises(ValueError, match=r"hidden layers, got 1 \(the reference\) and 2 \(the model\)"):
        funcsim.align(model, _mlp(4, 5, 5, 2), inputs)
    with pytest.raises(TypeError, match=r"model: describe: expected a torch\.nn\.Sequential, got the module Linear"):
        funcsim.align(model, nn.Linear(4, 2), inputs)
    with pytest.raises(ValueError, match="inputs must hold at least one input, got none"):
        funcsim.align(model, model, inputs[:0])
    with pytest.raises(RuntimeError, match=r"reference: .*item 0 \(Linear\(4, 5\)\)"):
        funcsim.align(model, model, torch.randn(9, 3))
    parametrised = _mlp(4, 5, 2)
    parametrizations.weight_norm(parametrised[0])
    with pytest.raises(ValueError, match="align: the model: module 0 is parametrised"):
        funcsim.align(model, parametrised, inputs)
    assert isinstance(funcsim.align(parametrised, model, inputs), nn.Sequential)


def test_layers_of_other_grids_name_both_layers() -> None:
    image = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2))
    rows = nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    inputs = torch.randn(20, 1, 6, 6)
    with pytest.raises(ValueError, match=r"hidden layers 0 \(the reference\) and 1 \(the model\) have different"):
        funcsim.align(image, rows, inputs)
    with pytest.raises(RuntimeError, match=r"item 0 .* has 16 samples an input, .* item 1 .* has 1:"):
        funcsim.align(image, rows, inputs, similarity="correlation")
    with pytest.raises(RuntimeError, match=r"match_units: the weights of hidden layer 0, item 0 .* can't be compared"):
        funcsim.align(image, rows, inputs, similarity="weights")
    assert_same_function(funcsim.align(image, rows, inputs, positions="any"), rows, inputs, 1e-5)
