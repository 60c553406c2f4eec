"""Fixtures of all tests."""

import os

# Test processes share the cores: threads that wait for work must not keep these busy. Said before PyTorch starts any.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# And plots are drawn into memory.
os.environ.setdefault("MPLBACKEND", "agg")

import devices
import pytest
import torch


@pytest.fixture(params=devices.DEVICES, scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """A test that takes it runs on every device there is."""
    return devices.ready(request.param)


@pytest.fixture
def elsewhere(device: torch.device) -> torch.device:
    """Every device but the CPU."""
    if device.type == "cpu":
        pytest.skip("this is about devices other than the CPU")
    return device
