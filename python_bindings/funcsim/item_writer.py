"""One module as descriptions and operators see it, and how it is put together argument by argument."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

Value = bool | int | float | str | list[int] | list[float]

DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}


@dataclass(frozen=True)
class Item:
    """One module of a network."""

    place: str  # "3", or "3.0" in a nested Sequential
    type: str  # "Conv2d"
    text: str  # "Conv2d(1, 8, [3, 3])"
    tensors: dict[str, Tensor] = field(repr=False)  # in the operators' order; the module's own, but for computed ones


def value_text(value: Value) -> str:
    """A value as descriptions write it (docs/architecture.md)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    return str(value)


class ItemWriter:
    """Writes an Item, in the order of docs/architecture.md."""

    def __init__(self, place: str, type_name: str):
        self.place = place
        self.type = type_name
        self._arguments: list[str] = []
        self._tensors: dict[str, Tensor] = {}

    def fail(self, what: str) -> NoReturn:
        """Raises the ValueError that names the module."""
        raise ValueError(f"describe: module {self.place} ({self.type}) {what}")

    def required(self, *values: Value) -> None:
        """Positional arguments."""
        self._arguments += map(value_text, values)

    def optional(self, keyword: str, value: Value, usual: Value | None = None) -> None:
        """A keyword argument, left out where it has its default."""
        if value != usual:
            self._arguments.append(f"{keyword}={value_text(value)}")

    def integer(self, name: str, value: Any) -> int:
        """The value, if it is an integer."""
        try:
            return operator.index(value)
        except TypeError:
            self.fail(f"has {name}={value!r}; expected an integer")

    def integers(self, name: str, value: Any, length: int) -> list[int]:
        """A list of ``length`` integers; one integer stands for all of them."""
        values = list(value) if isinstance(value, Sequence) else [value]
        if len(values) == 1:
            values *= length
        if len(values) != length:
            self.fail(f"has {name}={value!r}; expected one integer or {length}")
        return [self.integer(name, element) for element in values]

    def number(self, name: str, value: Any) -> float:
        """The value, if it is a finite number."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.fail(f"has {name}={value!r}; expected a number")
        if not math.isfinite(number):
            self.fail(f"has {name}={number}; descriptions hold finite numbers only")
        return number

    def tensor(self, name: str, tensor: Any) -> None:
        """Adds a tensor that the module must have."""
        if not isinstance(tensor, Tensor):
            self.fail(f"has no {name} (it is {tensor!r})")
        if is_lazy(tensor):
            self.fail(f"has a {name} that is not initialised yet: run the network once on a batch of inputs")
        if tensor.dtype not in DTYPES:
            dtype = str(tensor.dtype).removeprefix("torch.")
            self.fail(f"has a {name} of dtype {dtype}; expected one of {', '.join(DTYPES.values())}")
        if tensor.is_meta:
            self.fail(f"has a {name} on the meta device, which holds no values")
        self._tensors[name] = tensor

    def finish(self) -> Item:
        """The Item."""
        return Item(self.place, self.type, f"{self.type}({', '.join(self._arguments)})", self._tensors)
