"""What kind of file something is, told by its content, and files that may hold pickles."""

import json
import os
import pickle
import warnings
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from ..errors import Problem
from ..imports import look_in_working_folder

TORCHSCRIPT, EXPORTED, TORCH_SAVE, SAFETENSORS, SKETCH, PICKLE, OTHER = (
    "TorchScript",
    "torch.export",
    "torch.save",
    "safetensors",
    "sketch",
    "pickle",
    "other",
)
EXPORTED_MARKS = ("archive_format", "serialized_exported_program.json")
ZIP_START = b"PK\x03\x04"
PICKLE_START = b"\x80"
# Of a safetensors file: a length of 8 bytes, and a JSON document of no more than that.
MOST_HEADER = 100 << 20


def kind_of(path: str) -> str:
    """The kind of a file, without unpickling anything.

    Raises:
        Problem: It is a folder.
        OSError: It can't be read.
    """
    file = Path(path)
    if file.is_dir():
        raise Problem(path, expected="a file that holds a network", got="a folder")
    with file.open("rb") as stream:
        start = stream.read(8)
        if zipfile.is_zipfile(stream):
            names = zipfile.ZipFile(stream).namelist()
            if any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names):
                return TORCHSCRIPT
            if any(name.endswith(EXPORTED_MARKS) for name in names):
                return EXPORTED
            return TORCH_SAVE if any(name.endswith("data.pkl") for name in names) else OTHER
        length = int.from_bytes(start, "little")
        stream.seek(8)
        if len(start) == 8 and 2 <= length <= min(MOST_HEADER, file.stat().st_size - 8):
            try:
                header = json.loads(stream.read(length))
            except ValueError:
                header = None
            if isinstance(header, dict):
                return SKETCH if "funcsim_sketch" in (header.get("__metadata__") or {}) else SAFETENSORS
    return PICKLE if start.startswith(PICKLE_START) else OTHER


def other_kind(path: str) -> str:
    """What is said of a file of kind ``OTHER``."""
    with Path(path).open("rb") as stream:
        start = stream.read(len(ZIP_START))
    if not start:
        return "an empty file"
    cut_off = start == ZIP_START and not zipfile.is_zipfile(path)
    return "a file that is damaged or was cut off" if cut_off else "a file of another kind"


def tensors_only() -> AbstractContextManager[Any]:
    """Has ``torch.load`` read tensors only, whatever its callers ask for."""
    return mock.patch.dict(os.environ, {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"})


def load_pickled(path: str, trust_pickle: bool) -> Any:
    """What ``torch.save`` wrote: tensors and containers of such; any objects with --trust-pickle only.

    Raises:
        Problem: It holds other things, or is damaged.
    """
    if trust_pickle:  # which imports the classes of what is in it
        look_in_working_folder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of another kind, which the error is about too
            return torch.load(path, map_location="cpu", weights_only=not trust_pickle)
    except pickle.UnpicklingError as error:
        if trust_pickle:
            raise Problem(f"{path} can't be unpickled ({first_line(error)}): it is damaged, or no pickle") from error
        raise Problem(
            f"{path} holds more than tensors",
            expected="a state dict, which torch.save(network.state_dict(), path) writes",
            got="a pickle of other objects",
            advice="To unpickle it runs whatever code is in it: if you trust the file, give --trust-pickle.",
        ) from error
    except (RuntimeError, EOFError, ValueError, AttributeError, ImportError, KeyError) as error:
        raise Problem(
            f"{path} can't be loaded ({type(error).__name__}: {first_line(error)}): it is damaged, or holds objects "
            f"of classes that aren't installed here"
        ) from error


def first_line(error: BaseException) -> str:
    """Of what an error says."""
    return (str(error).splitlines() or [""])[0].rstrip(".")
