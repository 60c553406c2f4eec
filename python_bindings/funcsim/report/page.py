"""Puts a report together."""

import json
import os
import re
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from ..comparison import Comparison
from ..stability import Stability
from ..unit_rows import KINDS
from ..whole_file import write_whole
from . import sections
from .markup import text
from .plots import plot_data
from .units import unit_columns

SCRIPTS = ("units.js", "plots.js", "page.js")


def save_report(
    comparison: Comparison, path: str | os.PathLike[str], title: str | None, stability: Stability | None
) -> None:
    """Writes a report: ``Comparison.save_html``.

    Raises:
        ImportError: Without plotly.
        OSError: The file can't be written.
        TypeError, ValueError: Says what was expected and what came.
    """
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a string or None, got {title!r}")
    if stability is not None and not isinstance(stability, Stability):
        raise TypeError(f"stability must be what funcsim.stability returns, or None, got {stability!r}")
    page = report_page(comparison, title or "Two networks compared", stability, datetime.now(UTC))
    write_whole(path, page.encode())


def report_page(comparison: Comparison, title: str, stability: Stability | None, written: datetime) -> str:
    """The whole page.

    Args:
        comparison: What it is about.
        title: Its heading.
        stability: Of network a, for the flicker of its units.
        written: What it says of when it was made.
    """
    verdict = comparison.verdict()
    data = {
        **plot_data(comparison),
        "kinds": KINDS,
        "columns": unit_columns(comparison.layers, stability),
    }
    complete = data["matrix"]["complete"]
    return _filled(
        {
            "title": text(title),
            "css": _asset("page.css"),
            "level": text(verdict.level),
            "adjusted": f"{verdict.adjusted:.3f}",
            "headline": text(verdict.headline),
            "uncertainty": text(verdict.uncertainty),
            "notes": sections.notes(comparison, verdict),
            "gauge": sections.gauge(verdict),
            "tiles": sections.tiles(comparison),
            "layer_table": sections.layer_table(comparison),
            "matrix_hint": "" if complete else _hint("Only layers that were paired are shown."),
            "matrix_table": sections.matrix_table(comparison),
            "chance_hint": ""
            if all(layer.chance_similarities is not None for layer in comparison.layers)
            else _hint(
                "The dashed line is the mean of what matching finds by chance; its distribution wasn't collected."
            ),
            "kinds_table": sections.kinds_table(comparison.layers),
            "flicker_reading": _FLICKER_READING if stability else "",
            "levels": sections.levels(verdict),
            "computed": sections.computed(comparison, stability.eps if stability else None, written),
            "data": _json(data),
            "plotly": _plotly(),
            "script": "\n".join(map(_asset, SCRIPTS)),
        }
    )


_FLICKER_READING = (
    "<dt>flicker</dt><dd>the share of samples so near the boundary of a's unit that a small change of the weights "
    "flips whether it fires. A low J of a unit that flickers means little.</dd>"
)


def _hint(sentence: str) -> str:
    return f'<p class="hint">{sentence} For all of it: <code>funcsim.compare(…, details=True)</code>.</p>'


def _filled(values: dict[str, str]) -> str:
    """The page with each {{name}} replaced, by which nothing that is put in is searched again."""

    def value(match: re.Match[str]) -> str:
        return values[match[1]]

    return re.sub(r"\{\{(\w+)\}\}", value, _asset("page.html"))


def _json(data: dict[str, Any]) -> str:
    """JSON that can stand within a script element: no text in it ends the element or starts a comment."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  # an optional package
    except ImportError as error:
        raise ImportError("reports need plotly: pip install plotly") from error
    script: str = get_plotlyjs()
    return script
