"""funcsim.compare reads networks: it leaves them as they are, whatever state they and PyTorch are in."""

import copy
from collections.abc import Callable

import funcsim
import pytest
import torch
from torch import nn


def _random_states(device: torch.device) -> list[torch.Tensor]:
    its_own = [] if device.type == "cpu" else [torch.get_device_module(device).get_rng_state(device)]
    return [torch.get_rng_state(), *its_own]


@pytest.fixture
def trained(device: torch.device) -> nn.Sequential:
    """A network in the middle of training: modes mixed, gradients, hooks, statistics that a forward would change."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)
    )
    model(torch.randn(8, 4)).sum().backward()
    model.train().to(device)
    model[4].eval()
    model[4].weight.requires_grad_(False)
    model[0].register_full_backward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("function", [funcsim.compare, funcsim.layer_similarity])
@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_networks_are_left_exactly_as_they_were(
    device: torch.device, trained: nn.Sequential, method: str, function: Callable
) -> None:
    inputs = torch.randn(50, 4).to(device).requires_grad_()
    state = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    gradients = {name: p.grad.clone() for name, p in trained.named_parameters()}
    modes = [module.training for module in trained.modules()]
    needed = [p.requires_grad for p in trained.parameters()]
    random_states = _random_states(device)
    versions = [tensor._version for tensor in trained.state_dict().values()]
    attributes = [set(vars(module)) for module in trained.modules()]

    function(trained, trained, inputs, method=method)

    assert all(torch.equal(*states) for states in zip(_random_states(device), random_states, strict=True))
    assert torch.is_grad_enabled()
    assert modes == [module.training for module in trained.modules()]
    assert needed == [p.requires_grad for p in trained.parameters()]
    assert attributes == [set(vars(module)) for module in trained.modules()]
    assert [len(module._backward_hooks) for module in trained.modules()][1] == 1
    assert versions == [tensor._version for tensor in trained.state_dict().values()]
    for name, tensor in trained.state_dict().items():
        assert tensor.device == device
        assert torch.equal(tensor, state[name]), name
    for name, p in trained.named_parameters():
        assert torch.equal(p.grad, gradients[name]), name
    assert inputs.grad is None


def test_training_mode_makes_no_difference(device: torch.device, trained: nn.Sequential) -> None:
    inputs, other = torch.randn(50, 4), nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).to(device)
    one = funcsim.compare(trained, other, inputs).to_dict()
    assert funcsim.compare(trained.eval(), other, inputs).to_dict() == one


def test_autocast_and_inference_mode_make_no_difference(device: torch.device) -> None:
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 3)).to(device) for _ in range(2))
    inputs = torch.randn(1000, 5).to(device)
    expected = funcsim.compare(a, b, inputs).to_dict()
    with torch.autocast("cuda" if device.type == "cuda" else "cpu", dtype=torch.bfloat16):
        assert funcsim.compare(a, b, inputs).to_dict() == expected
    with torch.inference_mode():
        assert funcsim.compare(a, b, inputs.clone()).to_dict() == expected


def test_parametrised_networks_are_compared_by_their_computed_weights(device: torch.device) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).to(device)
    other = copy.deepcopy(plain)
    nn.utils.parametrizations.weight_norm(other[0])
    with torch.no_grad():
        other[0].parametrizations.weight.original0 *= 8  # the rows' norms
        other[0].bias *= 8
    assert funcsim.compare(plain, other, torch.randn(300, 4)).score > 1 - 1e-4
