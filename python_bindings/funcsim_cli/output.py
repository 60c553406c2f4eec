"""How results reach people and files."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from .errors import Problem


def give(text: str, document: dict[str, Any], json_path: str | None, quiet: bool, *written: Path | None) -> None:
    """Hands a result out: as JSON where that was asked for, and to people.

    Args:
        text: For people: not with --quiet, and not where JSON goes to standard output.
        document: As JSON.
        json_path: The value of --json.
        quiet: That of --quiet.
        written: Other files that were written, if they were.
    """
    write_json(document, json_path)
    if quiet or json_path == "-":
        return
    show(text)
    for file in (json_path, *written):
        if file is not None:
            note(f"written: {file}")


def show(text: str) -> None:
    """Prints to standard output; numbers stand out on a terminal, and lines are never broken."""
    from rich.console import Console  # takes a while

    Console(soft_wrap=True, markup=False, emoji=False).print(text)


def note(text: str, quiet: bool = False) -> None:
    """Prints what isn't the result, to standard error."""
    if not quiet:
        print(text, file=sys.stderr)


def check_writable(option: str, path: str | os.PathLike[str] | None) -> None:
    """Checks before long work that there is a folder for its result.

    Raises:
        Problem: There is none, or the path is a folder.
    """
    if path is None or path == "-":
        return
    file = Path(path)
    if file.is_dir():
        raise Problem(f"{option} {file}", expected="a file to write", got="a folder")
    if not file.parent.is_dir():
        raise Problem(
            f"{option} {file}", expected="a file in a folder that exists", got=f"no folder {file.parent}",
            advice=f"Make it first: mkdir -p {file.parent}.",
        )  # fmt: skip


def write_json(document: dict[str, Any], path: str | None) -> None:
    """Writes a result as JSON to a file, or prints it for "-"."""
    if path is None:
        return
    text = json.dumps(document, indent=2, allow_nan=False)
    if path == "-":
        print(text)
    else:
        Path(path).write_text(f"{text}\n", encoding="utf-8")
