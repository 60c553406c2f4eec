"""Links to what isn't a rendered page: documentation of PyTorch and Python, folders; and pages that docstrings name."""

import posixpath
import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# Typed here and not read from inventories (intersphinx), since the documentation is built without a network.
TORCH = "https://docs.pytorch.org/docs/stable"
PYTHON = "https://docs.python.org/3/library"
TARGETS = {
    "torch.Tensor": f"{TORCH}/tensors.html#torch.Tensor",
    "torch.export.exported_program.ExportedProgram": f"{TORCH}/user_guide/torch_compiler/export/api_reference.html",
    "torch.nn.modules.module.Module": f"{TORCH}/generated/torch.nn.Module.html",
    "torch.nn.Sequential": f"{TORCH}/generated/torch.nn.Sequential.html",
    "torch.nn.modules.container.Sequential": f"{TORCH}/generated/torch.nn.Sequential.html",
    "collections.abc.Callable": f"{PYTHON}/collections.abc.html#collections.abc.Callable",
    "collections.abc.Iterable": f"{PYTHON}/collections.abc.html#collections.abc.Iterable",
    "collections.abc.Sequence": f"{PYTHON}/collections.abc.html#collections.abc.Sequence",
    "os.PathLike": f"{PYTHON}/os.html#os.PathLike",
}


def _link(
    _app: Sphinx, _env: BuildEnvironment, reference: pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    address = TARGETS.get(reference.get("reftarget", ""))
    return nodes.reference("", "", text, internal=False, refuri=address) if address else None


def _link_pages(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Docstrings name pages as paths, which is what a reader of ``help()`` can use."""
    lines[:] = [re.sub(r"\bdocs/([\w-]+)\.md\b", r":doc:`/docs/\1`", line) for line in lines]


def _unlink_folders(app: Sphinx, page: str, content: list[str]) -> None:
    """A forge shows what is in a folder that a page links to. Here there is nothing to show."""

    def without_folder(link: re.Match[str]) -> str:
        is_folder = (app.srcdir / posixpath.dirname(page) / link[2]).is_dir()
        return f"`{link[1]}`" if is_folder else link[0]

    content[0] = re.sub(r"\[([^\]]+)\]\(([\w./-]+)\)", without_folder, content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _unlink_folders)
    app.connect("missing-reference", _link)
    app.connect("autodoc-process-docstring", _link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
