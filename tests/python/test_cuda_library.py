"""``libfuncsim_cuda.so``, looked at from outside. None of it takes a GPU or a driver."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
from collections import defaultdict

import built
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHITECTURES = {"sm_75", "sm_80", "sm_86", "sm_90a", "sm_100", "sm_120"}
PTX_ARCHITECTURE = "sm_100"

#: What glibc and libstdc++ have had since long before manylinux_2_28. The CUDA runtime is inside.
SYSTEM_LIBRARIES = {
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
}


@pytest.fixture(scope="module")
def library() -> pathlib.Path:
    return built.need_cuda_library()


def output_of(*command: str | pathlib.Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def cuobjdump(*arguments: str | pathlib.Path) -> str:
    """What NVIDIA's tool for looking into libraries says. Toolkits have it, and so has the wheel of triton."""
    program = shutil.which("cuobjdump", path="/usr/local/cuda/bin") or shutil.which("cuobjdump")
    if program is None:
        triton = importlib.util.find_spec("triton")
        folders = triton.submodule_search_locations if triton else None
        inside = pathlib.Path(folders[0]) / "backends/nvidia/bin/cuobjdump" if folders else None
        if inside is None or not inside.exists():
            pytest.skip("there is no cuobjdump, neither of a CUDA toolkit nor of triton")
        program = str(inside)
    return output_of(program, *arguments)


def test_loads_without_a_driver_and_without_torch(library: pathlib.Path) -> None:
    header = (ROOT / "csrc/kernels/common/device_kernels.h").read_text(encoding="utf-8")
    version = re.search(r"interface_version = (\d+);", header)
    assert version is not None
    code = f"""
import ctypes
function = ctypes.CDLL({str(library)!r}).funcsim_device_kernels
function.restype = ctypes.c_void_p
print([function(ctypes.c_int64(v)) is not None for v in ({version[1]}, {version[1]} + 1, 0, -1)])
print([name for name in ("libcuda.so", "libcudart", "libtorch") if name in open("/proc/self/maps").read()])
"""
    assert output_of(sys.executable, "-c", code) == "[True, False, False, False]\n[]\n"


def test_exports_one_function(library: pathlib.Path) -> None:
    symbols = output_of("nm", "-D", "--defined-only", library).splitlines()
    assert [line.split()[-1] for line in symbols] == ["funcsim_device_kernels"]


def test_needs_nothing_but_what_every_system_has(library: pathlib.Path) -> None:
    dynamic = output_of("readelf", "-dW", library)
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)) <= SYSTEM_LIBRARIES
    assert not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "a path of the machine that built it"


def test_has_the_code_of_every_kernel_for_every_architecture(library: pathlib.Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "csrc/kernels").rglob("*.cu*")]
    bounds = r"__launch_bounds__\((?:[^()]|\([^()]*\))*\)"
    found = [name for text in texts for name in re.findall(r"__global__\s+void\s+(\w+)\(", re.sub(bounds, "", text))]
    assert len(found) == sum(text.count("__global__") for text in texts)
    names = set(found)
    entries = defaultdict(set)
    for part in cuobjdump("--dump-elf-symbols", library).split("Fatbin elf code:")[1:]:
        architecture = re.search(r"arch = (\w+)", part)
        assert architecture is not None
        entries[architecture[1]].update(re.findall(r"STO_ENTRY\s+(\w+)", part))
    assert set(entries) == ARCHITECTURES
    for architecture, symbols in entries.items():
        mangled = {name: f"{len(name)}{name}" for name in names}
        missing = [name for name, part in mangled.items() if not any(part in symbol for symbol in symbols)]
        assert not missing, architecture
        assert symbols == entries["sm_90a"], architecture


def test_has_ptx_for_architectures_to_come(library: pathlib.Path) -> None:
    files = re.findall(r"PTX file.*\.(sm_\w+)\.ptx", cuobjdump("--list-ptx", library))
    binaries = re.findall(rf"ELF file.*\.{PTX_ARCHITECTURE}\.cubin", cuobjdump("--list-elf", library))
    assert files == [PTX_ARCHITECTURE] * len(binaries)
