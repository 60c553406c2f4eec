"""What notebooks show of a comparison."""

from ..comparison import HEADINGS, Comparison, LayerComparison, table_row
from .markup import text
from .sections import notes as notes_html

# Notebooks have a theme of their own: colours are theirs, and only the bar brings one that is seen on light and dark.
CELL = "padding:2px 10px;text-align:right;white-space:nowrap"


def notebook_html(comparison: Comparison) -> str:
    """The verdict with its notes and the table of layers, without scripts and without styles that reach beyond it."""
    verdict = comparison.verdict()
    head = "".join(f'<th scope="col" style="{CELL}">{heading}</th>' for heading in HEADINGS)
    body = "".join(f"<tr>{_cells(layer)}</tr>" for layer in comparison.layers)
    unmatched = "".join(
        f"<p>Layer {text(layer.name)} of {network} ({layer.units} units) has no partner.</p>"
        for network, layers in (("a", comparison.unmatched_a), ("b", comparison.unmatched_b))
        for layer in layers
    )
    sentences = notes_html(verdict.notes, comparison)
    notes = f'<ul style="margin:4px 0">{sentences}</ul>'
    return (
        f'<div style="max-width:60em"><p style="margin:0"><strong>{text(verdict.level)}</strong> · adjusted '
        f"<strong>{comparison.adjusted:.4f}</strong> · score {comparison.score:.4f} · chance "
        f"{comparison.chance:.4f}</p>"
        f'<div role="img" aria-label="adjusted {comparison.adjusted:.4f} of 1" style="border:1px solid #888;height:8px;'
        f'max-width:24em;margin:4px 0"><div style="background:#2f81c7;height:100%;width:'
        f'{100 * min(max(comparison.adjusted, 0), 1):.1f}%"></div></div>'
        f'<p style="margin:0">{text(verdict.headline)} {text(verdict.uncertainty)}</p>'
        f"{notes}"
        f'<table style="border-collapse:collapse;margin:6px 0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f"{unmatched}</div>"
    )


def _cells(layer: LayerComparison) -> str:
    return "".join(f'<td style="{CELL}">{text(cell)}</td>' for cell in table_row(layer))
