"""The entry point: runs a command, and turns what goes wrong into a paragraph and an exit code."""

import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from .errors import EXIT_BAD, EXIT_INTERRUPTED, Problem, paragraph

NEEDS_TYPER = "funcsim: the command line needs the packages typer and rich: pip install 'funcsim[cli]'"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs ``funcsim`` and ends the process with its exit code.

    Args:
        arguments: Behind the name of the command; None for those of the process.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs a command.

    Returns:
        The exit code: 0; 1 where a result is below the bar that ``--fail-below`` sets; 2 where something is wrong with
        what was asked for; 130 when interrupted.
    """
    command = " ".join(["funcsim", *arguments[:1]] if arguments and not arguments[0].startswith("-") else ["funcsim"])
    try:
        return _run(arguments, command)
    except KeyboardInterrupt:  # also while the command line is imported
        print(f"{command}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(arguments: Sequence[str], command: str) -> int:
    try:
        import typer  # optional

        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(NEEDS_TYPER, file=sys.stderr)
        return EXIT_BAD
    # Typer carries Click within it, of which it exports some exceptions only.
    usage_error: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    debug = "--debug" in arguments
    try:
        with warnings.catch_warnings():
            if not debug:  # one line each, without the place in the code
                warnings.showwarning = _show_warning
            typed = shlex.join(["funcsim", *arguments])  # for what a report says of itself
            result = app(args=list(arguments), obj=typed, prog_name="funcsim", standalone_mode=False)
        sys.stdout.flush()
        if result == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except BrokenPipeError:  # of `funcsim ... | head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Rich says so
            return 0
        raise
    except usage_error as error:
        if text := _usage(error, arguments):
            print(paragraph(command, Problem(text)), file=sys.stderr)
        return EXIT_BAD
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            print(paragraph(command, error), file=sys.stderr)
        return EXIT_BAD


def _usage(error: Any, arguments: Sequence[str]) -> str:
    """What is wrong with a command line; empty where the help was shown instead."""
    message: str = error.format_message()
    if not message:
        return ""
    # Values are checked by Pydantic, in its own words.
    message = re.sub(r"Input should be (?=greater|less)", "expected a number ", message)
    message = re.sub(r", unable to parse string as an? \w+", "", message)
    message = message.replace("Value error, ", "").replace("Input should be ", "expected ")
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    given = None if parameter is None else _given(arguments, parameter.opts)
    if given is not None and repr(given) not in message:
        message = f"{message.rstrip('.')}, got {given!r}"
    stop = "" if message.endswith(("?", ".")) else "."
    return f"{message}{stop} See {'funcsim' if context is None else context.command_path} --help"


def _given(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """The value that an option has on a command line."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[place + 1 :]), None)
    return None


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if issubclass(category, UserWarning):
        print(f"funcsim: warning: {' '.join(str(message).split())}", file=sys.stderr)
