"""What funcsim's numbers mean, next to the measures that people use: ./run evaluate [options]."""

import argparse
import os
import pathlib
import sys

from benchmarks.machine import available_cores, environment

from .settings import Settings

PREPARED = "FUNCSIM_EVALUATE_DROPPED"


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(prog="./run evaluate", description=__doc__)
    scales = parser.add_mutually_exclusive_group()
    scales.add_argument(
        "--full", dest="scale", action="store_const", const="full", help="everything, half an hour (default)"
    )
    scales.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="fewer networks and epochs, four minutes"
    )
    scales.add_argument(
        "--smoke", dest="scale", action="store_const", const="smoke", help="next to nothing, to see that it runs"
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
    options.scale = options.scale or "full"
    options.seeds = options.seeds or (5 if options.scale == "full" else 2)
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {options.jobs}")
    if options.write_docs and options.scale != "full":
        parser.error("--write-docs takes results of a full run")
    return options


def main() -> int:
    """Runs in an environment of its own making, which libraries read when they are loaded."""
    options = parsed(sys.argv[1:])
    if PREPARED not in os.environ:
        prepared, dropped = environment(available_cores(), os.environ)
        prepared[PREPARED] = ",".join(dropped)
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "evaluation", *sys.argv[1:]], prepared)
    from .session import run_session  # noqa: PLC0415  # in that environment

    dropped = [name for name in os.environ[PREPARED].split(",") if name]
    return run_session(options, dropped)


if __name__ == "__main__":
    sys.exit(main())
