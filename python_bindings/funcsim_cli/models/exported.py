"""Programs of ``torch.export`` in .pt2 files."""

import logging
import pickle
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn
from unittest import mock

from funcsim.reading.graphs.conversion import as_module
from torch import nn

from ..errors import Problem
from .files import first_line, tensors_only


@dataclass
class _Seen:
    """What was noticed while a program was loaded.

    Attributes:
        refused: What would have been run.
        error: What PyTorch logged and went on from.
    """

    refused: str = ""
    error: BaseException | None = None


def load_exported(path: str, trust_pickle: bool) -> nn.Module:
    """The network in a .pt2 file of ``torch.export.save``. Nothing in it is run.

    Args:
        path: The file.
        trust_pickle: Whether what is pickled in it may be unpickled: tensors of subclasses, objects of Python's, inputs
            that aren't tensors. Formulas of sizes that aren't what PyTorch writes are run then, too.

    Raises:
        Problem: It can't be read, holds pickles, code or a compiled program.
    """
    from torch import export  # takes a second

    with ExitStack() as stack:
        seen = stack.enter_context(_quietly())
        if not trust_pickle:
            stack.enter_context(_nothing_unpickled())
            stack.enter_context(_nothing_run(seen))
        try:
            program = export.load(path)
        except pickle.UnpicklingError as error:
            raise Problem(
                f"{path} holds more than tensors",
                got="pickles of other objects",
                advice="To unpickle them runs whatever code is in them: if you trust the file, give --trust-pickle.",
            ) from error
        except Exception as error:
            if seen.refused:
                raise Problem(
                    f"{path} holds code where PyTorch writes sizes",
                    got=repr(seen.refused),
                    advice="To load it runs that: if you trust the file, give --trust-pickle.",
                ) from error
            cause = seen.error or error
            while cause.__cause__ is not None:  # which says what it is about; the rest shows parts of the program
                cause = cause.__cause__
            why = f"{type(cause).__name__}: {first_line(cause).partition('. ')[0]}"
            raise Problem(
                f"{path} can't be loaded by torch.export.load ({why})",
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


@contextmanager
def _nothing_run(seen: _Seen) -> Iterator[None]:
    """Has SymPy parse formulas only, which it evaluates as Python, and loads no machine code."""
    from sympy.parsing import sympy_parser
    from torch.export.pt2_archive import _package

    from .formulas import is_formula

    parse = sympy_parser.parse_expr

    def checked(text: str, *arguments: Any, **keywords: Any) -> Any:
        if not is_formula(text):
            seen.refused = seen.refused or text
            raise ValueError("no formula of sizes")
        return parse(text, *arguments, **keywords)

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise ValueError("it holds a compiled program")

    with mock.patch.object(sympy_parser, "parse_expr", checked), mock.patch.object(_package, "_load_aoti", refuse):
        yield


@contextmanager
def _quietly() -> Iterator[_Seen]:
    """Keeps what PyTorch logs about files that it can't load, which the error says instead; hides its own matters."""
    seen = _Seen()

    def keep(record: logging.LogRecord) -> bool:
        if record.exc_info:
            seen.error = record.exc_info[1]
        return False

    loggers = [logging.getLogger(name) for name in ("torch.export", "torch.export.pt2_archive._package")]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        with warnings.catch_warnings():
            # torch 2.11 warns of how it reads tensors itself.
            warnings.filterwarnings("ignore", message="The given buffer is not writable")
            yield seen
    finally:
        for logger in loggers:
            logger.removeFilter(keep)
