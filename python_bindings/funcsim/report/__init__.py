"""Reports to look at: the pages that save_html writes, and what notebooks show."""

from .notebook import notebook_html
from .page import save_layers, save_report

__all__ = ["notebook_html", "save_layers", "save_report"]
