"""The modes of PyTorch that would change what operators compute, switched off."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """No gradients, and no autocast, which would compute in another precision than that of the tensors."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
