"""Measures funcsim against other packages: ./run bench [options]."""

import argparse
import os
import pathlib
import sys

from .machine import available_cores, environment

PREPARED = "FUNCSIM_BENCH_DROPPED"


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    scales = parser.add_mutually_exclusive_group()
    scales.add_argument(
        "--full", dest="scale", action="store_const", const="full", help="all sizes, half an hour (default)"
    )
    scales.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="smaller sizes, five minutes"
    )
    scales.add_argument(
        "--smoke", dest="scale", action="store_const", const="smoke", help="tiny sizes, to see that it runs"
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
    options.scale = options.scale or "full"
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")
    return options


def main() -> int:
    """Runs in an environment of its own making, which libraries read when they are loaded."""
    options = parsed(sys.argv[1:])
    if PREPARED not in os.environ:
        prepared, dropped = environment(options.threads, os.environ)
        prepared[PREPARED] = ",".join(dropped)
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], prepared)
    from .session import run_session  # noqa: PLC0415  # in that environment

    dropped = [name for name in os.environ[PREPARED].split(",") if name]
    return run_session(options, dropped)


if __name__ == "__main__":
    sys.exit(main())
