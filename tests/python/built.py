"""What the build made, which tests run: programs, objects, a folder to install from."""

import os
import pathlib
import shutil
import subprocess

import funcsim
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


def _has_nvcc() -> bool:
    """Where CMake looks for it (cmake/Cuda.cmake)."""
    places = (os.environ.get("CUDACXX"), f"{os.environ.get('CUDA_HOME', '/usr/local/cuda')}/bin/nvcc", "nvcc")
    return any(place and shutil.which(place) for place in places)


def need_cuda_library() -> pathlib.Path:
    """The kernels for CUDA, beside the operators. Skips the test where they aren't built, for want of nvcc."""
    library = pathlib.Path(funcsim.__file__).parent / "lib" / "libfuncsim_cuda.so"
    if not library.exists() and (not _has_nvcc() or os.environ.get("FUNCSIM_CUDA") == "OFF"):
        pytest.skip("the kernels for CUDA are not built: there is no nvcc, or FUNCSIM_CUDA is OFF")
    assert library.exists()
    return library
