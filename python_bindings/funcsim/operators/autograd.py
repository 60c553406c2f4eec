"""What the operators say to autograd and autocast."""

# torch's registration functions have no types.
# mypy: disable-error-code="untyped-decorator"

from typing import Any, NoReturn

import torch

from .. import _library  # noqa: F401  # which loads the operators


def _register_no_gradient(name: str) -> None:
    def backward(ctx: Any, *gradients: Any) -> NoReturn:
        raise RuntimeError(
            f"funcsim::{name} has no gradient: whether a unit fires is a step function of weights and inputs. "
            f"Call it on detached tensors or under torch.no_grad()."
        )

    torch.library.register_autograd(f"funcsim::{name}", backward)


# The operators that take floating tensors and return some: integer results never ask for a gradient.
for _name in (
    "activation_correlations",
    "align_parameters",
    "canonicalize",
    "compare",
    "compare_with_chance",
    "merge_parameters",
    "network_activations",
    "network_signatures_with_moments",
):
    _register_no_gradient(_name)


# Under autocast PyTorch computes some layers in a narrower type. Which unit fires is then another question, and the
# operators refuse: here they run with autocast off, and what it would narrow is widened.
for _name in (
    "activation_correlations",
    "boundary_counts",
    "merge_parameters",
    "network_activations",
    "network_signatures",
    "network_signatures_with_moments",
    "network_sketches",
    "compare",
    "compare_with_chance",
):
    for _device in ("cpu", "cuda"):
        torch.library.register_autocast(f"funcsim::{_name}", _device, torch.float32)
