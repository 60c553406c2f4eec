"""Tensors from files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import Problem
from ..models import files

SUFFIXES = ".npy, .pt, .pth or .safetensors"


def load_tensors(path: str, key: str | None, trust_pickle: bool) -> Tensor | dict[str, Tensor]:
    """The inputs in a file: a tensor, or tensors by name where none of these is chosen and there are several.

    Args:
        path: The file.
        key: Chooses one of several tensors.
        trust_pickle: Whether a .pt file may be unpickled that holds other things than tensors.

    Raises:
        Problem: It can't be read, or has no such tensor.
    """
    suffix = Path(path).suffix
    if suffix == ".npy":
        return _without_key(path, key, _load_array(path))
    if suffix == ".safetensors":
        try:
            found: object = load_file(path)
        except SafetensorError as error:
            raise Problem(f"{path} is damaged ({error})") from error
    elif suffix in (".pt", ".pth"):
        kind = files.kind_of(path)
        if kind in (files.TORCHSCRIPT, files.EXPORTED):
            raise Problem(path, expected=f"inputs in a {SUFFIXES} file", got=f"a network, a file of {kind}")
        if kind == files.OTHER:
            raise Problem(path, expected="a tensor, or tensors by name", got=files.other_kind(path))
        found = files.load_pickled(path, trust_pickle)
    else:
        raise Problem(path, expected=f"inputs in a {SUFFIXES} file", got=f"a {suffix or 'file without suffix'}")
    if isinstance(found, Tensor):
        return _without_key(path, key, found)
    if not isinstance(found, Mapping):
        raise Problem(path, expected="a tensor, or tensors by name", got=type(found).__name__)
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    names = ", ".join(map(repr, tensors)) or "none"
    if key is not None:
        if key not in tensors:
            raise Problem(f"{path} has no tensor {key!r}", expected=f"one of {names}")
        return tensors[key]
    if not tensors:
        raise Problem(path, expected="tensors by name", got="none")
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors


def _load_array(path: str) -> Tensor:
    with Path(path).open("rb") as stream:
        start = stream.read(len(np.lib.format.MAGIC_PREFIX))
    if start != np.lib.format.MAGIC_PREFIX and not start.startswith(files.ZIP_START):
        raise Problem(path, expected="an array of numbers, as numpy.save writes it", got=files.other_kind(path))
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Problem(
            f"{path} can't be read as an array ({str(error).splitlines()[0].rstrip('.')})",
            expected="an array of numbers, as numpy.save writes it",
            advice="Arrays of objects are pickles, and are never unpickled.",
        ) from error
    if not isinstance(array, np.ndarray):
        raise Problem(path, expected="one array, as numpy.save writes it", got="several, in a .npz file")
    try:
        return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)))
    except TypeError:
        raise Problem(path, expected="an array of numbers", got=f"one of {array.dtype}") from None


def _without_key(path: str, key: str | None, tensor: Tensor) -> Tensor:
    if key is not None:
        raise Problem(f"--key {key} chooses one of several tensors", got=f"{path}, which holds one without a name")
    return tensor
