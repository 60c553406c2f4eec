"""What funcsim's numbers mean, next to the measures that people use: ./run evaluate [options]."""

import argparse
import pathlib
import sys

from benchmarks.command import add_scales, prepare
from benchmarks.machine import available_cores

from .settings import Settings


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="./run evaluate", description=__doc__)
    add_scales(
        parser,
        full="everything, twenty minutes",
        quick="fewer networks and epochs, four minutes",
        smoke="next to nothing, to see that it runs",
    )
    parser.add_argument(
        "only", nargs="*", metavar="EXPERIMENT", help="which ones, of those that --list shows (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="list the experiments")
    parser.add_argument("--seeds", type=int, default=None, help="networks of each kind (default: 5, of a full run)")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes (default: as many as cores)")
    parser.add_argument("--tables", action="store_true", help="measure nothing: tables and plots from the last results")
    parser.add_argument("--write-docs", action="store_true", help="put results, tables and plots into the docs")
    parser.add_argument(
        "--cache",
        type=pathlib.Path,
        default=Settings.cache,
        help="folder for networks and results (default: build/evaluation)",
    )
    options = parser.parse_args(arguments)
    options.seeds = options.seeds or (5 if options.scale == "full" else 2)
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")
    if options.write_docs and options.scale != "full":
        parser.error("--write-docs takes results of a full run")
    return options


def main() -> int:
    """Exit status."""
    options = parsed(sys.argv[1:])
    dropped = prepare("evaluation", available_cores())
    from .session import run_session  # noqa: PLC0415  # in that environment

    return run_session(options, dropped)


if __name__ == "__main__":
    sys.exit(main())
