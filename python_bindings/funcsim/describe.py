"""A Sequential as operators take it: one line of text and a list of tensors."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from .item_writer import Item, ItemWriter
from .module_writers import ALIASES, WRITERS


def describe(model: nn.Sequential) -> str:
    """The architecture as one line of text (docs/architecture.md): what operators take as ``architecture``.

    Equal for equal networks, and equal to what C++'s ``funcsim::describe`` gives. Nested Sequentials are written flat.
    What doesn't change the function in eval mode isn't written: the p of dropouts, ``inplace``, momentum.

    Args:
        model: A ``torch.nn.Sequential`` of the modules that docs/architecture.md lists. It is not changed.

    Returns:
        For example ``"funcsim/1: Linear(8, 4); ReLU(); Linear(4, 2)"``.

    Raises:
        TypeError: ``model`` is no Sequential.
        ValueError: Names the module's place ("3", or "3.0" in a nested one) and type: not supported or derived from a
            supported one; with parameters and used twice, or sharing a tensor or its memory with another module; not
            initialised yet; with forward hooks, which operators would not run; a BatchNorm without running statistics;
            options that can't be written (``Softmax(dim=None)``, ``return_indices``, an Unflatten of a named dimension,
            numbers that aren't finite); tensors that aren't float32, float64, float16 or bfloat16 or are on the meta
            device.
    """
    return architecture_text(read_items(model))


def parameters(model: nn.Sequential) -> list[Tensor]:
    """The tensors that operators take as ``parameters``: in the order of ``state_dict()``, no num_batches_tracked.

    They are detached and share memory with the modules, except for parametrised ones
    (``torch.nn.utils.parametrize``), of which they are what the parametrisation gives in eval mode.

    Args:
        model: A Sequential that :func:`describe` can read. It is not changed.

    Raises:
        TypeError, ValueError: As :func:`describe`.
    """
    return detached_tensors(read_items(model))


def architecture_text(items: list[Item]) -> str:
    """The description of items."""
    return "funcsim/1: " + "; ".join(item.text for item in items)


def detached_tensors(items: list[Item]) -> list[Tensor]:
    """All tensors of items, detached."""
    return [tensor.detach() for item in items for tensor in item.tensors.values()]


def read_items(model: nn.Sequential) -> list[Item]:
    """The modules of a Sequential in the order they run, after checking that they can be described."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"describe: expected a torch.nn.Sequential, got {_type_name(type(model))}")
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"describe: expected a torch.nn.Sequential, got the module {_type_name(type(model))}")
    reader = _Reader()
    reader.read_sequential(model, "")
    return reader.items


class _Reader:
    """Collects the items of a Sequential and of those nested in it."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._places: dict[int, str] = {}  # of modules with tensors and of their tensors, by id
        self._memory: dict[tuple[object, ...], str] = {}  # places of tensors, by address, shape and strides

    def read_sequential(self, sequential: nn.Sequential, place: str) -> None:
        if type(sequential) is not nn.Sequential:
            _fail_unsupported(
                sequential,
                place,
                ": it derives from Sequential, and its forward() may compute anything; where it runs its modules in "
                "order, make it a torch.nn.Sequential",
            )
        _check_plain_forward(sequential, place)
        # Not children(), which would leave out repeated modules.
        for name, module in sequential._modules.items():
            inner = f"{place}.{name}" if place else name
            if isinstance(module, nn.Sequential):
                self.read_sequential(module, inner)
            else:
                self.items.append(self._read_module(module, inner))

    def _read_module(self, module: nn.Module | None, place: str) -> Item:
        if not isinstance(module, nn.Module):
            raise ValueError(f"describe: module {place} is {module!r}; expected a module")
        if isinstance(module, LazyModuleMixin):
            raise ValueError(
                f"describe: module {place} ({_type_name(type(module))}) is not initialised yet: run the network once "
                f"on a batch of inputs"
            )
        kind = type_before_parametrizations(module)
        if kind not in WRITERS:
            _fail_unsupported(module, place)
        _check_plain_forward(module, place)
        writer = ItemWriter(place, ALIASES.get(kind, kind.__name__))
        with _parametrizations_in_eval_mode(module):
            WRITERS[kind](module, writer)
        item = writer.finish()
        self._check_is_new(module, item)
        return item

    def _check_is_new(self, module: nn.Module, item: Item) -> None:
        if item.tensors and (first := self._places.setdefault(id(module), item.place)) != item.place:
            raise ValueError(
                f"describe: modules {first} and {item.place} are the same {item.type}: a module with parameters can be "
                f"used once only, since its units would belong to two layers"
            )
        for tensor in item.tensors.values():
            first = self._places.setdefault(id(tensor), item.place)
            if first == item.place and tensor.numel() > 0:
                # A view of another form, as the transpose that an autoencoder's decoder may have, is another tensor.
                memory = (tensor.data_ptr(), tensor.shape, tensor.stride())
                first = self._memory.setdefault(memory, item.place)
            if first != item.place:
                raise ValueError(
                    f"describe: modules {first} and {item.place} share a tensor of shape {list(tensor.shape)}: it can "
                    f"be used once only, since its units would belong to two layers"
                )


def _check_plain_forward(module: nn.Module, place: str) -> None:
    """Operators compute what the module's class says, so nothing may have been hung into it that computes more."""
    found = None
    if module._forward_pre_hooks or module._forward_hooks:
        found = "forward hooks"
    elif "forward" in vars(module):
        found = "a forward() of its own, set on the object"
    if found is not None:
        raise ValueError(
            f"describe: module {place or '(the network itself)'} ({_type_name(type(module))}) has {found}, which may "
            f"change what it computes, and which funcsim would not run. Remove them first (hooks of torch.nn.utils: "
            f"prune.remove, remove_weight_norm, remove_spectral_norm)"
        )


@contextmanager
def _parametrizations_in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Parametrisations may do other things in training mode, spectral_norm for one changes its state."""
    lists = module.parametrizations if is_parametrized(module) else None
    inner = list(lists.modules()) if isinstance(lists, nn.Module) else []
    modes = [parametrization.training for parametrization in inner]
    try:
        for parametrization in inner:
            parametrization.training = False
        with torch.no_grad():
            yield
    finally:
        for parametrization, training in zip(inner, modes, strict=True):
            parametrization.training = training


def _type_name(kind: type) -> str:
    is_torchs = kind.__module__.startswith("torch.nn.") or kind.__module__ == "builtins"
    return kind.__name__ if is_torchs else f"{kind.__module__}.{kind.__qualname__}"


def _fail_unsupported(module: nn.Module, place: str, why: str = "") -> None:
    supported = ", ".join(["Sequential", *(kind.__name__ for kind in WRITERS)])
    raise ValueError(
        f"describe: module {place or '(the network itself)'} ({_type_name(type(module))}) is not supported{why}. "
        f"Supported are {supported}, and no classes derived from these."
    )
