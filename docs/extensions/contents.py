"""The table of contents: that of docs/index.md, a list of links under each heading, as a reader of the page sees it."""

import posixpath
import re

from sphinx.application import Sphinx

TOCTREE = """
```{{toctree}}
:hidden:
:caption: {caption}

{pages}
```
"""


def toctrees(index: str, folder: str) -> str:
    """A toctree for each section, of the pages that it links to.

    Args:
        index: Markdown with second-level headings.
        folder: Where it lies, for example "docs".
    """
    text = ""
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        caption, _, body = section.partition("\n")
        links = re.findall(r"\[([^\]]+)\]\(([\w./-]+)\.(?:md|rst)\)", body)
        pages = [f"{title} </{posixpath.normpath(posixpath.join(folder, page))}>" for title, page in links]
        text += TOCTREE.format(caption=caption, pages="\n".join(pages))
    return text


def _append_contents(app: Sphinx, page: str, content: list[str]) -> None:
    if page == app.config.root_doc:
        content[0] += toctrees(content[0], posixpath.dirname(page))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _append_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
