"""The texts agree with each other and with the code."""

import inspect
import pathlib
import re
import subprocess

import funcsim
import pytest
import torch
from funcsim import operators

FAKES = (operators.network_fakes, operators.fakes, operators.stability_fakes, operators.unit_fakes)
ROOT = pathlib.Path(__file__).resolve().parents[2]


def project_files(*patterns: str) -> list[pathlib.Path]:
    """Files of the project that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).exists()]


PAGES = project_files("*.md")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: pathlib.Path) -> set[str]:
    """What the headings of a page are called in links (GitHub's rule)."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: pathlib.Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        assert file.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in anchors(file), f"{link}: no such heading; there are {sorted(anchors(file))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page: pathlib.Path) -> None:
    """Paths in code spans that start at one of the project's folders, but for what a worked example would add."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for path in re.findall(
        r"`((?:csrc|ops|tests|python_bindings|examples|docs|tools|cmake|benchmarks)/[\w./-]*)`", text
    ):
        assert "hamming" in path or (ROOT / path).exists(), f"{page.name} names {path}"


def test_index_links_to_every_page() -> None:
    """The table of contents is made of it."""
    index = ROOT / "docs" / "index.md"
    links = re.findall(r"\]\(([^)#]+)\)", index.read_text(encoding="utf-8"))
    pages = {*project_files("docs/*.md", "docs/*.rst"), *ROOT.glob("*.md")} - {index}
    notebooks = ROOT / "examples" / "notebooks"  # which has a page of its own
    assert {(index.parent / link).resolve() for link in links} - {notebooks} == pages


def reference(page: str) -> str:
    return (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")


def test_reference_has_every_public_name() -> None:
    documented = re.findall(
        r"^\.\. (?:autofunction|autoclass|data):: (\w+)(?:\(\))?$", reference("python.rst"), re.MULTILINE
    )
    assert sorted(documented) == sorted(funcsim.__all__)


def documented_arguments(docstring: str | None) -> list[str]:
    """The names in the section Args or Attributes, in order."""
    section = re.search(
        r"^(?:Args|Attributes):\n((?: .*\n|\n)+)", f"{inspect.cleandoc(docstring or '')}\n", re.MULTILINE
    )
    return re.findall(r"^    (\w+): ", section[1], re.MULTILINE) if section else []


def public_callables() -> dict[str, tuple[object, str | None]]:
    """Functions, classes and their public methods, each with the docstring that names its arguments."""
    found: dict[str, tuple[object, str | None]] = {}
    for name in funcsim.__all__:
        public = getattr(funcsim, name)
        if inspect.isfunction(public):
            found[name] = (public, public.__doc__)
        elif inspect.isclass(public):
            # That of __init__, or for dataclasses, which have none there, that of the class.
            found[name] = (public, public.__init__.__doc__ or public.__doc__)
            for method in vars(public):
                if not method.startswith("_") and callable(getattr(public, method)):
                    found[f"{name}.{method}"] = (getattr(public, method), getattr(public, method).__doc__)
    return found


CALLABLES = public_callables()
OPERATORS = sorted(
    name.removeprefix("funcsim::") for name in torch._C._dispatch_get_all_op_names() if name.startswith("funcsim::")
)


@pytest.mark.parametrize("name", CALLABLES)
def test_docstring_names_every_argument(name: str) -> None:
    described, docstring = CALLABLES[name]
    assert documented_arguments(docstring) == [
        name for name in inspect.signature(described).parameters if name != "self"
    ]


def test_reference_has_every_operator() -> None:
    assert sorted(re.findall(r"^\.\. operator:: (\w+)$", reference("operators.rst"), re.MULTILINE)) == OPERATORS


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_docstring_names_every_argument(name: str) -> None:
    fakes = (getattr(module, f"_{name}", None) for module in FAKES)
    described = next(filter(None, [getattr(operators.primitives, name, None), *fakes]))
    schema = getattr(torch.ops.funcsim, name).default._schema
    assert documented_arguments(described.__doc__) == [argument.name for argument in schema.arguments]
    assert all(f"``{result.name}``" in described.__doc__ for result in schema.returns if result.name)


def test_reference_has_every_public_cpp_name() -> None:
    headers = ROOT / "csrc" / "include" / "funcsim"
    names = set()
    for header in set(headers.glob("*.h")) - {headers / "fmt.h"}:  # which adds to another library's template
        text = header.read_text(encoding="utf-8")
        public = re.sub(r"^namespace detail \{.*?^\}  // namespace detail$", "", text, flags=re.MULTILINE | re.DOTALL)
        names |= set(re.findall(r"^(?:struct|class|enum class) (\w+)", public, re.MULTILINE))
        names |= set(re.findall(r"^inline [^;={(]*?(operator<<|\w+)(?: =|\()", public, re.MULTILINE))
    documented = re.findall(r"^\.\. doxygen\w+:: funcsim::(operator<<|\w+)", reference("cpp.rst"), re.MULTILINE)
    assert names == set(documented)


def test_reference_has_every_setting_of_the_cmake_package() -> None:
    package = pathlib.Path(funcsim.cmake_prefix_path) / "lib" / "cmake" / "funcsim"
    files = "".join(file.read_text(encoding="utf-8") for file in package.glob("*.cmake"))
    settings = re.findall(r"^set\((FUNCSIM_\w+) .*CACHE (?!INTERNAL)|^option\((FUNCSIM_\w+)", files, re.MULTILINE)
    documented = re.findall(r"^\| `(FUNCSIM_\w+)` \|", reference("cmake.md"), re.MULTILINE)
    assert sorted(a or b for a, b in settings) == documented


def layer_types_in_docs() -> set[str]:
    """The first column of the tables in docs/architecture.md."""
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    types = set()
    for cell in rows:
        for name, last in re.findall(r"`(\w+?)(?:1d…(\d)d)?`", cell):
            types |= {f"{name}{d}d" for d in range(1, int(last) + 1)} if last else {name}
    return types


def test_layer_types_are_those_of_the_parser() -> None:
    with pytest.raises(RuntimeError, match="Transformer") as refused:
        torch.ops.funcsim.canonicalize("funcsim/1: Transformer()", [])
    listed = refused.value.args[0].split("upported", 1)[1].splitlines()[0]
    supported = set(re.findall(r"\b[A-Z]\w+", listed))
    assert layer_types_in_docs() == supported


def test_examples_of_descriptions_are_read() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    example = re.search(r"^    (funcsim/1: .*)$", page, re.MULTILINE)
    assert example
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(512, 10),
    )  # fmt: skip
    assert funcsim.describe(network) == example[1]


# Spelled in parts, since this file is looked through too.
FORBIDDEN = ["/wo" + "rk/", "sha" + "red/", "design" + ".md", "/ro" + "ot/", "/ho" + "me/"]


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_path_of_one_machine(word: str) -> None:
    found = []
    for file in project_files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if word in text:
            found.append(str(file.relative_to(ROOT)))
    assert not found
