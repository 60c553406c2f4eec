"""Measures funcsim against other packages: ./run bench [options]."""

import argparse
import pathlib
import sys

from .command import add_scales, prepare
from .machine import available_cores


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    add_scales(
        parser,
        full="all sizes, half an hour",
        quick="smaller sizes, five minutes",
        smoke="tiny sizes, to see that it runs",
    )
    parser.add_argument(
        "only", nargs="*", metavar="BENCHMARK", help="which ones, of those that --list shows (default: all)"
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="whose benchmarks; cuda takes eight minutes (default: cpu)",
    )
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument(
        "--threads", type=int, default=available_cores(), help="of everything that has threads (default: all cores)"
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=None,
        help="folder for JSON, tables and plots (default: build/bench, or build/bench-cuda)",
    )
    parser.add_argument("--write-docs", action="store_true", help="put tables and plots into the docs")
    parser.add_argument("--even-if-busy", action="store_true", help="write the docs though other processes took part")
    options = parser.parse_args(arguments)
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")
    return options


def main() -> int:
    """Exit status."""
    options = parsed(sys.argv[1:])
    dropped = prepare("benchmarks", options.threads)
    from .session import run_session  # noqa: PLC0415  # in that environment

    return run_session(options, dropped)


if __name__ == "__main__":
    sys.exit(main())
