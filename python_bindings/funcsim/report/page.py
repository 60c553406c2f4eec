"""Puts reports together and writes them."""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from ..comparison import Comparison
from ..layer_similarity import LayerSimilarity
from ..stability import Stability
from ..whole_file import write_whole
from . import sections
from .markup import text
from .plots import layers_matrix, plot_data
from .unit_rows import KINDS
from .units import unit_columns

SCRIPTS = ("units.js", "plots.js", "page.js")

Path = str | os.PathLike[str]


def save_report(
    comparison: Comparison, path: Path, title: str | None, stability: Stability | None, command: str | None = None
) -> None:
    """Writes the report of a comparison: ``Comparison.save_html``.

    Raises:
        ImportError: Without plotly.
        OSError: The file can't be written.
        TypeError, ValueError: Says what was expected and what came.
    """
    if stability is not None and not isinstance(stability, Stability):
        raise TypeError(f"stability must be what funcsim.stability returns, or None, got {stability!r}")
    heading = _checked_title(title, "Two networks compared")
    write_whole(path, comparison_page(comparison, heading, stability, datetime.now(UTC), command).encode())


def save_layers(layers: LayerSimilarity, path: Path, title: str | None) -> None:
    """Writes the report of the scores of all layers: ``LayerSimilarity.save_html``.

    Raises:
        ImportError: Without plotly.
        OSError: The file can't be written.
        TypeError: For a title that is no string.
    """
    heading = _checked_title(title, "Layers of two networks")
    write_whole(path, layers_page(layers, heading, datetime.now(UTC)).encode())


def _checked_title(title: object, default: str) -> str:
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a string or None, got {title!r}")
    return title or default


def comparison_page(
    comparison: Comparison, title: str, stability: Stability | None, written: datetime, command: str | None = None
) -> str:
    """The whole page.

    Args:
        comparison: What it is about.
        title: Its heading.
        stability: Of network a, for the flicker of its units.
        written: What it says of when it was made.
        command: What it says of the command line that made it.
    """
    verdict = comparison.verdict()
    uncertainty, typed = verdict.uncertainty, {}
    if command is not None:
        uncertainty, typed = uncertainty.replace("interval=0.95", "--interval 0.95"), {"command": command}
    data = {
        **plot_data(comparison),
        "kinds": KINDS,
        "columns": unit_columns(comparison.layers, stability),
    }
    has_chance = all(layer.chance_similarities is not None for layer in comparison.layers)
    values = {
        "level": text(verdict.level),
        "adjusted": f"{verdict.adjusted:.3f}",
        "headline": text(verdict.headline),
        "uncertainty": text(uncertainty),
        "notes": sections.notes(verdict.notes, comparison),
        "gauge": sections.gauge(verdict),
        "tiles": sections.tiles(comparison),
        "layer_table": sections.layer_table(comparison),
        "matrix_hint": "" if data["matrix"]["complete"] else _hint("Only layers that were paired are shown."),
        "matrix_table": sections.matrix_table(data["matrix"]),
        "chance_hint": "" if has_chance else _hint(_MEAN_ONLY),
        "kinds_table": sections.kinds_table(comparison.layers),
        "flicker_reading": _FLICKER_READING if stability else "",
        "levels": sections.levels(verdict),
        "computed": sections.facts(
            [*typed.items(), *sections.computed(comparison, stability.eps if stability else None, written)]
        ),
    }
    parts = {
        "verdict": "Verdict",
        "layers": "Layers",
        "matrix": "All layers",
        "distributions": "Against chance",
        "kinds": "Silent units",
        "units": "Units",
        "reading": "How to read it",
        "computed": "How it was computed",
    }
    return _page(title, parts, _filled("comparison.html", values), data)


def layers_page(layers: LayerSimilarity, title: str, written: datetime) -> str:
    """The whole page.

    Args:
        layers: What it is about.
        title: Its heading.
        written: What it says of when it was made.
    """
    matrix = layers_matrix(layers)
    values = {
        "notes": sections.notes((), layers),
        "matrix_table": sections.matrix_table(matrix),
        "computed": sections.facts(sections.layers_computed(layers, written)),
    }
    parts = {"matrix": "All layers", "computed": "How it was computed"}
    return _page(title, parts, _filled("layers.html", values), {"layers": [], "matrix": matrix})


_FLICKER_READING = (
    "<dt>flicker</dt><dd>the share of samples so near the boundary of a's unit that a small change of the weights "
    "flips whether it fires. A low J of a unit that flickers means little.</dd>"
)

_MEAN_ONLY = "The dashed line is the mean of what matching finds by chance; its distribution wasn't collected."


def _hint(sentence: str) -> str:
    return f'<p class="hint">{sentence} For all of it: <code>funcsim.compare(…, details=True)</code>.</p>'


def _page(title: str, parts: Mapping[str, str], body: str, data: Mapping[str, Any]) -> str:
    """What all reports have in common.

    Args:
        title: The heading.
        parts: Ids of the sections, and what links call them.
        body: The sections.
        data: What the script reads.
    """
    return _filled(
        "page.html",
        {
            "title": text(title),
            "css": _asset("page.css"),
            "nav": "\n    ".join(f'<a href="#{part}">{name}</a>' for part, name in parts.items()),
            "sections": body,
            "data": _json(data),
            "plotly": _plotly(),
            "script": "\n".join(map(_asset, SCRIPTS)),
        },
    )


def _filled(asset: str, values: Mapping[str, str]) -> str:
    """An asset with each {{name}} replaced, by which nothing that is put in is searched again."""

    def value(match: re.Match[str]) -> str:
        return values[match[1]]

    return re.sub(r"\{\{(\w+)\}\}", value, _asset(asset))


def _json(data: Mapping[str, Any]) -> str:
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
