"""The devices that tests run on."""

import os
from collections.abc import Callable
from typing import Any

import built
import emulated_device
import funcsim  # noqa: F401  its library, of which the emulated device would bring another copy
import pytest
import torch
from torch import Tensor

CUDA_REQUIRED = os.environ.get("FUNCSIM_REQUIRE_CUDA") == "1"

cuda = pytest.param(
    "cuda:0",
    marks=pytest.mark.skipif(
        not torch.cuda.is_available() and not CUDA_REQUIRED, reason="this machine has no CUDA device"
    ),
)
emulated = pytest.param("emulated:0", marks=pytest.mark.built_with_torch)

#: For pytest.fixture and parametrize; each goes through `ready()`.
DEVICES = ["cpu", cuda, emulated]


def ready(name: str) -> torch.device:
    """The device; skips the test where it can't be had. With FUNCSIM_REQUIRE_CUDA=1 CUDA is had, or the test fails."""
    if name.startswith("emulated"):
        if torch.cuda.is_available():
            pytest.skip("PyTorch takes one kind of accelerator for the process's, and here that is CUDA")
        built.need(emulated_device.LIBRARY)
        emulated_device.load()
    return torch.device(name)


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """What an operator takes or gives, with all tensors in its lists and tuples changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(part, change) for part in value)
    return value


def moved(value: Any, device: torch.device | str) -> Any:
    """The same with all tensors on the device."""
    return mapped(value, lambda tensor: tensor.to(device))


def tensors_of(value: object) -> list[Tensor]:
    """All tensors in lists and tuples."""
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors_of(part)]
    return [value] if isinstance(value, Tensor) else []


def record_graph(device: torch.device, function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """A CUDA graph of what the function puts on the device: what replays it, and the result that each replay fills."""
    if device.type == "emulated":
        return emulated_device.record_graph(device, function)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return graph.replay, result
