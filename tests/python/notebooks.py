"""Runs the notebooks in examples/notebooks; as a program, writes their outputs anew.

./run python tests/python/notebooks.py [NAMES]
"""

import os
import pathlib
import sys
import tempfile
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# All that is kept beside cells: neither the machine nor the version of Python that outputs came from.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class ThisPython(AsyncKernelManager):
    """A kernel of the Python that runs this: none needs to be installed, and none that is comes in between."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, transport="ipc")

    @property
    def kernel_spec(self) -> KernelSpec:
        """What starts it."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def read(path: pathlib.Path) -> NotebookNode:
    """A notebook as it is committed."""
    return nbformat.read(path, as_version=4)


def executed(notebook: NotebookNode, folder: pathlib.Path) -> NotebookNode:
    """A copy with its outputs, run from top to bottom by this process's Python, in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised; has the trace.
    """
    notebook = nbformat.from_dict(notebook)
    own = {name: str(folder / ".jupyter") for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    own["OMP_WAIT_POLICY"] = "passive"  # threads that wait for work must not keep busy the cores of others
    # Plots belong into the notebook, whatever the tests do with theirs.
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    client = NotebookClient(notebook, kernel_manager_class=ThisPython, coalesce_streams=True, record_timing=False)
    with tempfile.TemporaryDirectory() as sockets:  # whose paths must be short
        client.create_kernel_manager().connection_file = str(pathlib.Path(sockets) / "kernel.json")
        client.execute(env=inherited | own, cwd=str(folder))
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    return notebook


def texts(notebook: NotebookNode) -> list[list[str]]:
    """Of each cell of code what it wrote and showed as text, and the other kinds of output that it has."""
    found: list[list[str]] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs: list[Any] = cell.outputs
            found.append([part for output in outputs for part in _texts(output)])
    return found


def _texts(output: NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [f"{output.name}: {output.text}"]
    others = sorted(kind for kind in output.data if kind != "text/plain")
    # A figure calls itself by its size in pixels, which versions of matplotlib differ in.
    text = "" if "image/png" in output.data else output.data.get("text/plain", "")
    return [f"{', '.join(others)} {text}"]


def main() -> None:
    """Writes the outputs of all notebooks, or of those whose names are given."""
    for path in NOTEBOOKS:
        if len(sys.argv) < 2 or path.stem in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(executed(read(path), pathlib.Path(folder)), path)
            print(path.relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    main()
