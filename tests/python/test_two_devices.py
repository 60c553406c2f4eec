"""What one call is given lies on one device: two are an error that names both."""

import itertools
from collections.abc import Callable

import devices
import funcsim
import pytest
import torch
from devices import mapped, moved
from operator_calls import CALLS, ROWS, mlp
from refusals import message_of

ops = torch.ops.funcsim
CASES = [
    pytest.param(name, arguments, id=f"{name}-{i}")
    for name, all_ in CALLS.items()
    for i, arguments in enumerate(all_)
    if len(devices.tensors_of(arguments)) > 1
]


@pytest.fixture(params=["cpu", "second"])
def other(elsewhere: torch.device, request: pytest.FixtureRequest) -> torch.device:
    """Another device than `elsewhere`."""
    if request.param == "second" and torch.get_device_module(elsewhere).device_count() < 2:
        pytest.skip(f"this machine has one {elsewhere.type} device")
    return torch.device("cpu") if request.param == "cpu" else torch.device(elsewhere.type, 1)


def assert_names(message: str, elsewhere: torch.device, other: torch.device) -> None:
    """Both, by the names that operators give them."""
    for device in (elsewhere, other):
        is_emulated = device.type == "emulated"
        name = f"device {device.index} of a kind that is neither cpu nor cuda" if is_emulated else str(device)
        assert name in message, message
        message = message.replace(name, "")  # which has "cpu" in it


def _with_one_moved(arguments: tuple, number: int, device: torch.device) -> tuple:
    numbers = itertools.count()
    return mapped(arguments, lambda tensor: tensor.to(device) if next(numbers) == number else tensor)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_operators_refuse_tensors_of_two_devices(
    elsewhere: torch.device, other: torch.device, name: str, arguments: tuple
) -> None:
    there = moved(arguments, elsewhere)
    for odd in range(len(devices.tensors_of(arguments))):
        mixed = _with_one_moved(there, odd, other)
        message = message_of(lambda mixed=mixed: getattr(ops, name)(*mixed))
        assert message.startswith(f"{name}: ")
        assert_names(message, elsewhere, other)


@pytest.mark.parametrize("function", [funcsim.compare, funcsim.layer_similarity])
def test_two_networks_must_be_on_one_device(elsewhere: torch.device, other: torch.device, function: Callable) -> None:
    a, b = mlp(1).to(elsewhere), mlp(2).to(other)
    for pair, places in (((a, b), (elsewhere, other)), ((b, a), (other, elsewhere))):
        with pytest.raises(ValueError, match="networks must be on one device") as error:
            function(*pair, ROWS)
        assert f"got {places[0]} (network a) and {places[1]} (network b)" in str(error.value)
    assert_names(message_of(lambda: funcsim.Comparer(a, b)(ROWS.to(elsewhere))), elsewhere, other)


def test_a_network_must_be_on_one_device(elsewhere: torch.device, other: torch.device) -> None:
    model = mlp(1).to(elsewhere)
    model[2].to(other)
    for call in (
        lambda: funcsim.compare(model, mlp(2).to(elsewhere), ROWS),
        lambda: funcsim.compare(mlp(2).to(elsewhere), model, ROWS),
        lambda: funcsim.sketch(model, ROWS),
        lambda: funcsim.canonicalize(model),
    ):
        message = message_of(call)
        assert "weight must be on" in message
        assert_names(message, elsewhere, other)


def test_inputs_are_not_fetched_from_another_device(elsewhere: torch.device, other: torch.device) -> None:
    """But for the CPU, from where they come unasked."""
    places = [(other, elsewhere)] if other.type == "cpu" else [(other, elsewhere), (elsewhere, other)]
    for networks, inputs in places:
        a, b = mlp(1).to(networks), mlp(2).to(networks)
        for call in (
            lambda a=a, b=b, inputs=inputs: funcsim.compare(a, b, ROWS.to(inputs)),
            lambda a=a, b=b, inputs=inputs: funcsim.compare(a, b, [ROWS.to(inputs), ROWS.to(inputs)]),
            lambda a=a, b=b, inputs=inputs: funcsim.layer_similarity(a, b, ROWS.to(inputs)),
            lambda a=a, inputs=inputs: funcsim.sketch(a, ROWS.to(inputs)),
            lambda a=a, b=b, inputs=inputs: funcsim.compare(funcsim.sketch(a, ROWS), b, ROWS.to(inputs)),
        ):
            message = message_of(call)
            assert "inputs must be on" in message
            assert_names(message, elsewhere, other)


def test_batches_must_be_on_one_device(elsewhere: torch.device, other: torch.device) -> None:
    model = mlp(1).to(elsewhere)
    with pytest.raises(ValueError, match=f"batch 1 has device {other}, but the batches before have {elsewhere}"):
        funcsim.compare(model, model, [ROWS.to(elsewhere), ROWS.to(other)])


def test_work_goes_to_the_tensors_device_whichever_is_current(elsewhere: torch.device) -> None:
    if torch.accelerator.device_count() < 2:
        pytest.skip(f"this machine has one {elsewhere.type} device")
    second = torch.device(elsewhere.type, 1)
    expected = funcsim.compare(mlp(1).to(elsewhere), mlp(2).to(elsewhere), ROWS).to_dict()
    for current in (0, 1):
        with torch.accelerator.device_index(current):
            assert funcsim.compare(mlp(1).to(second), mlp(2).to(second), ROWS).to_dict() == expected
            for name, all_ in CALLS.items():
                result = getattr(ops, name)(*moved(all_[0], second))
                assert all(tensor.device == second for tensor in devices.tensors_of(result))
            assert torch.accelerator.current_device_index() == current
