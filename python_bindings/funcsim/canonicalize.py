"""The canonical form of a network as a network."""

import torch
from torch import nn

from .describe import architecture_text, detached_tensors, read_items
from .modes import exact_arithmetic
from .set_parameters import check_settable, copy_with


def canonicalize(model: nn.Sequential) -> nn.Sequential:
    """A new network that computes the same function (to rounding), its hidden units scaled to norm 1.

    Each hidden unit's incoming weights are divided by their L2 norm and its outgoing weights multiplied by it wherever
    the layers in between allow it, so that networks which differ by such a scaling have equal canonical forms. A
    BatchNorm directly after an affine layer is folded into it and becomes the identity (docs/mathematics.md,
    section 2). float16 and bfloat16 are computed in float32.

    Parameters alone don't tell rows [N, features] from tokens [N, T, features]: a BatchNorm1d right behind a Linear (or
    a PReLU with several slopes) that has as many features as the Linear has units is taken to act on units. In a
    network that is given tokens there, T of them with T equal to the number of units, it acts on tokens, and the
    result does not compute the same function. (:func:`compare` with a margin knows the inputs, and refuses these.)

    Args:
        model: A Sequential that :func:`describe` can read, with a hidden layer, on the CPU or on CUDA. It isn't
            changed.

    Returns:
        A deep copy with other parameters. Training modes, ``requires_grad``, dtypes and what else belongs to modules
        are as in the original; gradients are not copied.

    Raises:
        TypeError, ValueError: As :func:`describe`, and for modules with parametrisations (``torch.nn.utils``), whose
            weights can't be set.
        RuntimeError: For networks without a hidden layer, weights that aren't finite, and where a unit loses its
            identity on the way to the next affine layer: the message names the place.
    """
    items = read_items(model)
    check_settable("canonicalize", model)
    with exact_arithmetic():
        return copy_with(model, torch.ops.funcsim.canonicalize(architecture_text(items), detached_tensors(items)))
