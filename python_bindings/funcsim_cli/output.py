"""How results reach people and files."""

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import Problem


def give(
    text: str,
    document: dict[str, Any],
    json_path: str | None,
    quiet: bool,
    files: Mapping[Path, Callable[[], None]] | None = None,
) -> None:
    """Hands a result out, to people first: what can't be written must not take it with it.

    Args:
        text: For people: not with --quiet, and not where JSON goes to standard output.
        document: As JSON.
        json_path: The value of --json.
        quiet: That of --quiet.
        files: Other files, and what writes them.

    Raises:
        Exception: Of the first file that couldn't be written; the others were.
    """
    quiet = quiet or json_path == "-"
    if not quiet:
        show(text)
    if json_path == "-":
        print(_as_json(document))
    writers = {} if files is None else dict(files)
    if json_path is not None and json_path != "-":
        file = Path(json_path)
        writers = {file: lambda: _write_json(document, file), **writers}
    problems = []
    for path, write in writers.items():
        try:
            write()
        except Exception as error:
            problems.append(error)
        else:
            note(f"written: {path}", quiet)
    for problem in problems:
        raise problem


def show(text: str) -> None:
    """Prints to standard output; numbers stand out on a terminal, and lines are never broken."""
    from rich.console import Console  # takes a while

    Console(soft_wrap=True, markup=False, emoji=False).print(text)


def note(text: str, quiet: bool = False) -> None:
    """Prints what isn't the result, to standard error."""
    if not quiet:
        print(text, file=sys.stderr)


def check_outputs(outputs: Mapping[str, str | os.PathLike[str] | None], *sources: str | None) -> None:
    """Checks before long work that its results can be written, and that nothing else is lost by that.

    Args:
        outputs: Files by the options that name them.
        sources: What networks and inputs are taken from.

    Raises:
        Problem: There is no such folder, a path is a folder or can't be written, names a source or another output, or a
            file that a command of this kind doesn't write.
    """
    taken = [Path(file) for source in sources if source for file in (source, source.partition("@")[0]) if file]
    places: dict[Path, str] = {}
    for option, given in outputs.items():
        if given is None or (option == "--json" and str(given) == "-"):
            continue
        file = Path(given)
        shown = f"{option} {file}"
        _check_place(shown, file)
        if other := places.get(file.resolve()):
            raise Problem(f"{other} and {shown} are the same file", expected="two files")
        places[file.resolve()] = shown
        if file.exists() and any(source.exists() and file.samefile(source) for source in taken):
            raise Problem(f"{shown} would overwrite what is read", advice="Give another name.")
        start = _STARTS.get(option)
        if start is not None and file.is_file() and not _starts_with(file, start):
            raise Problem(
                f"{shown} would overwrite a file that {option} didn't write",
                advice="Give another name, or remove the file first.",
            )


# Of what an earlier run may have written.
_STARTS = {"--json": b"{", "--html": b"<!doctype html"}


def _starts_with(file: Path, start: bytes) -> bool:
    with file.open("rb") as stream:
        found = stream.read(64).lstrip().lower()
    return not found or found.startswith(start)


def _check_place(shown: str, file: Path) -> None:
    """Checks that a file can be written where it is wanted."""
    if file.is_dir():
        raise Problem(shown, expected="a file to write", got="a folder")
    if str(file) == "-":
        raise Problem(shown, expected="a file to write", got="-, by which --json alone means standard output")
    if not file.parent.is_dir():
        raise Problem(
            shown, expected="a file in a folder that exists", got=f"no folder {file.parent}",
            advice=f"Make it first: mkdir -p {file.parent}.",
        )  # fmt: skip
    if file.exists() and not file.is_file():  # such as /dev/stdout
        return
    try:
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise Problem(f"{shown} can't be written ({error.strerror})") from error


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False)


def _write_json(document: dict[str, Any], file: Path) -> None:
    file.write_text(f"{_as_json(document)}\n", encoding="utf-8")
