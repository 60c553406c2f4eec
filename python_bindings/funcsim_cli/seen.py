"""What funcsim sees of a network."""

from typing import Any

from funcsim import NetworkSketch, describe
from funcsim.reading.module_calls import is_affine
from torch import nn


def seen(network: nn.Module | NetworkSketch) -> dict[str, Any]:
    """How a network or a sketch is read, and its layers."""
    if isinstance(network, NetworkSketch):
        return {
            "kind": "a sketch, which is compared without inputs",
            "read": network.read,
            "architecture": network.architecture,
            "hidden layers": [f"{layer.name}: {layer.units} units" for layer in network.layers],
            "inputs": network.num_inputs,
            "num_hashes": network.settings.num_hashes,
            "seed": network.settings.seed,
            "margin": network.settings.margin,
            "positions": network.settings.positions,
        }
    affine = [f"{name or '(itself)'}: {module}" for name, module in network.named_modules() if is_affine(module)]
    document: dict[str, Any] = {"kind": type(network).__name__}
    if isinstance(network, nn.Sequential):
        try:
            document |= {"read": "canonical form", "architecture": describe(network)}
        except (TypeError, ValueError) as error:
            document |= {"read": "hooks", "why": str(error).partition(". ")[0]}
    else:
        document["read"] = "hooks"
    document["affine layers"] = affine or "none"
    document["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    return document
