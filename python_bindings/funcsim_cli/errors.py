"""What goes wrong, as a paragraph that says what, what was expected, what came and what to do."""

import os
import re
import shutil
import textwrap

EXIT_BELOW = 1
EXIT_BAD = 2
EXIT_INTERRUPTED = 130


class Problem(Exception):  # noqa: N818  # "error" is what Python's own are called here
    """Something that the user can put right."""

    def __init__(self, what: str, *, expected: str = "", got: str = "", advice: str = ""):
        """Makes the paragraph.

        Args:
            what: What is wrong, a clause without a full stop.
            expected: What was expected.
            got: What came.
            advice: What to do, a sentence.
        """
        found = ", ".join(part for part in (expected and f"expected {expected}", got and f"got {got}") if part)
        text = f"{what}: {found}." if found else f"{what}."
        super().__init__(f"{text} {advice}" if advice else text)


OPTIONS = "eps|interval|margin|num_hashes|positions|repeats|seed|shuffles|sigmas|threshold|weight"
IN_PYTHON = re.compile(rf"\b(?:({OPTIONS}) must be (?:None or )?|(pairs) names|(include|exclude)=\[(.*?)\])")


def as_typed(text: str) -> str:
    """A message about arguments of a function, about the options that they are here."""

    def option(match: re.Match[str]) -> str:
        argument, pairs, names, patterns = match.groups()
        if pairs:
            return "--pair names"
        if names:
            return " ".join(f"--{names} {pattern.strip()}" for pattern in patterns.split(","))
        return f"--{argument.replace('_', '-')} must be "

    # Operators of PyTorch's put their name first.
    return IN_PYTHON.sub(option, re.sub(r"^(network [ab]: )?[a-z]+(_[a-z]+)+: ", r"\1", text), count=1)


def explanation(error: BaseException) -> str:
    """What an exception says, without what only its author understands."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        names = " and ".join(os.fsdecode(name) for name in (error.filename, error.filename2) if name is not None)
        text = f"{names}: {error.strerror}" if names else error.strerror
    elif isinstance(error, KeyError):
        text = f"there is no {text}"
    elif not text:
        text = f"{type(error).__name__}, without a word"
    elif not isinstance(error, Problem | ValueError | TypeError | RuntimeError | ImportError):
        text = f"{type(error).__name__}: {text}"
    # PyTorch adds where in its code it was noticed.
    text = re.split(r"\n(?:Exception raised from|Traceback \(most|The above operation failed)", text)[0]
    if not isinstance(error, Problem):
        text = as_typed(text)
    return " ".join([*text.split(), *getattr(error, "__notes__", ())])


def paragraph(command: str, error: BaseException) -> str:
    """An error as it is printed: one paragraph as wide as the terminal."""
    text = explanation(error)
    if not text.endswith((".", "?", "!")):
        text += "."
    known = isinstance(error, Problem) or IN_PYTHON.search(str(error))
    hint = "" if known else " --debug shows where it was noticed."
    width = min(max(shutil.get_terminal_size().columns, 40), 120)
    return textwrap.fill(f"{command}: {text}{hint}", width, break_long_words=False, break_on_hyphens=False)
