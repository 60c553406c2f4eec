"""Builds the libraries with CMake and puts them into the package; everything else is in pyproject.toml."""

import importlib.util
import os
import pathlib
import shutil
import subprocess

from setuptools import Distribution, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent
PACKAGE = ROOT / "python_bindings" / "funcsim"


class BuildWithLibrary(build_py):
    """build_py that adds the library, the headers and the CMake package."""

    def run(self) -> None:
        """Copies the package, then builds and installs the library beside it."""
        if not self.editable_mode:  # what an earlier build left there would be packed too
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        torch = importlib.util.find_spec("torch")
        if torch is None or not torch.submodule_search_locations:
            raise SystemExit(
                "funcsim builds against an installed torch >= 2.11: install it, then pip install --no-build-isolation ."
            )
        for program in ("cmake", "ninja"):
            if shutil.which(program) is None:
                raise SystemExit(f"funcsim is built with {program}: pip install {program}")
        build = ROOT / "build" / "wheel"
        prefix = PACKAGE if self.editable_mode else pathlib.Path(self.build_lib).resolve() / "funcsim"
        configure = ["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja"]
        # The cache keeps what an earlier build was told, a ninja that is gone meanwhile too: all is told each time.
        configure.append(f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}")
        configure.append(f"-DFUNCSIM_TORCH_DIR={torch.submodule_search_locations[0]}")
        configure.append(f"-DFUNCSIM_WERROR={'ON' if os.environ.get('CI') else 'OFF'}")
        configure.append(f"-DFUNCSIM_CUDA={os.environ.get('FUNCSIM_CUDA', 'AUTO')}")
        build_library = ["cmake", "--build", str(build), "--target", "funcsim"]
        install = ["cmake", "--install", str(build), "--prefix", str(prefix), "--strip"]
        for command in (configure, build_library, install):
            if subprocess.run(command, check=False).returncode != 0:
                raise SystemExit(f"funcsim: this failed, for the reason above: {' '.join(command)}")


class WheelForEveryPython(bdist_wheel):
    """The library holds nothing of Python's: one wheel for every Python 3 on this platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Any Python, no ABI of Python's, this platform."""
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """Has a library for this platform, though no extension module."""

    def has_ext_modules(self) -> bool:
        """True: the wheel is not pure Python."""
        return True


setup(
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelForEveryPython},
    distclass=PlatformDistribution,
    packages=find_packages("python_bindings"),
    package_dir={"": "python_bindings"},
    package_data={"funcsim": ["py.typed"], "funcsim.report": ["assets/*"]},
)
