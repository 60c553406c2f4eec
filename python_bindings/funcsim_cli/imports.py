"""Objects by their import path, ``package.module:name``."""

import importlib
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import Problem

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def meant(path: str) -> str:
    """A question on which file was meant, or nothing."""
    file = Path(path)
    if not file.name or not file.parent.is_dir():
        return ""
    names = {found.name.lower(): found.name for found in file.parent.iterdir()}
    close = get_close_matches(file.name.lower(), names, n=1, cutoff=0.8)
    return f"Did you mean {file.parent / names[close[0]]}?" if close else ""


def is_import_path(text: str) -> bool:
    """Whether a text looks like one."""
    return IMPORT_PATH.fullmatch(text) is not None


def look_in_working_folder() -> None:
    """Has modules imported from there too, as ``python -m`` has it and a script of this name hasn't."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def import_object(path: str) -> Any:
    """Imports a module, also from the working folder, and takes an object from it.

    Raises:
        Problem: There is no such module, it can't be imported, or it has no such object.
    """
    module_name, _, name = path.partition(":")
    look_in_working_folder()
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise Problem(
            f"{path}: no module {error.name}",
            advice="It is looked for in the working folder and where Python's packages are. Is it spelt right, and "
            "installed in the environment of this command?",
        ) from error
    except (Exception, SystemExit) as error:
        raise Problem(f"{path}: importing {module_name} fails: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            public = ", ".join(sorted(key for key in vars(sys.modules[module_name]) if not key.startswith("_")))
            raise Problem(
                f"{path}: {module_name} has no {name}", advice=f"It has {public}." if public else "It is empty."
            ) from None
    return found


def call_without_arguments(path: str, function: Any, wanted: str) -> Any:
    """What a function returns.

    Args:
        path: Where it comes from, for messages.
        function: The function.
        wanted: What it should return, for messages.

    Raises:
        Problem: It fails.
    """
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise Problem(
            f"{path}() fails: {type(error).__name__}: {error}",
            advice=f"It is called without arguments and must return {wanted}.",
        ) from error
