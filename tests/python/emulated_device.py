"""torch.emulated: the module that PyTorch takes for the emulated devices' once `load()` has brought them in."""

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import built
import torch
from torch import Tensor

LIBRARY = built.BUILD / "tests/emulated_device/libemulated_device.so"


@functools.cache
def load() -> ctypes.CDLL:
    """Registers the devices "emulated:0" and "emulated:1", with funcsim's kernels for CUDA, for good."""
    torch.ops.load_library(str(LIBRARY))
    torch.utils.rename_privateuse1_backend("emulated")
    torch._register_device_module("emulated", sys.modules[__name__])
    library = ctypes.CDLL(str(LIBRARY))
    for function in ["open", "begin_graph", "end_graph"]:
        getattr(library, f"emulated_device_{function}").restype = ctypes.c_void_p
    return library


@contextmanager
def open_memory() -> Iterator[None]:
    """Lets the host touch the devices' memory."""
    access = ctypes.c_void_p(load().emulated_device_open())
    yield
    load().emulated_device_close(access)


def record_graph(device: torch.device, function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Records what the function puts on the device, without doing it. Gives what does it, and the function's result."""
    before = ctypes.c_void_p(load().emulated_device_begin_graph(device.index))
    try:
        result = function()
    finally:
        graph = ctypes.c_void_p(load().emulated_device_end_graph(device.index, before))
    return lambda: load().emulated_device_replay_graph(device.index, graph), result


# What PyTorch asks for.


def is_available() -> bool:
    return True


def device_count() -> int:
    return 2


def current_device() -> int:
    return torch.accelerator.current_device_index()


def device(chosen: torch.device) -> AbstractContextManager[None]:
    return torch.accelerator.device_index(chosen.index)


def manual_seed_all(_seed: int) -> None:
    """Numbers are drawn on the CPU."""


def get_rng_state(_device: int | str | torch.device = "emulated") -> Tensor:
    return torch.get_rng_state()


def set_rng_state(state: Tensor, _device: int | str | torch.device = "emulated") -> None:
    torch.set_rng_state(state)


def _lazy_init() -> None:
    """Without it, PyTorch 2.11 takes the devices for unused, and torch.accelerator.synchronize() doesn't wait."""


def _is_in_bad_fork() -> bool:
    return False
