"""torch.emulated: what PyTorch asks in Python of the emulated device, which `load()` brings into this process."""

import functools
import pathlib
import sys
from contextlib import AbstractContextManager

import torch


@functools.cache
def load(library: pathlib.Path) -> None:
    """Registers the devices "emulated:0" and "emulated:1", with funcsim's kernels for CUDA, for good."""
    torch.ops.load_library(str(library))
    torch.utils.rename_privateuse1_backend("emulated")
    torch._register_device_module("emulated", sys.modules[__name__])


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


def _is_in_bad_fork() -> bool:
    return False
