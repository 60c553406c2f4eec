"""What the pages tell people to type works: their commands are copied out and run, in a fresh folder for each page."""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig

import pages
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# These describe formats and code. What they show in fenced blocks is read by test_sketch_files.py.
DESCRIPTIONS = {"sketch-format.md"}

PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if pages.read_blocks(page) and page.name not in DESCRIPTIONS
]
INSTALLED = [page for page in PAGES if any(block.info == "sh install" for block in pages.read_blocks(page))]


def test_the_pages_are_found() -> None:
    assert {"README.md", "python.md"} <= {page.name for page in PAGES}
    assert "python.md" in {page.name for page in INSTALLED}


# Pages with something wrong, and what is said of it.
BAD_PAGES = {
    "```rust\nfn main() {}\n```\n": "1: nothing tests a fenced block of the kind 'rust'",
    "```\nplain\n```\n": "1: nothing tests a fenced block of the kind ''",
    "```sh installation\ntrue\n```\n": "1: nothing tests a fenced block of the kind 'sh installation'",
    "```sh\ntrue\n": "1: this fence is not closed",
    "- in a list\n  ```sh\n  false\n  ```\n": "2: expected fences of three backquotes that start their line",
    "~~~sh\nfalse\n~~~\n": "1: expected fences of three backquotes",
    "````sh\nfalse\n````\n": "1: expected fences of three backquotes",
    "```sh\ntrue\nfalse\ntrue\n```\n": "1: ended with 1",
    "```sh\nfalse | true\n```\n": "1: ended with 1",
    "```sh\necho $nothing\n```\n": "1: ended with 1",
    "```python\nraise SystemExit(3)\n```\n": "1: ended with 3",
    "```python\n1 + 1\n```\n": "1: prints nothing",
    "```python\nimport warnings\nprint(1)\nwarnings.warn('old')\n```\n": "1: warns",
    "```sh\necho 0.51, nearly\n```\n\n```text\n0.5, really\n```\n": "5: expected",
    "```sh\necho a\necho b\n```\n\n```text\na\n```\n": "6: expected",
    "```sh\necho a\n```\nSo:\n```text\na\n```\n": "5: a text block shows what",
    "```text\na\n```\n": "1: a text block shows what",
    "<!-- file: a.txt -->\n\n```text\na\n```\n": "1: <!-- file: a.txt --> must be directly before a fence",
    "Text.\n<!-- file: a.txt -->\n": "2: <!-- file: a.txt --> must be directly before a fence",
    "<!-- file a.txt -->\n```text\na\n```\n": "1: expected <!-- file: NAME",
    "<!-- not run: -->\n```text\na\n```\n": "1: expected <!-- file: NAME",
    "<!-- file: ../a.txt -->\n```text\na\n```\n```sh\ncat ../a.txt\n```\n": "2: ../a.txt is outside",
    "<!-- file: a.txt -->\n```text\na\n```\n": "2: no command and no file of this page names a.txt",
    "<!-- file: a.cpp from examples/compare_sequentials.cpp -->\n```cpp\n```\n": "2: differs from examples/",
}


@pytest.mark.parametrize(("text", "message"), BAD_PAGES.items(), ids=map(str, range(len(BAD_PAGES))))
def test_bad_page_is_an_error(text: str, message: str, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(pages.PageError, match=f"page.md:{re.escape(message)}"):
        pages.run_page(page, tmp_path / "folder")


def test_a_block_is_left_out_with_a_reason_only(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: takes an hour -->\n```sh\nfalse\n```\n", encoding="utf-8")
    pages.run_page(page, tmp_path)


def test_numbers_and_widths_may_differ(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\necho '0.5   12 | x'\n```\n\n```text\n0.4812  9 | x\n```\n", encoding="utf-8")
    pages.run_page(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_do_what_the_page_says(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pages.run_page(page, tmp_path)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=lambda page: page.name)
def test_code_is_fenced(page: pathlib.Path) -> None:
    """Code that is indented instead would be shown, and tested by nobody (the README shows commands of ./run so)."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in pages.read_blocks(page):
        end = block.line + len(block.text.splitlines())
        lines[block.line - 1 : end + 1] = [""] * (end + 2 - block.line)
    indented = [
        number
        for number, (before, line) in enumerate(zip(["", *lines], lines, strict=False), 1)
        if not before and line.startswith("    ")
    ]
    assert not indented, f"{page.name}: indented code in lines {indented}"


COMPARES = """\
import pathlib, sys
import funcsim, torch
assert pathlib.Path(funcsim.__file__).is_relative_to(sys.prefix), funcsim.__file__
network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
print(funcsim.compare(network, network, torch.randn(100, 4)).score)
"""


def make_environment(folder: pathlib.Path) -> pathlib.Path:
    """A virtual environment that sees what the running one has installed, torch for one, but no funcsim."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    # Python 3.11 puts an old one there, which would hide the one that torch asks for.
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "uninstall", "--yes", "setuptools"], check=True, capture_output=True)
    seen = folder / "seen"
    seen.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in pathlib.Path(installed).iterdir():
            if not entry.name.startswith(("funcsim", "__editable__", "pip")) and entry.suffix != ".pth":
                (seen / entry.name).symlink_to(entry)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (packages / "seen.pth").write_text(f"{seen}\n", encoding="utf-8")
    return folder / "venv" / "bin"


@pytest.mark.skipif(
    "FUNCSIM_WHEEL_DIR" not in os.environ, reason="needs FUNCSIM_WHEEL_DIR, the folder of a built wheel"
)
@pytest.mark.parametrize("page", INSTALLED, ids=lambda page: page.name)
def test_installation_commands_install(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    programs = make_environment(tmp_path)
    (tmp_path / "dist").symlink_to(os.environ["FUNCSIM_WHEEL_DIR"])
    # All that is needed is there, and nothing else may come.
    variables = pages.environment(str(programs)) | {"PIP_NO_INDEX": "1"}
    python = str(programs / "python")
    absent = subprocess.run([python, "-c", COMPARES], env=variables, capture_output=True, text=True, check=False)
    assert "No module named 'funcsim'" in absent.stderr
    blocks = [block for block in pages.read_blocks(page) if block.info == "sh install"]
    for block in blocks:
        pages.run_shell(block, tmp_path, variables)
    assert pages.run(blocks[-1], [python, "-c", COMPARES], tmp_path, variables) == "1.0\n"
