"""Canonical form: keeps the function, unit-norm rows, idempotent, and the oracle's weights."""

import copy
import warnings

import devices
import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import canonical, hooks, networks, random_networks, transform
from oracle.profile import examples
from torch import nn

ops = torch.ops.funcsim
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}


def _canonical_copy(model: nn.Sequential, device: torch.device | str = "cpu") -> nn.Sequential:
    """The canonical parameters, computed on the device, in a copy of the model: they must fit the same architecture."""
    parameters = devices.moved(funcsim.parameters(model), device)
    before = [parameter.detach().clone() for parameter in parameters]
    got = ops.canonicalize(funcsim.describe(model), parameters)
    assert [(t.shape, t.dtype, t.device) for t in got] == [(t.shape, t.dtype, t.device) for t in before]
    assert not {t.data_ptr() for t in got if t.numel()} & {t.data_ptr() for t in parameters}
    assert all(torch.equal(t, b) for t, b in zip(parameters, before, strict=True))
    result = copy.deepcopy(model)
    names = [name for name in result.state_dict() if not name.endswith("num_batches_tracked")]
    assert len(names) == len(got)
    result.load_state_dict(dict(zip(names, got, strict=True)), strict=False)
    return result


def _output(model: nn.Sequential, inputs: torch.Tensor) -> torch.Tensor:
    return hooks.module_outputs(model, inputs)[-1]


def _assert_same_function(a: nn.Sequential, b: nn.Sequential, inputs: torch.Tensor) -> None:
    expected = _output(a, inputs)
    tolerance = TOLERANCE[inputs.dtype]
    torch.testing.assert_close(
        _output(b, inputs), expected, rtol=tolerance, atol=tolerance * float(expected.abs().max())
    )


def _assert_canonical(device: torch.device, model: nn.Sequential, inputs: torch.Tensor) -> None:
    got = _canonical_copy(model, device)
    _assert_same_function(model, got, inputs)
    expected = canonical.canonicalize(model, inputs)
    tolerance = TOLERANCE[inputs.dtype]
    ours, theirs = hooks.leaves(got), hooks.leaves(expected.model)
    for layer, scaled in zip(hooks.hidden_layers(ours), expected.is_scaled, strict=True):
        weight = ours[layer.affine].weight.detach().double()
        reference = theirs[layer.affine].weight.detach()
        # Equal weights mean equal scales: the original rows, divided by them, are what is compared.
        torch.testing.assert_close(weight, reference, rtol=tolerance, atol=tolerance * float(reference.abs().max()))
        if scaled:
            norms = weight.flatten(1).norm(dim=1)
            assert (((norms - 1).abs() < tolerance) | (norms == 0)).all()
        if layer.folded is not None:
            _assert_shifts_only(ours[layer.folded], has_bias=ours[layer.affine].bias is not None)
    again = _canonical_copy(got, device)
    for one, two in zip(funcsim.parameters(got), funcsim.parameters(again), strict=True):
        torch.testing.assert_close(two, one, rtol=tolerance, atol=tolerance)


def _assert_shifts_only(norm: nn.Module, *, has_bias: bool) -> None:
    dims = {nn.BatchNorm1d: 0, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}[type(norm)]
    x = torch.linspace(-3, 3, 7, dtype=norm.running_mean.dtype).reshape(7, 1, *[1] * dims)
    x = x.expand(7, norm.num_features, *[1] * dims).contiguous()
    with torch.no_grad():
        shift = norm.eval()(x) - x
    if has_bias:
        torch.testing.assert_close(shift, torch.zeros_like(shift), atol=1e-6, rtol=0)
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_every_layer_type(device: torch.device, network: networks.Network, dtype: torch.dtype) -> None:
    _assert_canonical(device, *network.make(seed=2, dtype=dtype))


@given(seed=st.integers(0, 2**32 - 1))
@examples(25)
def test_random_mlps(device: torch.device, seed: int) -> None:
    _assert_canonical(device, *random_networks.random_mlp(seed))


@given(seed=st.integers(0, 2**32 - 1))
@examples(25)
def test_random_cnns(device: torch.device, seed: int) -> None:
    _assert_canonical(device, *random_networks.random_cnn(seed))


@pytest.mark.parametrize("name", ["mlp", "conv1d", "tokens", "batch-norm-elsewhere", "nested"])
def test_rescaled_and_permuted_copies_have_one_canonical_form(name: str) -> None:
    (network,) = [network for network in networks.NETWORKS if network.name == name]
    model, inputs = network.make(seed=3)
    rng = np.random.default_rng(3)
    expected = _canonical_copy(model)
    got = _canonical_copy(transform.rescaled(model, inputs, rng, powers_of_two=False))
    if name != "batch-norm-elsewhere":  # there a BatchNorm behind a hidden layer holds a scale of its own
        for one, two in zip(funcsim.parameters(got), funcsim.parameters(expected), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
    _assert_same_function(expected, got, inputs)


def test_units_without_weights_keep_their_scale(device: torch.device) -> None:
    model, inputs = networks.NETWORKS[0].make(seed=4)
    with torch.no_grad():
        model[0].weight[3] = 0
        model[3].weight[:, 5] = 0
        model[3].weight[2] = 0
    _assert_canonical(device, model, inputs)
    assert (_canonical_copy(model, device)[0].weight[3] == 0).all()


@pytest.mark.parametrize("factor", [1e-25, 1e25])
def test_weights_far_from_one(device: torch.device, factor: float) -> None:
    """The squares of these weights leave the range of float32."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))
    with torch.no_grad():
        model[0].weight.mul_(factor)
        model[0].bias.mul_(factor)
        model[2].weight.div_(factor)
    got = _canonical_copy(model, device)
    torch.testing.assert_close(
        got[0].weight.double().norm(dim=1), torch.ones(6, dtype=torch.float64), rtol=1e-5, atol=0
    )
    _assert_same_function(model, got, torch.randn(8, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_floats_are_computed_in_float32(device: torch.device, dtype: torch.dtype) -> None:
    model, _ = networks.NETWORKS[0].make(seed=5)
    narrow = model.to(dtype)
    got = _canonical_copy(narrow, device)
    wide = _canonical_copy(copy.deepcopy(narrow).float(), device)
    for one, two in zip(funcsim.parameters(got), funcsim.parameters(wide), strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, two.to(dtype), rtol=0, atol=0)


def test_non_contiguous_parameters(device: torch.device) -> None:
    model, _ = networks.NETWORKS[0].make(seed=6)
    architecture, parameters = funcsim.describe(model), devices.moved(funcsim.parameters(model), device)
    strided = [torch.stack([t, t + 1], -1)[..., 0] for t in parameters]
    transposed = [t.t().contiguous().t() if t.dim() == 2 else t for t in parameters]
    expected = ops.canonicalize(architecture, parameters)
    for variant in (strided, transposed):
        for one, two in zip(ops.canonicalize(architecture, variant), expected, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-14, atol=0)


REFUSED = {
    "Unflatten across channels": [nn.Linear(4, 8), nn.ReLU(), nn.Unflatten(1, (2, 4)), nn.Conv1d(2, 3, 1)],
    "Linear on a convolution": [nn.Conv1d(2, 3, 1), nn.ReLU(), nn.Linear(5, 2)],
    "Linear on a convolution, square": [nn.Conv1d(2, 3, 1), nn.ReLU(), nn.Linear(3, 2)],
    "BatchNorm1d on tokens": [nn.Linear(4, 6), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(6, 2)],
    "PReLU of channels on tokens": [nn.Linear(4, 6), nn.PReLU(5), nn.Linear(6, 2)],
    "pooling across features": [nn.Linear(4, 6), nn.ReLU(), nn.MaxPool1d(2), nn.Linear(3, 2)],
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_unit_that_loses_its_identity_is_refused(device: torch.device, case: str) -> None:
    model = nn.Sequential(*REFUSED[case]).eval().to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((RuntimeError, ValueError)) as error:
            ops.canonicalize(funcsim.describe(model), list(funcsim.parameters(model)))
    guilty = {"Unflatten across channels": "Unflatten", "pooling across features": "MaxPool1d"}.get(case)
    guilty = guilty or {"BatchNorm1d on tokens": "BatchNorm1d", "PReLU of channels on tokens": "PReLU"}.get(
        case, "Linear"
    )
    assert guilty in str(error.value)


@pytest.mark.parametrize(("dtype", "scale"), [(torch.float16, 2e-5), (torch.float32, 1e-39)])
def test_what_leaves_the_range_of_the_dtype_is_an_error(device: torch.device, dtype: torch.dtype, scale: float) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.mul_(scale)
        model[0].bias.fill_(1.0)
    model = model.to(device, dtype)
    with pytest.raises(RuntimeError, match=r"item 0 \(Linear\(3, 4\)\): a canonical parameter is inf in float"):
        ops.canonicalize(funcsim.describe(model), list(funcsim.parameters(model)))


@pytest.mark.parametrize("place", [1, 2, 3])
def test_parameters_that_are_not_finite_are_an_error(device: torch.device, place: int) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to(device)
    parameters = [parameter.detach().clone() for parameter in model.parameters()]
    parameters[place].view(-1)[0] = torch.nan
    with pytest.raises(RuntimeError, match="must be finite"):
        ops.canonicalize(funcsim.describe(model), parameters)
