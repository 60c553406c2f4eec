"""Which affine modules a module runs, in which order, and where their pre-activations come out."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)
NORMALISATION_NAME = re.compile(r"Norm(\dd)?$")  # FrozenBatchNorm2d, LlamaRMSNorm
# Classes that do what a Linear does and don't derive from it: where they are and what they are called.
LINEAR_TOO = (("transformers", "Conv1D"), ("torch.ao.nn.quantized.dynamic", "Linear"))
WRAPPERS = {"_orig_mod"}  # parts of names that torch.compile puts in

Key = tuple[str, int]  # name of a module, and the how manieth of its calls in a pass, from 1


def is_affine(module: nn.Module) -> bool:
    """Linear, convolutions, transposed ones, what derives from these, and LINEAR_TOO."""
    kind = type(module)
    linear_too = any(kind.__name__ == name and kind.__module__.startswith(f"{where}.") for where, name in LINEAR_TOO)
    return isinstance(module, nn.Linear | _ConvNd) or linear_too


def is_normalisation(module: nn.Module) -> bool:
    """PyTorch's normalisation modules, classes derived from them, and modules that are so named and hold no others."""
    named_so = NORMALISATION_NAME.search(type(module).__name__) is not None and not any(True for _ in module.children())
    return not is_affine(module) and (isinstance(module, NORMALISATIONS) or named_so)


def unit_axis(module: nn.Module, dimensions: int) -> int:
    """The axis of an affine module's output that counts units."""
    if isinstance(module, _ConvNd):
        return dimensions - 1 - len(module.kernel_size)
    return dimensions - 1


def plain_name(name: str) -> str:
    """A module's name without the parts that ``torch.compile`` puts in."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def module_names(model: nn.Module) -> dict[nn.Module, str]:
    """The first name of every module."""
    return {module: plain_name(name) for name, module in model.named_modules()}


@dataclass(eq=False)
class AffineCall:
    """One call of an affine module in a pass.

    Attributes:
        module: The affine module.
        name: Its name, and "#2" and so on from its second call on.
        key: Which call that is.
        source: The call whose output is the pre-activation: this one, or that of a normalisation of its output.
        output: The pre-activation.
    """

    module: nn.Module
    name: str
    key: Key
    source: Key
    output: Any = field(repr=False)


@contextmanager
def hooked(model: nn.Module, see: Callable[[nn.Module, Key, Any, Any], None]) -> Iterator[Counter[str]]:
    """Has a function see every call of the affine modules and normalisations of a module.

    Args:
        model: What will be run.
        see: Is given the module that was called, which call of it that is, its first argument and its output.

    Yields:
        How often each module was called.
    """
    calls: Counter[str] = Counter()
    handles = []

    def hook_of(name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def hook(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            calls[name] += 1
            first = next(iter((*arguments, *keywords.values())), None)
            see(module, (name, calls[name]), first, output)

        return hook

    try:
        for module, name in module_names(model).items():
            if is_affine(module) or is_normalisation(module):
                handles.append(module.register_forward_hook(hook_of(name), with_kwargs=True))
        yield calls
    finally:
        for handle in handles:
            handle.remove()


class CallFinder:
    """Finds the affine calls of one pass: what :func:`hooked` shows calls to."""

    def __init__(self) -> None:
        self.calls: list[AffineCall] = []
        self._versions: dict[int, int] = {}  # of outputs, by the index of their call

    def see(self, module: nn.Module, key: Key, argument: Any, output: Any) -> None:
        """Takes note of one call."""
        if is_affine(module):
            name, number = key
            self.calls.append(AffineCall(module, name if number == 1 else f"{name}#{number}", key, key, output))
            self._note_version(len(self.calls) - 1)
            return
        if not (isinstance(argument, Tensor) and isinstance(output, Tensor) and argument.shape == output.shape):
            return
        for index, call in enumerate(self.calls):
            if self._is_unchanged(index, argument):
                call.source, call.output = key, output
                self._note_version(index)

    def _note_version(self, index: int) -> None:
        output = self.calls[index].output
        if isinstance(output, Tensor) and not output.is_inference():
            self._versions[index] = output._version

    def _is_unchanged(self, index: int, tensor: Tensor) -> bool:
        """Whether a tensor is the very one that a call gave, and nothing was written into it since."""
        output = self.calls[index].output
        if not isinstance(output, Tensor):
            return False
        same = tensor is output or (
            tensor.data_ptr() == output.data_ptr()
            and tensor.shape == output.shape
            and tensor.stride() == output.stride()
            and tensor.numel() > 0
        )
        return same and (output.is_inference() or output._version == self._versions[index])
