"""Batches of any form: tensors in mappings, tuples, lists and dataclasses, and how they are cut."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .inputs import BLOCK_INPUTS, Inputs, chunks, whole_batches


def map_tensors(change: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """The same batch with other tensors. Mappings become dicts; what is neither tensor nor container stays."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: map_tensors(change, value) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        elements = [map_tensors(change, element) for element in batch]
        return type(batch)(*elements) if hasattr(batch, "_fields") else type(batch)(elements)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        fields = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch) if field.init}
        return dataclasses.replace(batch, **{name: map_tensors(change, value) for name, value in fields.items()})
    return batch


def named_tensors(batch: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a batch with the keys and numbers that lead to them, in order."""
    if isinstance(batch, Tensor):
        yield path, batch
        return
    if isinstance(batch, Mapping):
        inner: Iterable[tuple[Any, Any]] = batch.items()
    elif isinstance(batch, tuple | list):
        inner = enumerate(batch)
    elif dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        inner = ((field.name, getattr(batch, field.name)) for field in dataclasses.fields(batch) if field.init)
    else:
        return
    for key, value in inner:
        yield from named_tensors(value, f"{path}.{key}" if path else str(key))


def num_inputs(batch: Any) -> int:
    """How many inputs a batch holds: the first size of its first tensor that has sizes; 0 without any."""
    return next((len(tensor) for _, tensor in named_tensors(batch) if tensor.dim() > 0), 0)


def _of_inputs(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The batch with the tensors changed that have a row for each input."""
    count = num_inputs(batch)
    return map_tensors(lambda tensor: change(tensor) if tensor.dim() > 0 and len(tensor) == count else tensor, batch)


def take_inputs(batch: Any, indices: list[int]) -> Any:
    """The inputs of these numbers, in a batch of the same form."""
    return _of_inputs(batch, lambda tensor: tensor[torch.tensor(indices, device=tensor.device)])


def cut_inputs(batch: Any, start: int, end: int) -> Any:
    """The inputs from ``start`` to ``end`` of a batch, views in one of the same form."""
    if start == 0 and end == num_inputs(batch):
        return batch
    return _of_inputs(batch, lambda tensor: tensor[start:end])


def on_device(batch: Any, device: torch.device) -> Any:
    """The batch with what is on the CPU copied to a device; from one device to another nothing goes unasked."""
    return map_tensors(lambda tensor: tensor.to(device) if tensor.is_cpu else tensor, batch)


def _without_targets(batch: Any) -> Any:
    """A batch itself, or its first element where it is a tuple or list, whose others are targets."""
    return batch[0] if isinstance(batch, tuple | list) and batch else batch


def pieces(inputs: Inputs | Mapping[Any, Any], *, whole: bool) -> Iterator[Any]:
    """The inputs of modules that are run, in order, in pieces that don't go beyond a block of 4096.

    Of batches of tensors, and of tuples whose first element is one, these are chunks of tensors, always the same
    whatever batches came. Others come as they are, since tensors of different batches may differ in size.

    Args:
        inputs: A tensor, batches, or one mapping.
        whole: Whether all of a batch is wanted, and not what a model is usually called with.
    """
    if isinstance(inputs, Tensor):
        yield from chunks(inputs)
        return
    batches = whole_batches([inputs] if isinstance(inputs, Mapping) else inputs)
    first = next(batches)
    again = _chained(first, batches)
    if not (whole or isinstance(_without_targets(first), Mapping)):
        yield from chunks(again)
        return
    done = 0
    for place, batch in enumerate(again):
        wanted = batch if whole else _without_targets(batch)
        if not whole and not isinstance(wanted, Mapping):
            raise TypeError(f"batch {place} is a {type(batch).__name__}, but the batches before hold mappings")
        count = num_inputs(wanted)
        if count == 0:
            if any(True for _ in named_tensors(wanted)):
                continue  # tensors without rows, as the last batch of a stream may have
            raise TypeError(f"batch {place} ({type(batch).__name__}) holds no tensors")
        start = 0
        while start < count:
            end = min(count, start + BLOCK_INPUTS - done % BLOCK_INPUTS)
            yield map_tensors(Tensor.detach, cut_inputs(wanted, start, end))
            done += end - start
            start = end
    if done == 0:
        raise ValueError("inputs must hold at least one input, got none")


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
