"""Sphinx's settings. `./run docs` renders the Markdown pages as they lie in the checkout, so that links work in both.

The source folder is the checkout's, for the pages outside docs/; the reference comes out of docstrings, of registered
operators and of Doxygen comments.
"""

import pathlib
import sys

import funcsim

sys.path.insert(0, str(pathlib.Path(__file__).parent / "extensions"))

project = "funcsim"
release = version = funcsim.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "breathe",
    "contents",
    "elsewhere",
    "file_names",
    "operators",
]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/**.rst"]
exclude_patterns = [".*", "build*", "dist", "**/__pycache__"]
templates_path = ["templates"]
highlight_language = "none"

myst_heading_anchors = 4

autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

breathe_projects = {"funcsim": "../build/docs/doxygen/xml"}
breathe_default_project = "funcsim"

maximum_signature_line_length = 100
python_trailing_comma_in_multi_line_signatures = False
cpp_maximum_signature_line_length = 100

toc_object_entries_show_parents = "hide"

nitpicky = True
nitpick_ignore_regex = [
    # The C++ domain asks for a target for each part of a name. These libraries aren't documented with Sphinx (Module is
    # torch::nn's, as seen from a class that derives from it),
    ("cpp:identifier", r"(std|torch)(::.*)?|Module"),
    # and breathe gives qualified names without declaring the namespace.
    ("cpp:identifier", "funcsim"),
    # What defaults are made by isn't public.
    ("cpp:identifier", r"detail(::.*)?"),
]

html_theme = "furo"
html_title = f"funcsim {release}"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_copy_source = False
# The entry of the folder leads to docs/index.html, since pages are where they are in the checkout.
html_additional_pages = {"index": "entry.html"}
