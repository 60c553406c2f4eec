"""Finds and loads ``libfuncsim.so``, which registers the operators ``torch.ops.funcsim.*``.

The file is ``lib/libfuncsim.so`` beside this one, or the one that the environment variable ``FUNCSIM_LIBRARY`` names.
"""

import ctypes
import os
import pathlib
import platform
import sys
from collections.abc import Sequence

import torch
from torch.torch_version import TorchVersion

OLDEST_TORCH = "2.11"
MESSAGE_BYTES = 1 << 16
ELF_HEADER_BYTES = 64
ELF_MACHINE = slice(18, 20)  # in the header of an ELF file
ELF_SECTIONS = slice(40, 48), slice(58, 60), slice(60, 62)  # where their table is, bytes of an entry, entries
ELF_MACHINES = {3: "x86", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}

#: For CMake: ``-DCMAKE_PREFIX_PATH=`` with this has ``find_package(funcsim)`` find headers and library of this package.
cmake_prefix_path = str(pathlib.Path(__file__).resolve().parent)


def _wanted_file() -> pathlib.Path:
    named = os.environ.get("FUNCSIM_LIBRARY")
    return pathlib.Path(named) if named else pathlib.Path(__file__).parent / "lib" / "libfuncsim.so"


def _is_registered() -> bool:
    return hasattr(torch.ops.funcsim, "compare")


def _mapped_file() -> pathlib.Path | None:
    """The copy of the library that this process has loaded, if any."""
    try:
        maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    paths = (line.split(maxsplit=5)[5] for line in maps.splitlines() if len(line.split(maxsplit=5)) == 6)
    return next((pathlib.Path(path) for path in paths if path.endswith("/libfuncsim.so")), None)


def _failure(file: pathlib.Path, cause: str) -> ImportError:
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return ImportError(f"funcsim: cannot load {file} ({versions}): {cause}", path=str(file))


def _elf_problem(file: pathlib.Path) -> str | None:
    """Says so where the file is for another processor than this process runs on, or cut off.

    dlopen doesn't say the one, and ends the process for the other. What is no ELF file at all is left to it.
    """
    with file.open("rb") as library, pathlib.Path("/proc/self/exe").open("rb") as program:
        expected, got = program.read(ELF_HEADER_BYTES), library.read(ELF_HEADER_BYTES)
        size = library.seek(0, os.SEEK_END)
    if got[:4] != b"\x7fELF" or len(got) < ELF_HEADER_BYTES:
        return None
    if got[ELF_MACHINE] == expected[ELF_MACHINE]:
        offset, entry_size, entries = (int.from_bytes(got[field], sys.byteorder) for field in ELF_SECTIONS)
        end = offset + entry_size * entries  # the table of sections is the last thing in the file
        return f"it is cut off: expected at least {end} bytes, got {size}" if size < end else None
    number = int.from_bytes(got[ELF_MACHINE], sys.byteorder)
    name = ELF_MACHINES.get(number, f"ELF machine {number}")
    return f"it was built for another processor, {name}; this is {platform.machine()}"


def _load() -> ctypes.CDLL:
    """Loads the operators unless they are loaded already.

    Raises:
        ImportError: Names the file, the versions of torch and Python, and the cause.
    """
    file = _wanted_file()
    if sys.platform != "linux":
        raise _failure(file, f"it was built for Linux; this is {sys.platform}")
    if torch.__version__ < TorchVersion(OLDEST_TORCH):
        raise _failure(file, f"it needs torch {OLDEST_TORCH} or later")
    if not file.is_file():
        hint = "FUNCSIM_LIBRARY names it" if "FUNCSIM_LIBRARY" in os.environ else "./run build in a checkout makes it"
        raise _failure(file, f"{'it is no regular file' if file.exists() else 'there is no such file'} ({hint})")
    problem = _elf_problem(file)
    if problem is not None:
        raise _failure(file, problem)
    if _is_registered():
        # A second copy would stay without effect, and might be of another version.
        loaded = _mapped_file()
        if loaded is None or not loaded.exists() or not loaded.samefile(file):
            raise _failure(
                file,
                f"another copy of it is loaded already, {loaded or 'from a file that cannot be found out'}; a process "
                f"can hold one only. Import funcsim first, or let FUNCSIM_LIBRARY name that copy",
            )
    try:
        torch.ops.load_library(str(file))
        library = ctypes.CDLL(str(file))
    except OSError as error:
        raise _failure(file, str(error.__cause__ or error)) from error
    if not _is_registered() or not hasattr(library, "funcsim_simd_level"):
        raise _failure(file, "it is a library, but not this version of funcsim's")
    return library


_library = _load()
_library.funcsim_plan.restype = ctypes.c_int64
_library.funcsim_simd_level.restype = ctypes.c_int64


def simd_level() -> str:
    """The instruction set that kernels on the CPU run at.

    It is the best that the machine has, or the one that the environment variable ``FUNCSIM_SIMD`` names: to see what an
    instruction set gains, or to rule one out. The results are the same, bit for bit.

    Returns:
        "portable", "avx2" or "avx512" on x86-64 (the last with VPOPCNTDQ, VBMI2 and BITALG: Intel from Ice Lake, AMD
        from Zen 4 on), "portable" or "neon" on 64-bit ARM.

    Raises:
        RuntimeError: If ``FUNCSIM_SIMD`` names something else, or what this machine doesn't have; operators raise it as
            well. It is read once, when the first kernel runs or at the first call.
    """
    text = ctypes.create_string_buffer(MESSAGE_BYTES)
    failed = _library.funcsim_simd_level(text, ctypes.c_int64(MESSAGE_BYTES)) != 0
    said = text.value.decode(errors="replace")
    if failed:
        raise RuntimeError(said)
    return said


def hidden_units(architecture: str) -> list[int]:
    """Units of every hidden layer.

    Args:
        architecture: A description.

    Raises:
        RuntimeError: For a text that can't be read and a network without hidden layers.
    """
    return [units for units, _ in _planned(architecture, None, 0)]


def plan_samples(architecture: str, input_shape: Sequence[int], positions: int) -> list[tuple[int, int]]:
    """Units and samples an input of every hidden layer.

    Args:
        architecture: A description.
        input_shape: Sizes of one input, without the batch.
        positions: 0 for all, -1 for any, otherwise the number of points.

    Raises:
        RuntimeError: For a text that can't be read, a network without hidden layers, or a shape that doesn't fit.
    """
    return _planned(architecture, input_shape, positions)


def _planned(architecture: str, input_shape: Sequence[int] | None, positions: int) -> list[tuple[int, int]]:
    text = architecture.encode()
    if b"\0" in text:
        raise RuntimeError(f"an architecture holds no NUL characters, got one at {text.index(0)}")
    sizes = () if input_shape is None else tuple(input_shape)
    shape = (ctypes.c_int64 * len(sizes))(*sizes)
    message = ctypes.create_string_buffer(MESSAGE_BYTES)
    capacity, layers = 0, 64
    while layers > capacity:
        capacity = layers
        units, samples = (ctypes.c_int64 * capacity)(), (ctypes.c_int64 * capacity)()
        layers = _library.funcsim_plan(
            text,
            shape,
            ctypes.c_int64(-1 if input_shape is None else len(sizes)),
            ctypes.c_int64(positions),
            units,
            samples,
            ctypes.c_int64(capacity),
            message,
            ctypes.c_int64(MESSAGE_BYTES),
        )
    if layers < 0:
        raise RuntimeError(message.value.decode(errors="replace"))
    return list(zip(units[:layers], samples[:layers], strict=True))
