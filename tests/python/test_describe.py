"""describe and parameters: texts written by hand from docs/architecture.md, and what is refused."""

import copy
import math
from collections import OrderedDict
from collections.abc import Callable

import funcsim
import pytest
import torch
from oracle import networks
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune


def _with(module: nn.Module, **attributes: object) -> nn.Module:
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


TEXTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "linear": (lambda: nn.Linear(3, 4), "Linear(3, 4)"),
    "linear without bias": (lambda: nn.Linear(3, 4, bias=False), "Linear(3, 4, bias=false)"),
    "conv1d": (
        lambda: nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False),
        "Conv1d(2, 4, [3], stride=[2], padding=[1], dilation=[2], groups=2, bias=false)",
    ),
    "conv2d": (
        lambda: nn.Conv2d(2, 4, 3, padding="same", padding_mode="circular"),
        "Conv2d(2, 4, [3, 3], padding=same, padding_mode=circular)",
    ),
    "conv2d, no padding in three ways": (lambda: nn.Conv2d(2, 4, (3, 1), padding="valid"), "Conv2d(2, 4, [3, 1])"),
    "conv3d": (lambda: nn.Conv3d(2, 4, (1, 2, 3), padding=(0, 1, 0)), "Conv3d(2, 4, [1, 2, 3], padding=[0, 1, 0])"),
    "batch norm": (lambda: nn.BatchNorm1d(4, eps=1e-3, affine=False), "BatchNorm1d(4, eps=0.001, affine=false)"),
    "batch norm, momentum": (lambda: nn.BatchNorm2d(4, momentum=None), "BatchNorm2d(4)"),
    "batch norm 3d": (lambda: nn.BatchNorm3d(4), "BatchNorm3d(4)"),
    "layer norm": (lambda: nn.LayerNorm([2, 4], eps=1e-6), "LayerNorm([2, 4], eps=1e-06)"),
    "layer norm without bias": (lambda: nn.LayerNorm(4, bias=False), "LayerNorm([4], bias=false)"),
    "layer norm, not affine": (
        lambda: nn.LayerNorm(4, elementwise_affine=False),
        "LayerNorm([4], elementwise_affine=false)",
    ),
    "rms norm": (lambda: nn.RMSNorm(4), "RMSNorm([4])"),
    "rms norm, eps": (
        lambda: nn.RMSNorm([2, 4], eps=1e-5, elementwise_affine=False),
        "RMSNorm([2, 4], eps=1e-05, elementwise_affine=false)",
    ),
    "group norm": (lambda: nn.GroupNorm(2, 4, eps=2), "GroupNorm(2, 4, eps=2.0)"),
    "group norm, not affine": (lambda: nn.GroupNorm(2, 4, affine=False), "GroupNorm(2, 4, affine=false)"),
    "prelu": (nn.PReLU, "PReLU()"),
    "prelu of channels": (lambda: nn.PReLU(7), "PReLU(num_parameters=7)"),
    "leaky relu": (nn.LeakyReLU, "LeakyReLU()"),
    "leaky relu, slope": (lambda: nn.LeakyReLU(1e-5), "LeakyReLU(negative_slope=1e-05)"),
    "leaky relu, slope of an integer": (lambda: nn.LeakyReLU(0), "LeakyReLU(negative_slope=0.0)"),
    "max pool": (
        lambda: nn.MaxPool2d((2, 3), stride=1, padding=1, dilation=2, ceil_mode=True),
        "MaxPool2d([2, 3], stride=[1, 1], padding=[1, 1], dilation=[2, 2], ceil_mode=true)",
    ),
    "max pool, stride of the kernel": (lambda: nn.MaxPool3d(2, stride=(2, 2, 2)), "MaxPool3d([2, 2, 2])"),
    "max pool without a stride": (lambda: _with(nn.MaxPool2d(2), stride=None), "MaxPool2d([2, 2])"),
    "max pool 1d": (lambda: nn.MaxPool1d(2), "MaxPool1d([2])"),
    "avg pool": (
        lambda: nn.AvgPool2d(2, count_include_pad=False, divisor_override=3),
        "AvgPool2d([2, 2], count_include_pad=false, divisor_override=3)",
    ),
    "avg pool 1d": (
        lambda: nn.AvgPool1d(2, stride=1, padding=1, ceil_mode=True),
        "AvgPool1d([2], stride=[1], padding=[1], ceil_mode=true)",
    ),
    "avg pool 3d": (lambda: nn.AvgPool3d((1, 2, 2)), "AvgPool3d([1, 2, 2])"),
    "adaptive avg pool": (lambda: nn.AdaptiveAvgPool2d((None, 3)), "AdaptiveAvgPool2d([-1, 3])"),
    "adaptive avg pool 1d": (lambda: nn.AdaptiveAvgPool1d(3), "AdaptiveAvgPool1d([3])"),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool3d(2), "AdaptiveMaxPool3d([2, 2, 2])"),
    "flatten": (nn.Flatten, "Flatten()"),
    "flatten, dimensions": (lambda: nn.Flatten(2, 3), "Flatten(start_dim=2, end_dim=3)"),
    "unflatten": (lambda: nn.Unflatten(1, (2, 3)), "Unflatten(1, [2, 3])"),
    "zero pad": (lambda: nn.ZeroPad2d((1, 2, 3, 4)), "ZeroPad2d([1, 2, 3, 4])"),
    "zero pad 1d": (lambda: nn.ZeroPad1d(1), "ZeroPad1d([1, 1])"),
    "zero pad 3d": (lambda: nn.ZeroPad3d(2), "ZeroPad3d([2, 2, 2, 2, 2, 2])"),
    "upsample to a size": (lambda: nn.Upsample(9), "Upsample(size=[9])"),
    "upsample by a factor": (
        lambda: nn.Upsample(scale_factor=(2, 1.5), mode="bilinear", align_corners=True, recompute_scale_factor=True),
        "Upsample(scale_factor=[2.0, 1.5], mode=bilinear, align_corners=true, recompute_scale_factor=true)",
    ),
    "upsampling nearest": (lambda: nn.UpsamplingNearest2d(scale_factor=2), "Upsample(scale_factor=[2.0])"),
    "upsampling bilinear": (
        lambda: nn.UpsamplingBilinear2d(size=(4, 5)),
        "Upsample(size=[4, 5], mode=bilinear, align_corners=true)",
    ),
    "hardtanh": (lambda: nn.Hardtanh(-2, 2.5e16), "Hardtanh(min_val=-2.0, max_val=2.5e+16)"),
    "elu": (lambda: nn.ELU(0.1), "ELU(alpha=0.1)"),
    "celu": (lambda: nn.CELU(1 / 3), "CELU(alpha=0.3333333333333333)"),
    "gelu": (lambda: nn.GELU("tanh"), "GELU(approximate=tanh)"),
    "softplus": (lambda: nn.Softplus(2, 5), "Softplus(beta=2.0, threshold=5.0)"),
    "softmax": (lambda: nn.Softmax(1), "Softmax(1)"),
    "log softmax": (lambda: nn.LogSoftmax(-1), "LogSoftmax(-1)"),
    "dropout": (lambda: nn.Dropout(0.7, inplace=True), "Dropout()"),
    **{
        name: (getattr(nn, name), f"{name}()")
        for name in [
            "ReLU",
            "Identity",
            "Dropout1d",
            "Dropout2d",
            "Dropout3d",
            "AlphaDropout",
            "FeatureAlphaDropout",
            "ReLU6",
            "SELU",
            "SiLU",
            "Mish",
            "Tanh",
            "Sigmoid",
            "Hardswish",
            "Hardsigmoid",
            "Hardtanh",
            "ELU",
            "CELU",
            "GELU",
            "Softplus",
        ]
    },
}


@pytest.mark.parametrize("case", TEXTS)
def test_text(case: str) -> None:
    build, text = TEXTS[case]
    assert funcsim.describe(nn.Sequential(build())) == f"funcsim/1: {text}"


def test_networks_are_their_items_in_order_and_nested_ones_flat() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(
        nn.Linear(4, 8),
        relu,
        nn.Sequential(relu, nn.Sequential(), nn.Sequential(nn.Linear(8, 8), relu)),
        nn.Tanh(),
        relu,
    )
    assert funcsim.describe(model) == "funcsim/1: Linear(4, 8); ReLU(); ReLU(); Linear(8, 8); ReLU(); Tanh(); ReLU()"
    assert funcsim.describe(nn.Sequential()) == "funcsim/1: "
    assert funcsim.describe(nn.Sequential(OrderedDict(first=nn.Tanh()))) == "funcsim/1: Tanh()"


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_parameters_are_those_of_the_state_dict(network: networks.Network) -> None:
    model, _ = network.make(seed=0)
    model.requires_grad_(True)
    expected = [tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")]
    got = funcsim.parameters(model)
    assert [tensor.data_ptr() for tensor in got] == [tensor.data_ptr() for tensor in expected]
    assert [tensor.shape for tensor in got] == [tensor.shape for tensor in expected]
    assert not any(tensor.requires_grad for tensor in got)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_the_dtype_is_not_in_the_text(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(2, 3)).to(dtype)
    assert funcsim.describe(model) == "funcsim/1: Linear(2, 3)"
    assert [tensor.dtype for tensor in funcsim.parameters(model)] == [dtype] * 2


def test_training_mode_is_not_in_the_text_and_stays() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout()).train()
    training = funcsim.describe(model)
    assert all(module.training for module in model.modules())
    assert funcsim.describe(model.eval()) == training


class Scaled(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's name
        return 2 * super().forward(input)


class Residual(nn.Sequential):
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's name
        return input + super().forward(input)


def _linear() -> nn.Linear:
    return nn.Linear(2, 2)


def _hooked(module: nn.Module, register: str) -> nn.Module:
    getattr(module, register)(lambda *_: None)
    return module


def _used_twice() -> nn.Sequential:
    shared = _linear()
    return nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared))


def _tied() -> nn.Sequential:
    model = nn.Sequential(_linear(), nn.ReLU(), _linear())
    model[2].weight = model[0].weight
    return model


def _tied_by_memory() -> nn.Sequential:
    model = nn.Sequential(_linear(), nn.ReLU(), _linear())
    model[2].weight.data = model[0].weight.data
    return model


def _holding_none() -> nn.Sequential:
    model = nn.Sequential(_linear())
    model.register_module("1", None)
    return model


def _plain_weight_norm() -> nn.Module:
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.utils.weight_norm(_linear())


REFUSED: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "unknown type": (lambda: nn.LSTM(2, 2), ["module 2.1 (LSTM) is not supported", "Conv1d, Conv2d", "LogSoftmax"]),
    "transposed convolution": (lambda: nn.ConvTranspose2d(1, 1, 2), ["2.1 (ConvTranspose2d)", "not supported"]),
    "embedding": (lambda: nn.Embedding(2, 2), ["2.1 (Embedding)", "not supported"]),
    "module list": (lambda: nn.ModuleList([nn.ReLU()]), ["2.1 (ModuleList)", "not supported"]),
    "derived from Linear": (lambda: Scaled(2, 2), ["2.1", "Scaled", "no classes derived"]),
    "derived from Sequential": (lambda: Residual(_linear()), ["2.1", "Residual", "derives from Sequential"]),
    "used twice": (_used_twice, ["modules 2.1.0 and 2.1.2.0 are the same Linear", "once"]),
    "tied": (_tied, ["modules 2.1.0 and 2.1.2 share a tensor of shape [2, 2]", "once"]),
    "tied by memory": (_tied_by_memory, ["modules 2.1.0 and 2.1.2 share a tensor of shape [2, 2]", "once"]),
    "none": (_holding_none, ["module 2.1.1 is None"]),
    "lazy": (lambda: nn.LazyLinear(3), ["2.1 (LazyLinear)", "not initialised", "batch"]),
    "lazy batch norm": (nn.LazyBatchNorm1d, ["2.1 (LazyBatchNorm1d)", "not initialised"]),
    "uninitialised weight": (
        lambda: _with(_linear(), weight=nn.parameter.UninitializedParameter()),
        ["2.1 (Linear)", "weight", "not initialised"],
    ),
    "batch norm without statistics": (
        lambda: nn.BatchNorm1d(2, track_running_stats=False),
        ["2.1 (BatchNorm1d) has no running statistics"],
    ),
    "batch norm without a bias": (
        lambda: _with(nn.BatchNorm1d(2), bias=None),
        ["2.1 (BatchNorm1d) has a weight and no bias", "zeros"],
    ),
    "group norm without a bias": (
        lambda: _with(nn.GroupNorm(1, 2), bias=None),
        ["2.1 (GroupNorm) has a weight and no bias", "zeros"],
    ),
    "softmax of any dimension": (nn.Softmax, ["2.1 (Softmax) has dim=None"]),
    "log softmax of any dimension": (nn.LogSoftmax, ["2.1 (LogSoftmax) has dim=None"]),
    "indices of max pool": (lambda: nn.MaxPool1d(2, return_indices=True), ["2.1 (MaxPool1d)", "return_indices"]),
    "indices of adaptive max pool": (
        lambda: nn.AdaptiveMaxPool2d(2, return_indices=True),
        ["2.1 (AdaptiveMaxPool2d)", "return_indices"],
    ),
    "unflatten of a name": (
        lambda: _with(nn.Unflatten(1, (2, 3)), dim="features"),  # newer PyTorch refuses to build one
        ["2.1 (Unflatten)", "named dimension, 'features'"],
    ),
    "forward hook": (lambda: _hooked(_linear(), "register_forward_hook"), ["2.1 (Linear) has forward hooks"]),
    "forward pre-hook": (lambda: _hooked(nn.ReLU(), "register_forward_pre_hook"), ["2.1 (ReLU) has forward hooks"]),
    "forward hook of a nested Sequential": (
        lambda: _hooked(nn.Sequential(_linear()), "register_forward_hook"),
        ["2.1 (Sequential) has forward hooks"],
    ),
    "forward replaced": (lambda: _with(_linear(), forward=lambda x: 2 * x), ["2.1 (Linear)", "forward()"]),
    "weight_norm by hooks": (_plain_weight_norm, ["2.1 (Linear) has forward hooks", "remove_weight_norm"]),
    "spectral_norm by hooks": (
        lambda: nn.utils.spectral_norm(_linear()),
        ["2.1 (Linear) has forward hooks", "remove_spectral_norm"],
    ),
    "prune": (
        lambda: prune.l1_unstructured(_linear(), "weight", 1),
        ["2.1 (Linear) has forward hooks", "prune.remove"],
    ),
    "parametrised unknown type": (
        lambda: parametrizations.weight_norm(nn.ConvTranspose1d(1, 1, 1)),
        ["2.1 (", "ConvTranspose1d", "not supported"],
    ),
    "meta device": (lambda: nn.Linear(2, 2, device="meta"), ["2.1 (Linear)", "weight", "meta device"]),
    "complex weight": (
        lambda: nn.Linear(2, 2, dtype=torch.complex64),
        ["2.1 (Linear)", "weight of dtype complex64", "float32, float64, float16, bfloat16"],
    ),
    "integer statistics": (
        lambda: _with(nn.BatchNorm1d(2), running_var=torch.ones(2, dtype=torch.int64)),
        ["2.1 (BatchNorm1d)", "running_var of dtype int64"],
    ),
    "float8 weight": (
        lambda: _with(_linear(), weight=nn.Parameter(torch.ones(2, 2).to(torch.float8_e5m2), requires_grad=False)),
        ["2.1 (Linear)", "weight of dtype float8_e5m2"],
    ),
    "no weight": (lambda: _with(_linear(), weight=None), ["2.1 (Linear) has no weight"]),
    "infinite bound": (lambda: nn.Hardtanh(0, math.inf), ["2.1 (Hardtanh) has max_val=inf", "finite"]),
    "NaN slope": (lambda: nn.LeakyReLU(math.nan), ["2.1 (LeakyReLU) has negative_slope=nan", "finite"]),
    "slope of text": (lambda: nn.LeakyReLU("steep"), ["2.1 (LeakyReLU) has negative_slope='steep'", "number"]),
    "size of text": (lambda: _with(_linear(), in_features="many"), ["2.1 (Linear) has in_features='many'", "integer"]),
    "kernel of three sizes": (
        lambda: _with(nn.MaxPool2d(2), kernel_size=(1, 2, 3)),
        ["2.1 (MaxPool2d) has kernel_size=(1, 2, 3)", "one integer or 2"],
    ),
    "kernel of fractions": (lambda: nn.MaxPool2d(1.5), ["2.1 (MaxPool2d) has kernel_size=1.5", "integer"]),
    "output of no size": (lambda: nn.AdaptiveAvgPool1d(None), ["2.1 (AdaptiveAvgPool1d) has output_size=None"]),
}


@pytest.mark.parametrize("function", [funcsim.describe, funcsim.parameters])
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, function: Callable[[nn.Sequential], object]) -> None:
    build, words = REFUSED[case]
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.ReLU(), build()))
    with pytest.raises(ValueError, match="describe: module") as error:
        function(model)
    for word in words:
        assert word in str(error.value)


def test_the_error_names_modules_by_their_names() -> None:
    model = nn.Sequential(OrderedDict(encoder=nn.Linear(2, 2), decoder=nn.Sequential(OrderedDict(out=nn.RNN(2, 2)))))
    with pytest.raises(ValueError, match=r"module decoder\.out \(RNN\) is not supported"):
        funcsim.describe(model)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (None, "got NoneType"),
        ([nn.Linear(2, 2)], "got list"),
        (nn.Sequential, "got type"),
        ({"weight": torch.ones(1)}, "got dict"),
        (nn.Linear(2, 2), "got the module Linear"),
        (nn.ModuleList([nn.Linear(2, 2)]), "got the module ModuleList"),
    ],
)
def test_what_is_no_sequential_is_a_type_error(model: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        funcsim.describe(model)


def test_a_derived_sequential_is_refused_as_the_network() -> None:
    with pytest.raises(ValueError, match=r"\(the network itself\).*Residual.*derives from Sequential"):
        funcsim.describe(Residual(nn.Linear(2, 2)))


def test_hooks_of_the_network_itself_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(the network itself\) \(Sequential\) has forward hooks"):
        funcsim.describe(_hooked(nn.Sequential(nn.Linear(2, 2)), "register_forward_hook"))


def test_backward_and_state_hooks_change_no_output_and_are_no_matter() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_full_backward_hook(lambda *_: None)
    model[0].register_state_dict_post_hook(lambda *_: None)
    assert funcsim.describe(model) == "funcsim/1: Linear(2, 2)"


def test_an_initialised_lazy_module_is_what_it_became() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    model(torch.zeros(2, 5))
    assert funcsim.describe(model) == "funcsim/1: Linear(5, 3); ReLU()"


def test_equal_tensors_of_several_modules_are_no_tied_ones() -> None:
    layer = nn.Linear(2, 2)
    assert len(funcsim.parameters(nn.Sequential(layer, copy.deepcopy(layer)))) == 4


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_a_parametrised_module_is_read_as_in_eval_mode(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(getattr(parametrizations, name)(nn.Linear(4, 3)), nn.ReLU(), nn.Linear(3, 2)).train()
    before = copy.deepcopy(model.state_dict())
    weight = funcsim.parameters(model)[0]
    assert funcsim.describe(model) == "funcsim/1: Linear(4, 3); ReLU(); Linear(3, 2)"
    assert all(module.training for module in model.modules())
    for key, tensor in model.state_dict().items():  # spectral_norm changes its vectors in training mode
        assert torch.equal(tensor, before[key]), key
    torch.testing.assert_close(weight, model.eval()[0].weight.detach(), rtol=0, atol=0)
    assert not weight.requires_grad
    assert parametrize.is_parametrized(model[0])


def test_descriptions_are_read_by_the_operators() -> None:
    """All types in one text: the operator gets as far as the parameters, which are missing."""
    text = "; ".join(text for _, text in TEXTS.values() if not text.startswith(("Linear", "Conv")))
    with pytest.raises(RuntimeError, match=r"parameters|tensors"):
        torch.ops.funcsim.canonicalize(f"funcsim/1: Linear(3, 4); {text}; Linear(3, 4)", [])
