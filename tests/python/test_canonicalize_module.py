"""funcsim.canonicalize: the operator's parameters in a copy of the module that is otherwise as the original."""

import pickle
from collections import OrderedDict

import funcsim
import pytest
import torch
from oracle import hooks, networks
from torch import nn
from torch.nn.utils import parametrizations

CHANNELS_LAST = torch.channels_last
BY_NAME = {network.name: network for network in networks.NETWORKS}


def _assert_same_function(a: nn.Sequential, b: nn.Sequential, inputs: torch.Tensor) -> None:
    expected, got = hooks.module_outputs(a, inputs)[-1], hooks.module_outputs(b, inputs)[-1]
    torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11 * float(expected.abs().max()))


def _state(model: nn.Module) -> bytes:
    """Everything there is to a module."""
    return pickle.dumps((model.state_dict(), [(m.training, type(m)) for m in model.modules()]))


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_is_a_copy_with_the_operators_parameters(device: torch.device, network: networks.Network) -> None:
    model, inputs = network.make(seed=1)
    model, inputs = model.to(device), inputs.to(device)
    before = _state(model)
    expected = torch.ops.funcsim.canonicalize(funcsim.describe(model), funcsim.parameters(model))
    got = funcsim.canonicalize(model)
    assert _state(model) == before
    assert type(got) is nn.Sequential
    assert funcsim.describe(got) == funcsim.describe(model)
    assert list(got.state_dict()) == list(model.state_dict())
    for tensor, value in zip(funcsim.parameters(got), expected, strict=True):
        assert tensor.device == device
        assert torch.equal(tensor, value)
        assert tensor.dtype == value.dtype
    addresses = {tensor.data_ptr() for tensor in model.state_dict().values() if tensor.numel()}
    assert addresses.isdisjoint(tensor.data_ptr() for tensor in got.state_dict().values())
    _assert_same_function(model, got, inputs)


def test_what_belongs_to_modules_is_kept() -> None:
    torch.manual_seed(0)
    relu = nn.ReLU()
    block = nn.Sequential(OrderedDict(norm=nn.BatchNorm1d(6), act=relu))
    model = nn.Sequential(OrderedDict(first=nn.Linear(4, 6), block=block, middle=nn.Linear(6, 5), relu=relu))
    model.append(nn.Linear(5, 2))
    model(torch.randn(8, 4)).sum().backward()
    model.train()
    model.block.norm.eval()
    model.first.weight.requires_grad_(False)
    model.first.note = "kept"
    calls: list[int] = []
    model.middle.register_full_backward_hook(lambda *_: calls.append(1))
    got = funcsim.canonicalize(model)
    assert [(name, module.training) for name, module in got.named_modules()] == [
        (name, module.training) for name, module in model.named_modules()
    ]
    assert [(name, p.requires_grad) for name, p in got.named_parameters()] == [
        (name, p.requires_grad) for name, p in model.named_parameters()
    ]
    assert got.block.norm.num_batches_tracked == 1
    assert got.first.note == "kept"
    assert got.block.act is got.relu
    assert got.block.act is not relu
    assert all(p.grad is None for p in got.parameters())
    assert model.middle.weight.grad is not None
    got(torch.randn(8, 4)).sum().backward()
    assert calls == [1]
    assert all(isinstance(p, nn.Parameter) and p.is_leaf for p in got.parameters())


def test_memory_layout_is_kept(device: torch.device) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).to(device, memory_format=CHANNELS_LAST)
    assert not model[0].weight.is_contiguous()
    got = funcsim.canonicalize(model)
    assert got[0].weight.is_contiguous(memory_format=CHANNELS_LAST)
    assert got[0].weight.stride() == model[0].weight.stride()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtype_is_kept(dtype: torch.dtype) -> None:
    got = funcsim.canonicalize(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).to(dtype))
    assert {p.dtype for p in got.parameters()} == {dtype}


def test_tensors_that_overlap_in_memory_are_set_apart(device: torch.device) -> None:
    """Weights of one memory, as an autoencoder's may be, and statistics of one: each gets its own canonical values."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(5, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2)
    ).to(device, torch.float64)
    model[4].weight = nn.Parameter(model[0].weight.detach().t())
    statistics = torch.randn(6, dtype=torch.float64).to(device)
    model[1].running_mean, model[3].running_mean = statistics[:5], statistics[1:]
    got = funcsim.canonicalize(model)
    expected = torch.ops.funcsim.canonicalize(funcsim.describe(model), funcsim.parameters(model))
    for one, two in zip(funcsim.parameters(got), expected, strict=True):
        assert torch.equal(one, two)
    _assert_same_function(model, got, torch.randn(9, 5, dtype=torch.float64).to(device))


def test_random_state_and_grad_mode_are_left_alone() -> None:
    model, _ = BY_NAME["mlp"].make(seed=1)
    state = torch.random.get_rng_state()
    funcsim.canonicalize(model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled()


def test_twice_is_once() -> None:
    model, _ = BY_NAME["conv2d"].make(seed=2)
    once = funcsim.canonicalize(model)
    twice = funcsim.canonicalize(once)
    for one, two in zip(funcsim.parameters(once), funcsim.parameters(twice), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-11, atol=1e-11)


def test_parametrised_modules_are_refused() -> None:
    model = nn.Sequential(nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3))), nn.ReLU(), nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"canonicalize: module 0\.0 is parametrised.*remove_parametrizations"):
        funcsim.canonicalize(model)


def test_what_describe_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match=r"module 1 \(LSTM\) is not supported"):
        funcsim.canonicalize(nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 3)))
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Sequential"):
        funcsim.canonicalize(nn.Linear(3, 3))


def test_a_network_without_hidden_layers_is_refused() -> None:
    with pytest.raises(RuntimeError, match="hidden layer"):
        funcsim.canonicalize(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
