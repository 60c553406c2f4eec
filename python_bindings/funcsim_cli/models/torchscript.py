"""Networks in TorchScript files."""

import warnings

import torch
from funcsim.reading.graphs.conversion import as_module
from torch import nn

from ..errors import Problem


def load_torchscript(path: str) -> nn.Module:
    """The network in a TorchScript file, scripted or traced, as a module that hooks can see.

    Raises:
        Problem: It can't be loaded, or has branches or loops that depend on the inputs.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there will be no TorchScript some day
            script = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError, AttributeError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise Problem(
            f"{path} can't be loaded by torch.jit.load ({first.rstrip('.')})", expected="what torch.jit.save wrote"
        ) from error
    try:
        module: nn.Module = as_module(script)
    except ValueError as error:
        raise Problem(
            f"{path} can't be followed: {error}",
            advice="The module can be given as WEIGHTS@package.module:function: weights, and a function that makes it.",
        ) from error
    return module
