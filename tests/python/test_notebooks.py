"""The example notebooks run, and show what they are committed with."""

import pathlib

import nbformat
import notebooks
import pages
import pytest
from nbclient.exceptions import CellExecutionError

# What is committed should be quick to load and to look through in a diff.
MOST_BYTES = 250_000


def masked(notebook: nbformat.NotebookNode) -> list[list[list[str]]]:
    """Texts without numbers, which differ a little from one version of PyTorch or processor to another."""
    return [[pages.masked(text) for text in cell] for cell in notebooks.texts(notebook)]


def test_the_notebooks_are_found() -> None:
    assert len(notebooks.NOTEBOOKS) == 4
    listed = (notebooks.FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in listed for path in notebooks.NOTEBOOKS)


@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def test_it_shows_what_it_is_committed_with(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    committed = notebooks.read(path)
    assert masked(notebooks.executed(committed, tmp_path)) == masked(committed)


@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_as_it_is_run(path: pathlib.Path) -> None:
    """Whole, with all outputs in order, with a plot, and with nothing of the machine it was run on."""
    notebook = notebooks.read(path)
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES
    assert notebook.metadata == notebooks.METADATA
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert notebook.cells[0].source.startswith("# ")


def test_a_cell_that_raises_is_an_error(tmp_path: pathlib.Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise KeyError('in the middle')")])
    with pytest.raises(CellExecutionError, match="in the middle"):
        notebooks.executed(notebook, tmp_path)
    assert not notebook.cells[0].outputs


def test_what_is_compared(tmp_path: pathlib.Path) -> None:
    """Printed and shown texts, kinds of output, and whether a plot is there."""
    source = "import sys\nimport matplotlib.pyplot as plt\nprint(1, sys.executable)\nplt.plot([1])\nplt.show()\n'shown'"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    import sys

    assert notebooks.texts(notebooks.executed(notebook, tmp_path)) == [
        [f"stdout: 1 {sys.executable}\n", "image/png ", " 'shown'"]
    ]
