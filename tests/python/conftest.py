"""Fixtures of all tests."""

import devices
import pytest
import torch


@pytest.fixture(params=devices.DEVICES, scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """A test that takes it runs on every device there is."""
    return devices.ready(request.param)
