"""Finding and loading the operator library: what an ImportError says, in processes of their own."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tomllib

import funcsim
import pytest
import torch
from funcsim import _library

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = _library._wanted_file()


def _run(code: str, library: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if library is not None:
        environment["FUNCSIM_LIBRARY"] = str(library)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def _assert_import_error(done: subprocess.CompletedProcess[str], file: pathlib.Path, *words: str) -> None:
    """The last line of the trace is an ImportError that names the file and the versions."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: funcsim: cannot load {file} ("), done.stderr
    assert f"Python {platform.python_version()}" in last
    for word in words:
        assert word in last, last


def test_a_library_that_the_environment_names_is_loaded(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other-name.so"
    shutil.copy(LIBRARY, other)
    done = _run(
        "import funcsim, torch; x = torch.zeros(1, 1).byte(); print(torch.ops.loaded_libraries, funcsim.jaccard(x, x))",
        other,
    )
    assert done.returncode == 0, done.stderr
    assert str(other) in done.stdout
    assert "1." in done.stdout


def test_a_missing_file(tmp_path: pathlib.Path) -> None:
    missing = tmp_path / "libfuncsim.so"
    done = _run("import funcsim", missing)
    _assert_import_error(done, missing, "no such file", "FUNCSIM_LIBRARY", f"torch {torch.__version__}")


def test_a_missing_build_says_how_to_make_one(tmp_path: pathlib.Path) -> None:
    package = tmp_path / "funcsim"
    shutil.copytree(pathlib.Path(funcsim.__file__).parent, package, ignore=shutil.ignore_patterns("lib", "__pycache__"))
    code = f"import os, sys; os.environ.pop('FUNCSIM_LIBRARY', 0); sys.path[:0] = [{str(tmp_path)!r}]; import funcsim"
    _assert_import_error(_run(code), package / "lib" / "libfuncsim.so", "no such file", "./run build")


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF" + b"\0" * 100])
def test_a_file_that_is_no_library(tmp_path: pathlib.Path, content: bytes) -> None:
    broken = tmp_path / "libfuncsim.so"
    broken.write_bytes(content)
    done = _run("import funcsim", broken)
    _assert_import_error(done, broken)
    assert re.search(r"\): .*(file too short|invalid ELF header|ELF)", done.stderr.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_library_that_is_cut_off(tmp_path: pathlib.Path, share: float) -> None:
    """As an interrupted copy or a full disk leaves it; to load it would end the process."""
    content = LIBRARY.read_bytes()
    broken = tmp_path / "libfuncsim.so"
    broken.write_bytes(content[: int(share * len(content))])
    done = _run("import funcsim", broken)
    _assert_import_error(done, broken, "it is cut off: expected at least", f"got {int(share * len(content))}")


def test_a_folder_instead_of_a_library(tmp_path: pathlib.Path) -> None:
    _assert_import_error(_run("import funcsim", tmp_path), tmp_path, "it is no regular file", "FUNCSIM_LIBRARY")


def test_a_library_with_a_symbol_that_is_not_there(tmp_path: pathlib.Path) -> None:
    """What loading with a torch that lacks something looks like: the symbol is named."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    source = tmp_path / "needs.c"
    source.write_text(
        "void torch_something_new(void);\nvoid (*needed)(void) = torch_something_new;\n", encoding="utf-8"
    )
    library = tmp_path / "libfuncsim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    _assert_import_error(_run("import funcsim", library), library, "undefined symbol: torch_something_new")


def test_another_library(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "libfuncsim.so"
    shutil.copy(torch._C.__file__, other)
    _assert_import_error(_run("import funcsim", other), other, "not this version of funcsim's")


@pytest.mark.parametrize("version", ["2.10.2+cu128", "1.13.1"])
def test_an_old_torch(version: str) -> None:
    code = (
        f"import torch; torch.__version__ = torch.torch_version.TorchVersion({version!r}); "
        "torch.ops.load_library = None; import funcsim"
    )
    _assert_import_error(_run(code), LIBRARY, f"torch {version}", "needs torch 2.11 or later")


@pytest.mark.parametrize("version", ["2.11.0", "2.20.1+cpu"])
def test_a_torch_that_is_new_enough(version: str) -> None:
    code = (
        f"import torch; torch.__version__ = torch.torch_version.TorchVersion({version!r}); import funcsim; print('ok')"
    )
    done = _run(code)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.parametrize(("machine", "name"), [(183, "AArch64"), (62 + 1, "ELF machine 63")])
def test_a_library_for_another_processor(tmp_path: pathlib.Path, machine: int, name: str) -> None:
    content = bytearray(LIBRARY.read_bytes())
    content[18:20] = machine.to_bytes(2, sys.byteorder)
    foreign = tmp_path / "libfuncsim.so"
    foreign.write_bytes(content)
    done = _run("import funcsim", foreign)
    _assert_import_error(done, foreign, f"another processor, {name}; this is {platform.machine()}")


def test_another_operating_system() -> None:
    done = _run("import torch, sys; sys.platform = 'darwin'; import funcsim")
    _assert_import_error(done, LIBRARY, "built for Linux; this is darwin")


def test_a_library_that_is_loaded_already_is_used() -> None:
    code = f"import torch; torch.ops.load_library({str(LIBRARY)!r}); import funcsim; print('ok')"
    done = _run(code)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_a_second_copy_is_refused_instead_of_ending_the_process(tmp_path: pathlib.Path) -> None:
    first = tmp_path / "libfuncsim.so"
    shutil.copy(LIBRARY, first)
    done = _run(f"import torch; torch.ops.load_library({str(first)!r}); import funcsim")
    _assert_import_error(done, LIBRARY, f"another copy of it is loaded already, {first}", "FUNCSIM_LIBRARY")


def test_a_second_copy_that_is_loaded_later_stays_without_effect(tmp_path: pathlib.Path) -> None:
    """Whatever it is called: PyTorch would end the process at a second operator of the same name."""
    second = tmp_path / "renamed.so"
    shutil.copy(LIBRARY, second)
    done = _run(
        f"import funcsim, torch; torch.ops.load_library({str(second)!r}); "
        "x = torch.ones(1, 1).byte(); print(funcsim.jaccard(x, x).item())"
    )
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    assert f"{second} was loaded, but {LIBRARY} is there already" in done.stderr


def test_unloading_takes_the_operators_back() -> None:
    done = _run(
        f"""
import _ctypes, ctypes, torch
has_operators = lambda: torch._C._dispatch_has_kernel("funcsim::jaccard")
is_mapped = lambda: {str(LIBRARY)!r} in open("/proc/self/maps").read()
for _ in range(2):
    library = ctypes.CDLL({str(LIBRARY)!r})
    x = torch.ones(1, 1).byte()
    torch._C._get_operation_overload("funcsim::jaccard", "")[0](x, x)
    print(has_operators(), is_mapped())
    _ctypes.dlclose(library._handle)
    print(has_operators(), is_mapped())
"""
    )
    assert (done.returncode, done.stdout) == (0, "True True\nFalse False\n" * 2), done.stderr


def test_nothing_but_the_c_functions_are_exported() -> None:
    """What else would be exported could be taken for another library's, and would keep this one from being unloaded."""
    symbols = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    assert [line.split()[-1] for line in symbols.splitlines()] == [
        "funcsim_plan",
        "funcsim_register_device",
        "funcsim_simd_level",
    ]


def test_plan_says_what_operators_will_give() -> None:
    text = "funcsim/1: Conv2d(1, 4, [3, 3]); ReLU(); Flatten(); Linear(144, 7); ReLU(); Linear(7, 2)"
    for positions, samples in ((16, 16), (0, 36), (-1, 1), (3, 3)):
        assert _library.plan_samples(text, [1, 8, 8], positions) == [(4, samples), (7, 1)]


def test_plan_of_many_layers() -> None:
    layers = "; ".join(f"Linear({3 + i}, {4 + i})" for i in range(300))
    assert _library.plan_samples(f"funcsim/1: {layers}", [3], 16) == [(4 + i, 1) for i in range(299)]


@pytest.mark.parametrize(
    ("text", "shape", "words"),
    [
        ("funcsim/2: Linear(2, 3)", [2], "version"),
        ("funcsim/1: Linear(2, 3)", [2], "hidden layer"),
        ("funcsim/1: Linear(2, 3); Linear(3, 1)", [5], "Linear"),
        ("funcsim/1: Linear(2, 3); Linear(3, 1)\0; ReLU()", [2], "NUL"),
        ("funcsim/1: " + "A" * 200_000 + "()", [2], "supported"),
    ],
)
def test_plan_raises_with_the_message(text: str, shape: list[int], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        _library.plan_samples(text, shape, 16)


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cmake = re.search(r"project\(funcsim VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert cmake is not None
    assert funcsim.__version__ == project["version"] == cmake[1]


def test_everything_public_is_there_and_typed() -> None:
    assert sorted(funcsim.__all__) == funcsim.__all__
    for name in funcsim.__all__:
        thing = getattr(funcsim, name)
        assert isinstance(thing, str) or thing.__doc__, name
    assert (pathlib.Path(funcsim.__file__).parent / "py.typed").exists()
