"""Captions for the files of a page: a line ``<!-- file: NAME -->`` before a fenced block names it (test_pages.py)."""

import re

from sphinx.application import Sphinx

FILE = re.compile(r"^<!-- file: (\S+)(?: from \S+)? -->\n```(\w+)\n", re.MULTILINE)


def _add_captions(_app: Sphinx, _page: str, content: list[str]) -> None:
    content[0] = FILE.sub(r"```{code-block} \2\n:caption: \1\n\n", content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _add_captions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
