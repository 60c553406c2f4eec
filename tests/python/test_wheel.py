"""The wheel, and that the tests use what it installed where they should (``./run test-matrix``)."""

import email
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sysconfig
import zipfile

import built
import funcsim
import pytest
from test_cuda_library import SYSTEM_LIBRARIES

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = os.environ.get("FUNCSIM_WHEEL_DIR")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="FUNCSIM_WHEEL_DIR names no folder with a wheel: ./run test-matrix"
)


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    assert FOLDER is not None
    (file,) = pathlib.Path(FOLDER).glob("funcsim-*.whl")
    return zipfile.ZipFile(file)


def read(wheel: zipfile.ZipFile, name: str) -> email.message.Message:
    return email.message_from_bytes(wheel.read(f"funcsim-{funcsim.__version__}.dist-info/{name}"))


def test_the_tests_use_what_is_installed() -> None:
    installed = pathlib.Path(sysconfig.get_path("platlib")) / "funcsim"
    assert pathlib.Path(funcsim.__file__).parent == installed
    assert pathlib.Path(funcsim.cmake_prefix_path) == installed.resolve()
    maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
    assert set(re.findall(r"/.*/libfuncsim\.so", maps)) == {str(installed / "lib" / "libfuncsim.so")}


def test_one_wheel_for_every_python(wheel: zipfile.ZipFile) -> None:
    tag = f"py3-none-manylinux_2_28_{os.uname().machine}"
    assert read(wheel, "WHEEL").get_all("Tag") == [tag]
    assert pathlib.Path(str(wheel.filename)).name == f"funcsim-{funcsim.__version__}-{tag}.whl"


def test_it_holds_what_is_installed_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    source = ROOT / "python_bindings"
    modules = {str(file.relative_to(source)) for file in source.rglob("*.py")} | {"funcsim/py.typed"}
    modules |= {str(file.relative_to(source)) for file in source.glob("funcsim/report/assets/*")}
    include = ROOT / "csrc" / "include"
    headers = {f"funcsim/include/{file.relative_to(include)}" for file in include.rglob("*.h")}
    folders = ("funcsim/", "funcsim_cli/")
    packed = {name for name in wheel.namelist() if name.startswith(folders) and not name.endswith("/")}
    assert packed >= modules | headers
    rest = packed - modules - headers
    libraries = {"funcsim/lib/libfuncsim.so", f"funcsim/lib/{built.need_cuda_library().name}"}
    assert {name for name in rest if not name.startswith("funcsim/lib/cmake/funcsim/")} == libraries
    assert all(name.startswith((*folders, f"funcsim-{funcsim.__version__}.dist-info/")) for name in wheel.namelist())


def test_it_asks_for_what_it_imports(wheel: zipfile.ZipFile) -> None:
    needs = read(wheel, "METADATA").get_all("Requires-Dist") or []
    always = [need for need in needs if "extra ==" not in need]
    assert {re.split(r"[<>=!~ ]", need)[0] for need in always} == {"torch", "numpy", "safetensors"}
    for_the_command = [need for need in needs if re.search(r"extra == .cli.", need)]
    assert {re.split(r"[<>=!~ ]", need)[0] for need in for_the_command} == {"typer", "rich"}
    assert "torch>=2.11" in needs
    assert read(wheel, "METADATA")["Requires-Python"] == ">=3.11"
    assert importlib.metadata.version("funcsim") == funcsim.__version__


def test_it_has_the_command(wheel: zipfile.ZipFile) -> None:
    points = wheel.read(f"funcsim-{funcsim.__version__}.dist-info/entry_points.txt").decode()
    assert points.split() == ["[console_scripts]", "funcsim", "=", "funcsim_cli.main:main"]
    command = [pathlib.Path(sysconfig.get_path("scripts")) / "funcsim", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"funcsim {funcsim.__version__}\n"


def needed_by(library: pathlib.Path) -> set[str]:
    dynamic = subprocess.run(["readelf", "-dW", library], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "a path of the machine that built it"
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))


def check_versions(library: pathlib.Path) -> None:
    """No symbol is younger than manylinux_2_28 allows."""
    symbols = subprocess.run(["nm", "-D", library], capture_output=True, text=True, check=True).stdout
    for name, most in {"GLIBC": (2, 28), "GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11)}.items():
        versions = [tuple(map(int, v.split("."))) for v in re.findall(rf"@{name}_([\d.]+)", symbols)]
        assert versions
        assert max(versions) <= most, name


def test_the_library_needs_torch_and_what_every_system_has() -> None:
    """No libgomp, no CUDA, nothing of Python."""
    library = pathlib.Path(funcsim.__file__).parent / "lib" / "libfuncsim.so"
    needed = needed_by(library)
    assert "libtorch_cpu.so" in needed
    assert needed <= {"libtorch_cpu.so", "libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6"}
    check_versions(library)


def test_the_cuda_library_needs_what_every_system_has() -> None:
    """The CUDA runtime is inside, and opens the driver when it is used."""
    library = built.need_cuda_library()
    assert needed_by(library) <= SYSTEM_LIBRARIES
    check_versions(library)
