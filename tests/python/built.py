"""What the build made, which tests run: programs, objects, a folder to install from."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FUNCSIM_BUILD_DIR", ROOT / "build"))
REQUIRED = os.environ.get("FUNCSIM_REQUIRE_EXAMPLES") == "1"


def need(path: pathlib.Path) -> pathlib.Path:
    """Skips the test where the path isn't built. `./run test` built everything, and so its tests fail there."""
    if not path.exists() and not REQUIRED:
        pytest.skip(f"{path} is not built")
    return path


def output_of(program: str) -> str:
    """What a program of the build prints."""
    command = [need(BUILD / program)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
