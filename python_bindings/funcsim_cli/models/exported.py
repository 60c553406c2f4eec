"""Programs of ``torch.export`` in .pt2 files."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn
from unittest import mock

from funcsim.reading.graphs.conversion import as_module
from torch import nn

from ..errors import Problem
from .files import tensors_only


def load_exported(path: str, trust_pickle: bool) -> nn.Module:
    """The network in a .pt2 file of ``torch.export.save``.

    Args:
        path: The file.
        trust_pickle: Whether what is pickled in it may be unpickled: tensors of subclasses, objects of Python's, inputs
            that aren't tensors.

    Raises:
        Problem: It can't be read, holds pickles or a compiled program.
    """
    from torch import export  # takes a second

    try:
        with nullcontext() if trust_pickle else _nothing_unpickled():
            program = export.load(path)
    except pickle.UnpicklingError as error:
        raise Problem(
            f"{path} holds more than tensors",
            got="pickles of other objects",
            advice="To unpickle them runs whatever code is in them: if you trust the file, give --trust-pickle.",
        ) from error
    except Exception as error:
        raise Problem(
            f"{path} can't be loaded by torch.export.load ({type(error).__name__}: {_first_line(error)})",
            expected="what torch.export.save wrote, by this version of torch or an older one",
            advice="Packages of AOTInductor hold machine code, in which no layers can be seen.",
        ) from error
    try:
        module: nn.Module = as_module(program)
    except ValueError as error:
        raise Problem(f"{path} can't be followed: {error}") from error
    return module


@contextmanager
def _nothing_unpickled() -> Iterator[None]:
    """Has ``torch.load`` read tensors only, and pickle nothing at all."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise pickle.UnpicklingError("objects of Python's are not unpickled")

    with (
        tensors_only(),
        mock.patch.object(pickle, "loads", refuse),
        mock.patch.object(pickle, "load", refuse),
    ):
        yield


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")
