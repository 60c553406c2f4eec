"""Installing from a checkout: editable, and not. In a copy of it, since others use the checkout's library meanwhile."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import venv

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPARE = """
import funcsim, torch
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
print(funcsim.__file__, funcsim.compare(model, model, torch.randn(50, 4)).score)
"""


def run(*command: object, folder: pathlib.Path) -> str:
    # Kernels for CUDA, where they are built, for one architecture: how they are installed doesn't depend on how many.
    environment = os.environ | {"CUDAARCHS": "90a-real"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What a clone would hold, changes that aren't committed included."""
    copy = tmp_path_factory.mktemp("checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture
def python(tmp_path: pathlib.Path) -> pathlib.Path:
    """An environment of its own that has torch and the tools of this one, but not funcsim."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = pathlib.Path(run(python, "-c", code, folder=tmp_path).strip())
    # Not a .pth file: those of this environment's folder, by which it has funcsim, are to be left unread.
    for entry in pathlib.Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("funcsim", "__editable__", "_funcsim", "__pycache__")) and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    return python


# Takes minutes, and what it builds is the same with every torch: once is enough.
@pytest.mark.built_with_torch
def test_editable_and_plain_installation(checkout: pathlib.Path, python: pathlib.Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet"]
    run(*pip, "--no-build-isolation", "--no-deps", "--editable", checkout, folder=checkout)
    package = checkout / "python_bindings" / "funcsim"
    assert run(python, "-c", COMPARE, folder=python.parent).split() == [str(package / "__init__.py"), "1.0"]
    (package / "_version.py").write_text('__version__ = "edited"\n', encoding="utf-8")
    version = [python, "-c", "import funcsim; print(funcsim.__version__)"]
    assert run(*version, folder=python.parent) == "edited\n"

    (package / "left_over.py").write_text("", encoding="utf-8")
    cache = checkout / "build" / "wheel" / "CMakeCache.txt"  # as a build left it whose environment is gone
    gone = re.sub(r"(CMAKE_MAKE_PROGRAM:\w+)=.*", r"\1=/gone/ninja", cache.read_text(encoding="utf-8"))
    assert "=/gone/ninja\n" in gone
    cache.write_text(gone, encoding="utf-8")
    run(*pip, "--no-build-isolation", "--no-deps", checkout, folder=checkout)
    (package / "left_over.py").unlink()
    file, score = run(python, "-c", COMPARE, folder=python.parent).split()
    assert (pathlib.Path(file).is_relative_to(python.parents[1]), score) == (True, "1.0")
    assert run(*version, folder=python.parent) == "edited\n"
    # What an earlier build packed is gone from the next.
    run(*pip, "--no-build-isolation", "--no-deps", "--force-reinstall", checkout, folder=checkout)
    assert not (pathlib.Path(file).parent / "left_over.py").exists()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("torch", "install it, then pip install --no-build-isolation ."),
        ("cmake", "funcsim is built with cmake: pip install cmake"),
        ("ninja", "funcsim is built with ninja: pip install ninja"),
    ],
)
def test_what_is_missing_is_named(checkout: pathlib.Path, tmp_path: pathlib.Path, missing: str, words: str) -> None:
    code = f"""
import importlib.util, runpy, shutil, sys
import setuptools
find_spec, which = importlib.util.find_spec, shutil.which
importlib.util.find_spec = lambda name, *rest: None if name == {missing!r} else find_spec(name, *rest)
shutil.which = lambda name, *rest, **more: None if name == {missing!r} else which(name, *rest, **more)
sys.argv = ["setup.py", "build_py", "--build-lib", sys.argv[1]]
runpy.run_path("setup.py", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=checkout, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert words in done.stderr.splitlines()[-1]
