"""What the command lines of ./run bench and ./run evaluate have in common."""

import argparse
import os
import sys

from .machine import environment

SCALES = ("full", "quick", "smoke")


def add_scales(parser: argparse.ArgumentParser, full: str, quick: str, smoke: str) -> None:
    """--full, --quick and --smoke, with these descriptions: ``scale`` is the one that is chosen."""
    parser.set_defaults(scale=SCALES[0])
    choice = parser.add_mutually_exclusive_group()
    for scale, description in zip(SCALES, (f"{full} (default)", quick, smoke), strict=True):
        choice.add_argument(f"--{scale}", dest="scale", action="store_const", const=scale, help=description)


def prepare(package: str, threads: int) -> list[str]:
    """Returns in an environment of our own making, which libraries read when they are loaded.

    Where that isn't there yet, ``python -m PACKAGE`` with the same arguments takes the place of this process.

    Args:
        package: What this process was started as.
        threads: Of everything that has threads.

    Returns:
        The variables that were dropped.
    """
    mark = f"FUNCSIM_{package.upper()}_DROPPED"
    if mark not in os.environ:
        prepared, dropped = environment(threads, os.environ)
        prepared[mark] = ",".join(dropped)
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", package, *sys.argv[1:]], prepared)
    return [name for name in os.environ[mark].split(",") if name]
