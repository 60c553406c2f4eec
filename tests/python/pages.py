"""The commands of a documentation page, as its reader would copy them.

A page is Markdown in which every fenced block is one of these:

- any language, directly after a line ``<!-- file: NAME -->``: a file that the reader makes. With
  ``<!-- file: NAME from examples/PATH -->`` it equals that file of the checkout;
- ``python``: a script by itself;
- ``sh``: commands for bash;
- ``text``, after one of the two with nothing in between: what it prints to standard output. Numbers may differ, and
  so may the width of columns;
- ``sh install``: commands that install funcsim;
- any language, directly after a line ``<!-- not run: REASON -->``: shown only.

``<!-- bench: NAME -->`` and ``<!-- end -->`` are around what ``./run bench --write-docs`` writes,
``<!-- evaluation: NAME -->`` and ``<!-- end -->`` around what ``./run evaluate --write-docs`` writes.
"""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = sysconfig.get_path("scripts")  # python, cmake and ninja

MARK = re.compile(r"<!-- (?:file: (?P<file>\S+)(?: from (?P<source>examples/\S+))?|not run: (?P<reason>\S.*)) -->")
FILLED = re.compile(r"<!-- (?:(?:bench|evaluation): \w+|end) -->")


class PageError(Exception):
    """Something on a page that can't be tested, or is wrong; says where."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: pathlib.Path
    line: int  # of the opening fence, from 1
    info: str  # what stands behind the opening fence
    text: str
    file: str | None  # the name it gets
    source: str | None  # the file of the checkout that it equals
    reason: str | None  # why it isn't run
    follows: bool  # whether there are only blank lines between the block before and this one

    def fail(self, what: str) -> PageError:
        """An error that names the place."""
        return PageError(f"{self.page.name}:{self.line}: {what}")


def read_blocks(page: pathlib.Path) -> list[Block]:
    """All fenced blocks of a page.

    Raises:
        PageError: A fence that isn't three backquotes at the beginning of a line or isn't closed, or a comment that is
            none of the above or isn't directly before a fence.
    """
    blocks: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    follows = False
    mark: re.Match[str] | None = None
    while number < len(lines):
        line = lines[number]
        number += 1
        if re.match(r"```[^`]*$", line):
            start = number
            while number < len(lines) and lines[number] != "```":
                number += 1
            text = "".join(f"{inside}\n" for inside in lines[start:number])
            block = Block(page, start, line[3:].strip(), text, *(mark.groups() if mark else [None] * 3), follows)
            if number == len(lines):
                raise block.fail("this fence is not closed")
            blocks.append(block)
            number += 1
            follows, mark = True, None
        elif mark is not None:
            raise PageError(f"{page.name}:{number - 1}: {mark[0]} must be directly before a fence")
        elif re.match(r"\s*(```|~~~)", line):
            raise PageError(f"{page.name}:{number}: expected fences of three backquotes that start their line: {line}")
        elif "<!--" in line and not FILLED.fullmatch(line):
            mark = MARK.fullmatch(line)
            if mark is None:
                raise PageError(
                    f"{page.name}:{number}: expected <!-- file: NAME -->, <!-- file: NAME from examples/PATH --> or "
                    f"<!-- not run: REASON -->, got {line}"
                )
        else:
            follows = follows and not line.strip()
    if mark is not None:
        raise PageError(f"{page.name}:{number}: {mark[0]} must be directly before a fence")
    return blocks


def masked(output: str) -> list[str]:
    """The lines of an output without its numbers and without the width of its columns."""
    return [re.sub(r"\d+", "#", " ".join(line.split())) for line in output.strip().splitlines()]


def environment(programs: str) -> dict[str, str]:
    """That of somebody who has set nothing up, with a folder of programs first on PATH."""
    prefixes = ("CMAKE_", "FUNCSIM_", "LD_", "PIP_", "PYTHON", "TORCH_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return inherited | {"PATH": os.pathsep.join([programs, os.environ["PATH"]])}


def _write_file(block: Block, folder: pathlib.Path) -> None:
    assert block.file is not None
    if block.source is not None and (ROOT / block.source).read_text(encoding="utf-8") != block.text:
        raise block.fail(f"differs from {block.source}")
    target = folder / block.file
    if not target.resolve().is_relative_to(folder.resolve()):
        raise block.fail(f"{block.file} is outside of the page's folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text, encoding="utf-8")


def run(block: Block, command: list[str], folder: pathlib.Path, variables: dict[str, str]) -> str:
    """Runs a block's command. Returns what it printed to standard output.

    Raises:
        PageError: It failed, or printed a warning of Python's other than that something will change.
    """
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise block.fail(f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    # torch doesn't like Python 3.13.0 in particular, which is no page's fault.
    if re.search(r"(?<!Future)(?<!Deprecation)Warning: (?!Guards may run slower on Python 3\.13\.0)", done.stderr):
        raise block.fail(f"warns\n{done.stderr}")
    return done.stdout


def _run_python(block: Block, folder: pathlib.Path) -> str:
    # From a file, and not by -c: TorchScript reads the source.
    script = folder / f"line_{block.line}.py"
    script.write_text(block.text, encoding="utf-8")
    output = run(block, [sys.executable, script.name], folder, environment(SCRIPTS))
    if not output.strip():
        raise block.fail("prints nothing, so that nobody sees whether it worked")
    return output


def run_shell(block: Block, folder: pathlib.Path, variables: dict[str, str]) -> str:
    """Runs a block's commands. Returns what they printed to standard output."""
    return run(block, ["bash", "-euo", "pipefail", "-c", block.text], folder, variables)


RUNNERS: dict[str, Callable[[Block, pathlib.Path], str]] = {
    "python": _run_python,
    "sh": lambda block, folder: run_shell(block, folder, environment(SCRIPTS)),
}


def _check_output(block: Block, output: str | None) -> None:
    if output is None or not block.follows:
        raise block.fail("a text block shows what the sh or python block directly before it prints; there is none")
    if masked(output) != masked(block.text):
        raise block.fail(f"expected\n{block.text}\ngot\n{output}")


def _check_is_used(made: Block, blocks: list[Block]) -> None:
    """A file that no command and no other file names was tested by nobody."""
    assert made.file is not None
    name = pathlib.PurePosixPath(made.file)
    names = ("cmake",) if name.name == "CMakeLists.txt" else (name.name, name.stem)
    later = [block.text for block in blocks if block is not made and block.info not in ("text", "sh install")]
    if made.source is None and not any(name in text for name in names for text in later):
        raise made.fail(f"no command and no file of this page names {made.file}")


def run_page(page: pathlib.Path, folder: pathlib.Path) -> None:
    """Makes the page's files and runs its commands, in order, in a folder of their own.

    Raises:
        PageError: Says what is wrong and where.
    """
    blocks = read_blocks(page)
    output: str | None = None
    for block in blocks:
        if block.file is not None:
            _write_file(block, folder)
            _check_is_used(block, blocks)
            output = None
        elif block.info == "text" and block.reason is None:
            _check_output(block, output)
            output = None
        elif block.reason is not None or block.info == "sh install":
            output = None
        elif block.info in RUNNERS:
            output = RUNNERS[block.info](block, folder)
        else:
            raise block.fail(
                f"nothing tests a fenced block of the kind {block.info!r}; see {pathlib.Path(__file__).name}"
            )
