"""The CMake package, as another project uses it: installed elsewhere, found, linked, run."""

import os
import pathlib
import re
import subprocess

import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FUNCSIM_BUILD_DIR", ROOT / "build"))

PROJECT = """\
cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES CXX)
find_package(funcsim 0.1 REQUIRED)
find_package(funcsim 0.1 REQUIRED)  # twice, as two parts of a project may
add_executable(consumer consumer.cpp)
target_link_libraries(consumer PRIVATE funcsim::funcsim)
"""


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.built_with_torch
def test_another_project_builds_and_runs_the_example(tmp_path: pathlib.Path) -> None:
    if not (BUILD / "CMakeCache.txt").exists() and os.environ.get("FUNCSIM_REQUIRE_EXAMPLES") != "1":
        pytest.skip(f"{BUILD} is not built")
    prefix, source, build = tmp_path / "prefix", tmp_path / "source", tmp_path / "build"
    run("cmake", "--install", BUILD, "--prefix", prefix)
    source.mkdir()
    (source / "CMakeLists.txt").write_text(PROJECT, encoding="utf-8")
    example = ROOT / "examples" / "compare_sequentials.cpp"
    (source / "consumer.cpp").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    torch_folder = pathlib.Path(torch.__file__).parent
    run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DFUNCSIM_TORCH_DIR={torch_folder}")
    run("cmake", "--build", build)
    assert re.match(r"score 0\.\d{4}, chance 0\.\d{4}, adjusted 0\.\d{4} \(exact", run(build / "consumer"))
