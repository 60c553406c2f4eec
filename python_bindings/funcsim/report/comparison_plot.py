"""Draws comparisons with matplotlib."""

from typing import TYPE_CHECKING, Any

from .new_axes import new_axes

if TYPE_CHECKING:  # it has a plot
    from ..comparison import Comparison, LayerComparison


def plot_comparison(comparison: "Comparison", axes: Any) -> Any:
    """Draws score and chance of each layer.

    Args:
        comparison: What is drawn.
        axes: Matplotlib's, to draw on; None makes a figure.

    Raises:
        ImportError: Without matplotlib.
    """
    if axes is None:
        axes = new_axes("Comparison.plot")
    layers = comparison.layers
    places = range(len(layers))
    scores = [layer.score for layer in layers]
    chances = [layer.chance for layer in layers]
    below, above = zip(*(_reach(layer) for layer in layers), strict=True)
    # What lies between is what the layers have in common beyond chance.
    axes.vlines(places, chances, scores, color="0.75", linewidth=6)
    axes.errorbar(places, scores, yerr=(below, above), fmt="o", color="tab:blue", capsize=3, label="score")
    axes.scatter(places, chances, marker="_", s=200, color="black", zorder=3, label="chance")
    names = [layer_label(layer) for layer in layers]
    axes.set_xticks(places, names, rotation=90 if max(map(len, names)) > 4 else 0)
    axes.set(
        xlabel="layer",
        ylabel=f"score ({comparison.similarity})",
        title=f"score {comparison.score:.3f}, chance {comparison.chance:.3f}, adjusted {comparison.adjusted:.3f}",
        ylim=(min(0, *scores, *chances) - 0.02, 1.02),
        xlim=(-0.5, len(layers) - 0.5),
    )
    axes.legend()
    return axes


def layer_label(layer: "LayerComparison") -> str:
    """The names of both layers, or the one that both have."""
    return layer.name_a if layer.name_a == layer.name_b else f"{layer.name_a} – {layer.name_b}"


def _reach(layer: "LayerComparison") -> tuple[float, float]:
    """How far the score's uncertainty reaches below and above it: its interval or two standard errors."""
    if layer.interval is None:
        return 2 * layer.standard_error, 2 * layer.standard_error
    low, high = layer.interval
    return max(layer.score - low, 0), max(high - layer.score, 0)
