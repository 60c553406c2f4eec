"""Runs clang-tidy on the project's C++ sources, two cores or more at a time, and remembers what was clean.

A file is looked at again when it, any header of the project, the configuration or the compile commands change.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def digest(paths: list[pathlib.Path], *texts: str) -> str:
    """Hash of the contents of files and of texts."""
    state = hashlib.sha256()
    for path in paths:
        state.update(path.read_bytes())
    for text in texts:
        state.update(text.encode())
    return state.hexdigest()


def tidy(build: pathlib.Path, source: pathlib.Path, stamp: pathlib.Path) -> str:
    """Output of clang-tidy, empty when the file is clean."""
    # GCC's options that clang doesn't know (its precompiled headers among them) are not findings.
    quiet = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-gch"]
    command = ["clang-tidy", "-p", str(build), *quiet, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        return ""
    return done.stdout + done.stderr


def main() -> int:
    """Checks every source of the project that has a compile command, but for tests and kernels for CUDA."""
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = json.loads((build / "compile_commands.json").read_text())
    checked = [
        c
        for c in commands
        if pathlib.Path(c["file"]).is_relative_to(ROOT) and "/tests/" not in c["file"] and not c["file"].endswith(".cu")
    ]
    headers = sorted(p for folder in ("csrc", "ops", "benchmarks") for p in (ROOT / folder).rglob("*.h"))
    settings = [ROOT / ".clang-tidy", ROOT / "benchmarks" / "kernels" / ".clang-tidy"]
    common = digest([*headers, *settings, pathlib.Path(__file__)])
    work = []
    for command in checked:
        source = pathlib.Path(command["file"])
        stamp = build / "tidy" / digest([source], common, command["command"])
        if not stamp.exists():
            work.append((source, stamp))
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for output in pool.map(lambda item: tidy(build, *item), work):
            if output:
                failed = True
                print(output)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
