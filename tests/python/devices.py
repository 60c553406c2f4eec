"""The devices that tests run on."""

import os

import built
import emulated_device
import funcsim  # noqa: F401  its library, of which the emulated device would bring another copy
import pytest
import torch

EMULATED_LIBRARY = built.BUILD / "tests/emulated_device/libemulated_device.so"
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
        emulated_device.load(built.need(EMULATED_LIBRARY))
    return torch.device(name)
