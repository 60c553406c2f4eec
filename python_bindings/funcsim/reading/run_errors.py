"""Errors while networks are run: with what they were given, and what can be done."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .batches import map_tensors, named_tensors

# Dtypes that operators take one for the other (docs/modules.md).
WIDENED = (torch.float16, torch.bfloat16, torch.float32)
OF_DTYPES = re.compile(r"dtype|scalar type|\b(Byte|Char|Short|Int|Long|Half|BFloat16|Float|Double)\b|\w+Tensor")
MOST_TENSORS = 3


class NaNFound(RuntimeError):  # noqa: N818  # it says what was found
    """NaN on the way to a hidden layer, of inputs that hold none: the network has diverged."""


def holds_nan(piece: Any) -> bool:
    """Whether inputs hold NaN."""
    return any(tensor.is_floating_point() and bool(tensor.isnan().any()) for _, tensor in named_tensors(piece))


def nan_error(message: str, *, in_inputs: bool) -> RuntimeError:
    """What to raise where a message says that there was NaN."""
    return RuntimeError(f"{message} (the inputs hold NaN)") if in_inputs else NaNFound(message)


def parameter_dtype(model: nn.Module) -> torch.dtype | None:
    """The one dtype of all parameters with a fraction; None where there are several or none."""
    dtypes = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    return dtypes.pop() if len(dtypes) == 1 else None


def in_dtype(dtype: torch.dtype | None, batch: Any) -> Any:
    """A batch with numbers of float16, bfloat16 and float32 converted to that one of them which a module has."""
    if dtype not in WIDENED:
        return batch

    def convert(tensor: Tensor) -> Tensor:
        return tensor.to(dtype) if tensor.dtype in WIDENED else tensor

    return map_tensors(convert, batch)


def explained(run: Callable[[], Any], model: nn.Module, batch: Any, *, first: bool) -> Any:
    """Runs a module, and says of what PyTorch complains about what it was given.

    Args:
        run: Runs it.
        model: The module.
        batch: What it is run on.
        first: Whether it is run to find its layers.
    """
    try:
        return run()
    except RuntimeError as error:
        if type(error) is not RuntimeError or str(error).startswith("layer "):  # said of a layer already
            raise
        raise RuntimeError(f"{str(error).rstrip('. ')}. {_hint(str(error), model, batch, first=first)}") from error


def _hint(message: str, model: nn.Module, batch: Any, *, first: bool) -> str:
    tensors = list(named_tensors(batch))
    given = [f"{f'{path} ' if path else ''}{_name(t.dtype)} {list(t.shape)}" for path, t in tensors[:MOST_TENSORS]]
    text = f"The module was given {', '.join(given)}{' and more' if len(tensors) > MOST_TENSORS else ''}"
    if first:
        text += ", of these 2 inputs and then 3: it must take any number"
    if "grad" in message:
        text += (
            "; modules are run without gradients, and call= can switch them on: "
            "call=torch.enable_grad()(lambda model, batch: model(batch))"
        )
    dtype = parameter_dtype(model)
    others = [tensor.dtype for _, tensor in tensors if tensor.dtype != dtype]
    if dtype is not None and others and OF_DTYPES.search(message):
        text += f"; its parameters are {_name(dtype)}: {conversion(others[0], dtype)}"
    return text


def conversion(given: torch.dtype, wanted: torch.dtype) -> str:
    """What to do with inputs of another dtype than the parameters'."""
    if given.is_floating_point:
        return f"convert the inputs, for example inputs.to({wanted})"
    return f"convert the inputs as in training, for example pixels by inputs.to({wanted}) / 255"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
