"""The parts of a report that are there without its script: verdict, tables, how it was computed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from .._version import __version__
from ..comparison import Comparison, LayerComparison
from ..layer_similarity import LayerSimilarity
from ..results import reading_lines
from ..verdict import LEVELS, Verdict
from .comparison_plot import layer_label
from .markup import table, text

# The gauge of adjusted scores, in units of its own picture.
GAUGE_WIDTH, GAUGE_HEIGHT = 640, 64
MOST_CELLS = 1600


def tiles(comparison: Comparison) -> str:
    """The numbers that are read first."""
    units_a, units_b = (
        sum(getattr(layer, f"units_{network}") for layer in comparison.layers)
        + sum(layer.units for layer in getattr(comparison, f"unmatched_{network}"))
        for network in "ab"
    )
    numbers = {
        "score": (f"{comparison.score:.4f}", "mean similarity of matched units"),
        "chance": (f"{comparison.chance:.4f}", "the score with b's inputs shuffled"),
        "inputs": (f"{comparison.num_inputs:,}", "that both networks were given"),
        "hidden units": (f"{units_a:,} / {units_b:,}", "of a / of b"),
    }
    return "\n".join(
        f"<div><dt>{name}</dt><dd>{number}<small>{meaning}</small></dd></div>"
        for name, (number, meaning) in numbers.items()
    )


def gauge(verdict: Verdict) -> str:
    """A line from 0 to 1 with the levels on it, and where the adjusted score and its uncertainty lie."""

    def place(value: float) -> float:
        return 10 + (GAUGE_WIDTH - 20) * min(max(value, 0), 1)

    bounds = [level for level in LEVELS if 0 < level.least < 0.99]
    ticks = "".join(
        f'<line class="tick" x1="{place(level.least):.1f}" x2="{place(level.least):.1f}" y1="22" y2="38"/>'
        f'<text x="{place(level.least):.1f}" y="56">{level.least:g}</text>'
        for level in bounds
    )
    ends = "".join(f'<text x="{place(end):.1f}" y="56">{end}</text>' for end in (0, 1))
    low, high, middle = place(verdict.low), place(verdict.high), place(verdict.adjusted)
    label = (
        f"Adjusted score {verdict.adjusted:.3f} on a line from 0 (chance) to 1 (the same); uncertainty from "
        f"{verdict.low:.3f} to {verdict.high:.3f}"
    )
    return (
        f'<svg class="gauge" viewBox="0 0 {GAUGE_WIDTH} {GAUGE_HEIGHT}" role="img" aria-label="{label}">'
        f'<rect class="rail" x="10" y="26" width="{GAUGE_WIDTH - 20}" height="8" rx="4"/>'
        f'<rect class="filled" x="10" y="26" width="{max(middle - 10, 0):.1f}" height="8" rx="4"/>{ticks}{ends}'
        f'<rect class="range" x="{low:.1f}" y="16" width="{max(high - low, 0):.1f}" height="28"/>'
        f'<circle class="marker" cx="{middle:.1f}" cy="30" r="9"/></svg>'
    )


def levels(verdict: Verdict) -> str:
    """The table of levels, the one that was given marked."""
    bounds = [f"{level.least:g} and above" for level in LEVELS[:-1]] + [f"below {LEVELS[-2].least:g}"]
    rows = [
        (
            f"<strong>{text(level.name)}</strong> ← here" if level.name == verdict.level else text(level.name),
            bound,
            text(level.meaning),
        )
        for level, bound in zip(LEVELS, bounds, strict=True)
    ]
    return table("What adjusted scores are called", ("called", "adjusted", "meaning"), rows, numbers_from=3)


def notes(sentences: Iterable[str], read: Comparison | LayerSimilarity) -> str:
    """Sentences, and what there is to know of how networks were read, as items of a list."""
    reading = reading_lines(
        [("network a", read.read_a, read.notes_a), ("network b", read.read_b, read.notes_b)],
    )
    return "\n".join(f"<li>{text(_sentence(note))}</li>" for note in (*sentences, *reading))


def _sentence(line: str) -> str:
    """With a capital letter and a full stop, which lines of tables have not."""
    return f"{line[0].upper()}{line[1:]}{'' if line.endswith('.') else '.'}"


def layer_table(comparison: Comparison) -> str:
    """A row for each pair of layers, and one for each layer without a partner."""
    optional: dict[str, list[str | None]] = {
        "interval": [
            None if layer.interval is None else f"{layer.interval[0]:.4f} to {layer.interval[1]:.4f}"
            for layer in comparison.layers
        ],
        "standard error": [
            f"{layer.standard_error:.4f}" if layer.standard_error else None for layer in comparison.layers
        ],
        "p-value": [None if layer.p_value is None else f"{layer.p_value:.3g}" for layer in comparison.layers],
        "CKA": [None if layer.cka is None else f"{layer.cka:.4f}" for layer in comparison.layers],
        "CKA, debiased": [
            None if layer.cka_debiased is None else f"{layer.cka_debiased:.4f}" for layer in comparison.layers
        ],
    }
    asked = {heading: cells for heading, cells in optional.items() if any(cells)}
    headings = (
        "layer of a",
        "layer of b",
        "units a / b",
        "samples",
        "score",
        "chance",
        "adjusted",
        "coverage a / b",
        *asked,
    )
    rows = [
        (
            text(layer.name_a),
            text(layer.name_b),
            f"{layer.units_a:,} / {layer.units_b:,}",
            f"{layer.num_samples:,}",
            f"{layer.score:.4f}",
            f"{layer.chance:.4f}",
            f'<span class="bar" style="--share:{min(max(layer.adjusted, 0), 1):.4f}">{layer.adjusted:.4f}</span>',
            f"{layer.coverage_a:.4f} / {layer.coverage_b:.4f}",
            *(cells[place] or "" for cells in asked.values()),
        )
        for place, layer in enumerate(comparison.layers)
    ]
    rest = [""] * (len(headings) - 3)
    rows += [(text(layer.name), "no partner", f"{layer.units:,} / –", *rest) for layer in comparison.unmatched_a]
    rows += [("no partner", text(layer.name), f"– / {layer.units:,}", *rest) for layer in comparison.unmatched_b]
    return table("Layers that were compared", headings, rows, numbers_from=2, name="layer-table")


def matrix_table(numbers: dict[str, Any]) -> str:
    """The numbers of a heat map (of ``plots``); nothing where they are too many to be read."""
    if len(numbers["names_a"]) * len(numbers["names_b"]) > MOST_CELLS:
        return ""
    rows = [
        (text(name), *("–" if value is None else f"{value:.3f}" for value in values))
        for name, values in zip(numbers["names_a"], numbers["adjusted"], strict=True)
    ]
    headings = ("a \\ b", *map(text, numbers["names_b"]))
    cells = table("Adjusted scores, layers of a in rows, of b in columns", headings, rows, numbers_from=1)
    return f"<details><summary>The same as a table</summary>{cells}</details>"


def kinds_table(layers: Sequence[LayerComparison]) -> str:
    """How many units of each layer can't be told apart."""
    headings = ("layer", "dead a / b", "always on a / b", "duplicates a / b", "no partner a / b")
    rows = [
        (
            text(layer_label(layer)),
            f"{layer.dead_a:,} / {layer.dead_b:,}",
            f"{layer.always_on_a:,} / {layer.always_on_b:,}",
            f"{layer.duplicates_a:,} / {layer.duplicates_b:,}",
            f"{layer.units_a - len(layer.matches):,} / {layer.units_b - len(layer.matches):,}",
        )
        for layer in layers
    ]
    return table("How many units of each layer", headings, rows, numbers_from=1, name="kinds-table")


def facts(terms: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are, as a list."""
    return "\n".join(f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in terms)


def layers_computed(layers: LayerSimilarity, written: datetime) -> Iterator[tuple[str, str]]:
    """How the scores of all layers were computed."""
    yield "method", _METHODS[layers.method]
    yield "similarity", _SIMILARITIES[layers.similarity]
    yield "inputs", f"{layers.num_inputs:,}"
    yield "networks read", f"a: {layers.read_a}, b: {layers.read_b}"
    yield "report written", f"{_time(written)}, by funcsim {__version__}"


_METHODS = {"exact": "exact: samples were counted", "minhash": "minhash: estimated from sketches"}
_SIMILARITIES = {
    "jaccard": "Jaccard index of the sets of samples on which two units fire",
    "phi": "phi, the Pearson correlation of when two units fire",
    "cka": "linear CKA of the layers' bits",
    "cka_debiased": "linear CKA of the layers' bits, debiased",
}


def _time(written: datetime) -> str:
    return written.strftime("%Y-%m-%d %H:%M %Z").strip()


def computed(comparison: Comparison, flicker_eps: float | None, written: datetime) -> Iterator[tuple[str, str]]:
    """How a comparison was computed."""
    settings = comparison.settings
    method = _METHODS[comparison.method]
    if comparison.method == "minhash":
        method += f" of {settings.num_hashes:,} hashes, standard error {comparison.standard_error:.4f}"
    yield "method", method
    yield "similarity of units", _SIMILARITIES[comparison.similarity]
    yield "networks read", f"a: {comparison.read_a}, b: {comparison.read_b}"
    samples = sorted({layer.num_samples for layer in comparison.layers})
    yield "samples", f"{' or '.join(f'{number:,}' for number in samples)} a layer, of {comparison.num_inputs:,} inputs"
    yield "positions", f"{settings.positions} (of layers with a grid of space, time or tokens)"
    yield "margin", f"{settings.margin:g}: a unit fires where its pre-activation is above"
    yield "seed", str(settings.seed)
    if flicker_eps is not None:
        yield "flicker", f"share of samples within {flicker_eps:g} of the unit's boundary"
    if comparison.seconds is not None:
        yield "time", f"{comparison.seconds:.2f} s for the comparison"
    yield "versions", ", ".join(f"{name} {version}" for name, version in comparison.versions.items())
    yield "report written", _time(written)
