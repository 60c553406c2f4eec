"""Inputs as they come, cut into the pieces that networks are run on."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

Inputs = Tensor | Iterable[Any]

# Inputs that are sketched, and shuffled among themselves, at a time: the same in every front of funcsim, since it
# decides the chance level of sketches.
BLOCK_INPUTS = 4096

# What is copied out of batches at a time.
CHUNK_BYTES = 1 << 28

# Names that models and data sets use for what a model reads.
INPUT_KEYS = ("input", "inputs", "x", "data", "image", "images", "img", "pixel_values", "input_values", "features")
# And for what it is trained to give.
TARGET_KEYS = ("target", "targets", "label", "labels", "y")
ARRAY_HINT = "; torch.from_numpy makes a tensor of an array"


def model_input(batch: object, place: str) -> Tensor:
    """The model's own input of a batch.

    A tensor is it; of a tuple or list it is the first element; of a mapping the value of the one key that is among
    INPUT_KEYS, or else its only tensor.

    Args:
        batch: What came.
        place: "batch 3", for messages.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, tuple | list):
        if not batch:
            raise ValueError(
                f"{place} is an empty {type(batch).__name__}; expected the model's input as its first element"
            )
        if isinstance(batch[0], Tensor):
            return batch[0]
        raise TypeError(
            f"{place} is a {type(batch).__name__} whose first element is a {type(batch[0]).__name__}; expected the "
            f"model's input, a tensor"
        )
    if isinstance(batch, Mapping):
        named = [key for key in batch if key in INPUT_KEYS]
        found = named or [key for key, value in batch.items() if isinstance(value, Tensor)]
        if len(found) == 1 and isinstance(batch[found[0]], Tensor):
            tensor: Tensor = batch[found[0]]
            return tensor
        raise ValueError(
            f"{place} has the keys {', '.join(map(repr, batch))}, of which the model's input can't be told; expected a "
            f"tensor under one of {', '.join(map(repr, INPUT_KEYS))}, or a single tensor"
        )
    hint = ARRAY_HINT if type(batch).__module__ == "numpy" else ""
    raise TypeError(f"{place} is a {type(batch).__name__}; expected a tensor, tuple, list or mapping{hint}")


def batch_targets(batch: object) -> Tensor | None:
    """What a model should give for a batch, if the batch says so.

    Of a tuple or list it is the second element, of a mapping the value of the one key that is among TARGET_KEYS, where
    that is a tensor.
    """
    found: object = None
    if isinstance(batch, tuple | list) and len(batch) > 1:
        found = batch[1]
    elif isinstance(batch, Mapping):
        named = [key for key in batch if key in TARGET_KEYS]
        found = batch[named[0]] if len(named) == 1 else None
    return found if isinstance(found, Tensor) else None


def check_iterable(inputs: object) -> None:
    """Checks that inputs that are no tensor can be batches."""
    of_numpy = type(inputs).__module__ == "numpy"
    if of_numpy or isinstance(inputs, Mapping | str | bytes) or not isinstance(inputs, Iterable):
        raise TypeError(
            f"inputs are a {type(inputs).__name__}; expected a tensor [inputs, features...] or an iterable of batches, "
            f"for example a DataLoader{ARRAY_HINT if of_numpy else ''}"
        )


def whole_batches(inputs: Iterable[Any]) -> Iterator[Any]:
    """The batches of an iterable, of which there is at least one."""
    check_iterable(inputs)
    count = 0
    for batch in inputs:
        yield batch
        count += 1
    if count == 0:
        raise ValueError(
            "inputs gave no batches. A generator or iterator gives its batches once only: was it used before?"
        )


def _batches(inputs: Inputs) -> Iterator[tuple[Tensor, str]]:
    """The model's input of every batch, and what to call it in messages."""
    if isinstance(inputs, Tensor):
        yield inputs, "inputs"
        return
    for count, batch in enumerate(whole_batches(inputs)):
        yield model_input(batch, f"batch {count}"), f"batch {count}"


def check_tensor(batch: Tensor, place: str) -> None:
    """Checks that a tensor can be [inputs, features...].

    Args:
        batch: What came.
        place: "inputs" or "batch 3", for messages.
    """
    if batch.is_nested:
        raise ValueError(f"{place} must be a dense tensor [inputs, features...], got a nested tensor")
    if batch.dim() < 2:
        raise ValueError(
            f"{place} must be [inputs, features...], with at least 2 dimensions, got shape {list(batch.shape)}"
        )
    if batch.layout is not torch.strided:
        raise ValueError(f"{place} must be a dense tensor, got layout {batch.layout}")


def _checked_batches(inputs: Inputs) -> Iterator[Tensor]:
    """Batches of [inputs, features...], all alike."""
    first: Tensor | None = None
    for batch, place in _batches(inputs):
        check_tensor(batch, place)
        first = batch if first is None else first
        for what, expected, got in (
            ("inputs of shape", list(first.shape[1:]), list(batch.shape[1:])),
            ("dtype", first.dtype, batch.dtype),
            ("device", first.device, batch.device),
        ):
            if expected != got:
                raise ValueError(f"{place} has {what} {got}, but the batches before have {expected}")
        if batch.is_meta:
            raise ValueError(f"{place} must hold values, got a tensor on the meta device")
        yield batch.detach()


def chunk_size(input_shape: Iterable[int], element_size: int) -> int:
    """Inputs that are run at a time: a power of two, from 64 to BLOCK_INPUTS, that depends on the inputs' shape only.

    Always the same cuts, whatever batches came, since a sum may be rounded in another way in a batch of another size.
    Multiples of 64, since the signatures of such chunks are whole bytes and join.
    """
    size = BLOCK_INPUTS
    while size > 64 and size * math.prod(input_shape) * element_size > CHUNK_BYTES:
        size //= 2
    return size


def chunks(inputs: Inputs) -> Iterator[Tensor]:
    """The inputs in order in chunks of chunk_size, of which the last may be shorter.

    A chunk is valid until the next one is asked for. Batches are copied where they don't fill chunks, so that an
    iterable may reuse its memory.
    """
    buffer: Tensor | None = None
    filled = total = 0
    for batch in _checked_batches(inputs):
        size = chunk_size(batch.shape[1:], batch.element_size())
        total += len(batch)
        start = 0
        while start < len(batch):
            part = batch[start : start + size - filled]
            start += len(part)
            if len(part) == size or isinstance(inputs, Tensor):
                yield part
                continue
            if buffer is None:
                buffer = torch.empty((size, *batch.shape[1:]), dtype=batch.dtype, device=batch.device)
            buffer[filled : filled + len(part)] = part
            filled = (filled + len(part)) % size
            if filled == 0:
                yield buffer
    if buffer is not None and filled:
        yield buffer[:filled]
    if total == 0:
        raise ValueError("inputs must hold at least one input, got none")
