"""Builds the operator library with CMake and puts it into the package; everything else is in pyproject.toml."""

import importlib.util
import pathlib
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent


class BuildWithLibrary(build_py):
    """build_py that adds lib/libfuncsim.so."""

    def run(self) -> None:
        """Copies the package, then builds and installs the library beside it."""
        super().run()
        torch = importlib.util.find_spec("torch")
        if torch is None or not torch.submodule_search_locations:
            raise SystemExit(
                "funcsim builds against an installed torch >= 2.11: install it, then pip install --no-build-isolation ."
            )
        build = ROOT / "build" / "wheel"
        prefix = (
            ROOT / "python_bindings" / "funcsim" if self.editable_mode else pathlib.Path(self.build_lib) / "funcsim"
        )
        configure = ["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja"]
        configure.append(f"-DFUNCSIM_TORCH_DIR={torch.submodule_search_locations[0]}")
        subprocess.run(configure, check=True)
        subprocess.run(["cmake", "--build", str(build), "--target", "funcsim"], check=True)
        subprocess.run(["cmake", "--install", str(build), "--prefix", str(prefix)], check=True)


class PlatformDistribution(Distribution):
    """Has a library for this platform, though no extension module: any Python of version 3 can load it."""

    def has_ext_modules(self) -> bool:
        """True: the wheel is not pure Python."""
        return True


setup(
    cmdclass={"build_py": BuildWithLibrary},
    distclass=PlatformDistribution,
    packages=["funcsim"],
    package_dir={"": "python_bindings"},
    package_data={"funcsim": ["py.typed"]},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
