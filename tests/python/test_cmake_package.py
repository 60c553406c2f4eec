"""The CMake package as other projects use it: found in the installed package, linked, run."""

import os
import pathlib
import shutil
import subprocess
import sysconfig

import built
import funcsim
import pytest
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(funcsim.cmake_prefix_path)
TORCH = pathlib.Path(torch.__file__).parent
SCRIPTS = sysconfig.get_path("scripts")

# As many Linux distributions have their compiler do.
AS_NEEDED = "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed"
# What find_package(Torch) looks the toolkit up with. (It is also found in places that no environment variable names.)
NO_TOOLKIT = "-DCMAKE_DISABLE_FIND_PACKAGE_CUDA=ON"

START = "cmake_minimum_required(VERSION 3.24)\nproject(consumer LANGUAGES CXX)\n"
FUNCSIM = "find_package(funcsim 0.1 REQUIRED)\n"
STOCK = "find_package(Torch REQUIRED)\n"
NO_SYMBOL = """\
add_executable(no_symbol no_symbol.cpp)
target_link_libraries(no_symbol PRIVATE funcsim::funcsim)
"""
NO_SYMBOL_CPP = """\
// Includes nothing of funcsim, takes no symbol from it, and asks torch for its operators.
#include <ATen/core/dispatch/Dispatcher.h>

#include <iostream>

int main() {
  const auto found = c10::Dispatcher::singleton().findSchema({"funcsim::compare", ""});
  std::cout << (found.has_value() ? found->schema().name() : "nothing") << '\\n';
}
"""
PART = {
    "part/CMakeLists.txt": FUNCSIM
    + "add_library(part STATIC part.cpp)\ntarget_link_libraries(part PRIVATE funcsim::funcsim)\n",
    "part/part.cpp": NO_SYMBOL_CPP.replace("int main() {", "void print_operator() {"),
    "through_part.cpp": "void print_operator();\nint main() { print_operator(); }\n",
}


def environment(*first_on_path: object) -> dict[str, str]:
    """That of somebody who has set nothing up: programs must run without LD_LIBRARY_PATH."""
    path = os.pathsep.join(map(str, (*first_on_path, SCRIPTS, os.environ["PATH"])))
    prefixes = ("LD_", "CUDA", "CMAKE_", "FUNCSIM_", "TORCH_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)} | {"PATH": path}


def run(*command: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=600, check=False, env=env or environment())


def output_of(*command: object, env: dict[str, str] | None = None) -> str:
    done = run(*command, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_project(folder: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def configure(
    source: pathlib.Path, *options: str, prefixes: tuple[object, ...] = (PREFIX,), env: dict[str, str] | None = None
) -> tuple[bool, str]:
    """Whether it worked, and what was said, on one line: CMake breaks lines where the terminal ends."""
    search = "-DCMAKE_PREFIX_PATH=" + ";".join(map(str, prefixes))
    done = run("cmake", "-G", "Ninja", "-S", source, "-B", source / "build", search, *options, env=env)
    return done.returncode == 0, " ".join((done.stdout + done.stderr).split())


def build(source: pathlib.Path, *options: str, prefixes: tuple[object, ...] = (PREFIX,)) -> pathlib.Path:
    worked, said = configure(source, AS_NEEDED, *options, prefixes=prefixes)
    assert worked, said
    output_of("cmake", "--build", source / "build")
    return source / "build"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The build folder of a project of several parts, on a machine without a CUDA toolkit."""
    project = (
        f"{START}add_subdirectory(part)\n{FUNCSIM}{FUNCSIM}add_subdirectory(cpp_app)\n{NO_SYMBOL}"
        "add_executable(through_part through_part.cpp)\ntarget_link_libraries(through_part PRIVATE part)\n"
    )
    source = tmp_path_factory.mktemp("consumer")
    write_project(source, {"CMakeLists.txt": project, "no_symbol.cpp": NO_SYMBOL_CPP} | PART)
    shutil.copytree(ROOT / "examples" / "cpp_app", source / "cpp_app")
    return build(source, NO_TOOLKIT, "-DCMAKE_BUILD_TYPE=None")  # compiles faster than its default


@pytest.fixture(scope="module")
def application(consumer: pathlib.Path) -> pathlib.Path:
    return consumer / "cpp_app" / "cpp_app"


@pytest.fixture(scope="module")
def networks(application: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    folder = tmp_path_factory.mktemp("networks")
    files = folder / "a.pt", folder / "b.pt"
    trained = output_of(application, "train", *files)
    accuracies = [float(line.rsplit(" ", 1)[1]) for line in trained.splitlines()]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.9, "of three classes"
    return files


def _load(file: pathlib.Path) -> nn.Sequential:
    """Python's own reading of what torch::save wrote."""
    state = torch.jit.load(file).state_dict()
    weights = [value for name, value in state.items() if name.endswith("weight")]
    network = nn.Sequential()
    for weight in weights:
        network.extend([nn.Linear(weight.shape[1], weight.shape[0]), nn.ReLU()])
    network.pop(-1)
    network.load_state_dict(state)
    return network


def _spirals(count: int) -> torch.Tensor:
    """The inputs of the application."""
    torch.manual_seed(0)
    arm, radius = torch.randint(3, (count,)), torch.rand(count)
    angle = 4.0 * radius + arm * (2.0 * torch.pi / 3.0) + 0.2 * torch.randn(count)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_application_compares_saved_networks(
    application: pathlib.Path, networks: tuple[pathlib.Path, pathlib.Path]
) -> None:
    printed = output_of(application, "compare", *networks).split("\n\n")
    expected = funcsim.compare(*map(_load, networks), _spirals(2000))
    assert 0.1 < expected.adjusted < 0.9
    assert printed[0] == str(expected)
    layer = expected.layers[0]
    matches = zip(layer.matches[:8], layer.similarities[:8], strict=True)
    assert printed[1].splitlines() == [
        f"The first units of layer {layer.name_a}:",
        *(f"  unit {a} of a is unit {b} of b, similarity {similarity:.6g}" for (a, b), similarity in matches),
    ]
    assert "With inputs of the wrong width:" in printed[2]
    assert "expects inputs whose last dimension is 2 (in_features), got [N, 3]" in printed[2]


def test_application_has_manners(
    application: pathlib.Path, networks: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    corrupt, from_python = tmp_path / "corrupt.pt", tmp_path / "from_python.pt"
    corrupt.write_bytes(networks[0].read_bytes()[:1000])
    torch.save({"0.weight": torch.ones(2, 2)}, from_python)
    for arguments, status, message in [
        ([], 2, "usage: cpp_app train A.pt B.pt"),
        (["compare", networks[0]], 2, "usage: cpp_app train A.pt B.pt"),
        (["merge", *networks], 2, "usage: cpp_app train A.pt B.pt"),
        (["compare", tmp_path / "missing.pt", networks[1]], 1, "missing.pt: there is no such file"),
        (["compare", networks[0], corrupt], 1, "corrupt.pt: torch cannot load it: PytorchStreamReader failed"),
        (["compare", networks[0], from_python], 1, "from_python.pt: torch cannot load it: "),
        (["train", tmp_path / "no_folder" / "a.pt", networks[1]], 1, "no_folder does not exist"),
    ]:
        done = run(application, *arguments)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert message in done.stderr
        assert "frame #" not in done.stderr, "no stack trace"


# C++ reads the parameters of what Python scripted.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(2, 2)), "other.pt: expected a Linear layer in every"),
        (nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 3)), "other.pt: torch cannot load it: "),
        (nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), "network b: network_signatures: item 0 (Linear(5"),
        (nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(6, 3)), "network b: "),
        (nn.Sequential(nn.Linear(2, 3)), "network b: "),
        (nn.Sequential(), "network b: "),
        (
            nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)).double(),
            "expected weights in Float, got Double in",
        ),
        (nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)).half(), "expected weights in Float, got Half in"),
    ],
    ids=[
        "not_linear",
        "no_bias",
        "other_inputs",
        "widths_that_do_not_fit",
        "no_hidden_layer",
        "empty",
        "double",
        "half",
    ],
)
def test_application_refuses_other_networks(
    application: pathlib.Path,
    networks: tuple[pathlib.Path, pathlib.Path],
    tmp_path: pathlib.Path,
    network: nn.Sequential,
    message: str,
) -> None:
    torch.jit.script(network).save(tmp_path / "other.pt")
    done = run(application, "compare", networks[0], tmp_path / "other.pt")
    assert done.returncode == 1, done.stdout
    assert message in done.stderr
    assert "frame #" not in done.stderr


@pytest.mark.parametrize("program", ["no_symbol", "through_part"])
def test_program_that_takes_no_symbol_finds_the_operators(consumer: pathlib.Path, program: str) -> None:
    assert output_of(consumer / program) == "funcsim::compare\n"


def test_stock_torch_needs_a_toolkit_where_funcsim_does_not(consumer: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if torch.version.cuda is None:
        pytest.skip("this torch is not a CUDA build")
    write_project(tmp_path, {"CMakeLists.txt": START + STOCK})
    worked, said = configure(tmp_path, NO_TOOLKIT, prefixes=(torch.utils.cmake_prefix_path,))
    assert not worked
    assert "uses CUDA but I cannot find the CUDA libraries" in said
    assert NO_TOOLKIT.removeprefix("-D").replace("=", ":UNINITIALIZED=") in (consumer / "CMakeCache.txt").read_text()


@pytest.fixture(scope="module")
def stock_torch(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = write_project(tmp_path_factory.mktemp("stock"), {"CMakeLists.txt": START + STOCK})
    worked, said = configure(source, prefixes=(torch.utils.cmake_prefix_path,))
    if not worked:
        pytest.skip(f"find_package(Torch) does not work on this machine: {said[-300:]}")


@pytest.mark.usefixtures("stock_torch")
@pytest.mark.parametrize("packages", [STOCK + FUNCSIM, FUNCSIM + STOCK], ids=["before", "after"])
def test_beside_stock_torch(tmp_path: pathlib.Path, packages: str) -> None:
    link = "target_link_libraries(no_symbol PRIVATE ${TORCH_LIBRARIES})\n"
    files = {"CMakeLists.txt": START + packages + NO_SYMBOL + link, "no_symbol.cpp": NO_SYMBOL_CPP}
    write_project(tmp_path, files)
    folder = build(tmp_path, prefixes=(PREFIX, torch.utils.cmake_prefix_path))
    assert output_of(folder / "no_symbol") == "funcsim::compare\n"


def installed(prefix: pathlib.Path) -> None:
    built.need(built.BUILD / "CMakeCache.txt")
    output_of("cmake", "--install", built.BUILD, "--prefix", prefix)


@pytest.mark.built_with_torch
def test_installed_from_the_build_folder(tmp_path: pathlib.Path) -> None:
    installed(tmp_path / "prefix")
    project = START + FUNCSIM + NO_SYMBOL
    source = write_project(tmp_path / "source", {"CMakeLists.txt": project, "no_symbol.cpp": NO_SYMBOL_CPP})
    folder = build(source, f"-DFUNCSIM_TORCH_DIR={TORCH}", prefixes=(tmp_path / "prefix",))
    assert output_of(folder / "no_symbol") == "funcsim::compare\n"


@pytest.mark.built_with_torch
def test_part_of_a_larger_project(tmp_path: pathlib.Path) -> None:
    project = f'{START}add_subdirectory("{ROOT}" funcsim)\n{FUNCSIM}{NO_SYMBOL}'
    write_project(tmp_path, {"CMakeLists.txt": project, "no_symbol.cpp": NO_SYMBOL_CPP})
    worked, said = configure(tmp_path, f"-DFUNCSIM_TORCH_DIR={TORCH}")
    assert worked, said
    commands = output_of("ninja", "-C", tmp_path / "build", "-t", "commands", "no_symbol").splitlines()
    (compiled,) = [line for line in commands if line.endswith("no_symbol.cpp")]
    assert "-W" not in compiled, "neither our warnings"
    assert "-std=gnu++20" in compiled
    targets = output_of("ninja", "-C", tmp_path / "build", "-t", "targets", "all")
    assert "_test" not in targets, "nor our tests"
    assert "compare_sequentials" not in targets
    linked = commands[-1]
    assert "--no-as-needed funcsim/lib/libfuncsim.so" in " ".join(linked.split())


class Places:
    """Made-up torches, told apart by version, in every place where one is looked for; a package beside one of them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.package = folder / "site" / "funcsim"
        shutil.copytree(PREFIX / "lib", self.package / "lib")
        (self.package / "include").mkdir()
        self.option = self.torch("option", (2, 12, 0))
        self.prefix = self.torch("libtorch", (2, 13, 1))
        stock = 'add_library(torch INTERFACE IMPORTED)\ntarget_include_directories(torch INTERFACE "/of/stock/torch")\n'
        write_project(self.prefix / "share" / "cmake" / "Torch", {"TorchConfig.cmake": stock})
        self.neighbour = self.torch("site/torch", (2, 14, 2))
        self.python = self.interpreter("a", self.torch("of_python", (2, 15, 3)))
        self.other_python = self.interpreter("b", self.torch("of_other_python", (3, 0, 0)))

    def torch(self, name: str, version: tuple[int, int, int]) -> pathlib.Path:
        numbers = zip(("MAJOR", "MINOR", "PATCH"), version, strict=True)
        header = "".join(f"#define TORCH_VERSION_{name} {number}\n" for name, number in numbers)
        files = {"include/torch/headeronly/version.h": header, "include/torch/csrc/api/include/torch/version.h": ""}
        files |= {f"lib/lib{library}.so": "" for library in ("torch", "torch_cpu", "c10")}
        return write_project(self.folder / name, files)

    def interpreter(self, name: str, torch_folder: object) -> pathlib.Path:
        write_project(self.folder / name, {"python3": f"#!/bin/sh\necho '{torch_folder}'\n"})
        (self.folder / name / "python3").chmod(0o755)
        return self.folder / name / "python3"

    def configure(
        self, *options: str, find: str = FUNCSIM, prefixes: tuple[object, ...] = (), path: object = None
    ) -> tuple[bool, str]:
        project = START.replace("CXX", "NONE") + find
        write_project(self.folder, {"CMakeLists.txt": project})
        shutil.rmtree(self.folder / "build", ignore_errors=True)
        env = environment(path or self.python.parent)
        return configure(self.folder, *options, prefixes=(self.package, *prefixes), env=env)


@pytest.fixture
def places(tmp_path: pathlib.Path) -> Places:
    return Places(tmp_path)


def test_torch_is_looked_for_in_this_order(places: Places) -> None:
    option = f"-DFUNCSIM_TORCH_DIR={places.option}"
    both = f"-DPython3_EXECUTABLE={places.other_python}"

    def found(*options: str, prefixes: tuple[object, ...] = (), find: str = FUNCSIM) -> str:
        worked, said = places.configure(*options, prefixes=prefixes, find=find)
        assert worked, said
        return said.split("Found funcsim: ", 1)[1].split(")")[0]

    start = f"{places.package} (version 0.1.0, with torch"
    assert found(option, both, prefixes=(places.prefix,)) == f"{start} 2.12.0 from {places.option}"
    assert found(both, prefixes=(places.prefix,)) == f"{start} 2.13.1 from {places.prefix}"
    assert found(both, prefixes=(places.prefix / "share" / "cmake",)) == f"{start} 2.13.1 from {places.prefix}"
    assert found(both, f"-DTorch_DIR={places.prefix}/share/cmake/Torch") == f"{start} 2.13.1 from {places.prefix}"
    assert found(both) == f"{start} 2.14.2 from {places.neighbour}"
    shutil.rmtree(places.neighbour)
    assert found(both) == f"{start} 3.0.0 from {places.folder}/of_other_python"
    assert found() == f"{start} 2.15.3 from {places.folder}/of_python"


def test_missing_torch(places: Places) -> None:
    shutil.rmtree(places.neighbour)
    silent = places.interpreter("silent", "").parent
    worked, said = places.configure(path=silent)
    assert not worked
    assert (
        "No torch was found (FUNCSIM_TORCH_DIR is not set; CMAKE_PREFIX_PATH has no TorchConfig.cmake; "
        f"there is no {places.neighbour}; {silent}/python3 has no module torch). "
        "Set -DFUNCSIM_TORCH_DIR=<folder of the torch Python package or of an unpacked libtorch>."
    ) in said
    worked, said = places.configure(path=silent, find='find_package(funcsim QUIET)\nmessage("is ${funcsim_FOUND}")')
    assert worked, "a package that isn't required may be missing"
    assert "is 0" in said


@pytest.mark.parametrize("version", [(2, 10, 2), (1, 13, 1)])
def test_old_torch(places: Places, version: tuple[int, int, int]) -> None:
    old = places.torch("old", version)
    if version[0] == 1:  # where the numbers were in former times
        headers = old / "include" / "torch"
        (headers / "headeronly" / "version.h").rename(headers / "csrc/api/include/torch/version.h")
    worked, said = places.configure(f"-DFUNCSIM_TORCH_DIR={old}")
    assert not worked
    assert f"Torch in {old} is version {'.'.join(map(str, version))}, expected 2.11 or later. Set -DFUNCSIM" in said


def test_folder_that_is_no_torch(places: Places) -> None:
    for missing in ["lib/libtorch_cpu.so", "include/torch/csrc/api/include/torch/version.h"]:
        (places.option / missing).unlink()
        worked, said = places.configure(f"-DFUNCSIM_TORCH_DIR={places.option}")
        assert not worked
        assert f"No torch in {places.option}: expected {missing} there. Set -DFUNCSIM_TORCH_DIR=<" in said
        (places.option / missing).touch()


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (FUNCSIM, ["{libtorch}/include", "{libtorch}/include/torch/csrc/api/include"]),
        (STOCK + FUNCSIM, ["/of/stock/torch"]),
        (FUNCSIM + STOCK, ["/of/stock/torch"]),
    ],
    ids=["alone", "before", "after"],
)
def test_headers_are_those_of_the_projects_own_torch(places: Places, packages: str, expected: list[str]) -> None:
    folders = "$<TARGET_PROPERTY:funcsim::funcsim,INTERFACE_INCLUDE_DIRECTORIES>"
    find = f'{packages}file(GENERATE OUTPUT folders.txt CONTENT "{folders}")\n'
    worked, said = places.configure(prefixes=(places.prefix,), find=find)
    assert worked, said
    given = (places.folder / "build" / "folders.txt").read_text().split(";")
    assert given[0] == f"{places.package}/include"
    assert [folder for folder in given[1:] if folder] == [text.format(libtorch=places.prefix) for text in expected]


def test_two_torches(places: Places) -> None:
    both = STOCK + FUNCSIM
    worked, said = places.configure(f"-DFUNCSIM_TORCH_DIR={places.option}", prefixes=(places.prefix,), find=both)
    assert not worked
    assert (
        f"FUNCSIM_TORCH_DIR is {places.option}, but this project's find_package(Torch) has found torch in "
        f"{places.prefix}, and a program can hold one torch only."
    ) in said
    worked, said = places.configure(f"-DFUNCSIM_TORCH_DIR={places.prefix}", prefixes=(places.prefix,), find=both)
    assert worked, said


def test_missing_library(places: Places) -> None:
    library = places.package / "lib" / "libfuncsim.so"
    library.unlink()
    worked, said = places.configure()
    assert not worked
    assert f"There is no {library}: install funcsim again." in said


def test_other_version_and_components(places: Places) -> None:
    worked, said = places.configure(find="find_package(funcsim 0.2 REQUIRED)")
    assert not worked
    assert 'compatible with requested version "0.2"' in said
    assert "funcsimConfig.cmake, version: 0.1.0" in said
    worked, said = places.configure(find="find_package(funcsim REQUIRED COMPONENTS cuda plots)")
    assert not worked
    assert "funcsim has no components, and these were asked for: cuda, plots." in said
