"""Comparisons as pandas DataFrames."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .unit_rows import KINDS, kinds_of_units, unit_rows

if TYPE_CHECKING:  # they have frames
    from ..comparison import Comparison, LayerComparison
    from ..layer_similarity import LayerSimilarity


def _pandas(what: str) -> Any:
    try:
        import pandas  # noqa: PLC0415  # an optional package
    except ImportError as error:
        raise ImportError(f"{what} needs pandas: pip install pandas") from error
    return pandas


def layer_frame(comparison: "Comparison") -> Any:
    """A row for each pair of layers.

    Raises:
        ImportError: Without pandas.
    """
    pandas = _pandas("Comparison.to_dataframe")
    rows = []
    for layer in comparison.layers:
        row = {name: value for name, value in vars(layer).items() if not isinstance(value, Tensor | tuple)}
        for name in ("interval", "chance_similarities"):
            row.pop(name, None)
        row["interval_low"], row["interval_high"] = layer.interval or (None, None)
        rows.append(row)
    frame = pandas.DataFrame(rows)
    asked = ["cka", "cka_debiased", "p_value", "interval_low", "interval_high"]
    return frame.astype(dict.fromkeys(asked, "float64"))


def unit_frame(layer: "LayerComparison") -> Any:
    """A row for each pair of units and each unit without a partner.

    Raises:
        ImportError: Without pandas.
    """
    pandas = _pandas("LayerComparison.to_dataframe")
    rows = unit_rows(layer)
    columns: dict[str, Any] = {}
    for network, units in (("a", rows.units_a), ("b", rows.units_b)):
        columns[f"unit_{network}"] = _integers(pandas, units)
    columns["similarity"] = rows.similarities.numpy()
    for network, units in (("a", rows.units_a), ("b", rows.units_b)):
        counts: Tensor = getattr(layer, f"counts_{network}")
        density = counts.double() / layer.num_samples
        columns[f"density_{network}"] = torch.where(units >= 0, density[units], torch.nan).numpy()
        kinds = kinds_of_units(layer, network)[units]
        columns[f"kind_{network}"] = [
            KINDS[kind] if unit >= 0 else "" for kind, unit in zip(kinds.tolist(), units.tolist(), strict=True)
        ]
        duplicate_of: Tensor = getattr(layer, f"duplicate_of_{network}")
        columns[f"duplicate_of_{network}"] = _integers(pandas, torch.where(units >= 0, duplicate_of[units], -1))
    return pandas.DataFrame(columns)


def matrix_frame(layers: "LayerSimilarity") -> Any:
    """Adjusted scores of all layers of a, in rows, with all of b.

    Raises:
        ImportError: Without pandas.
    """
    pandas = _pandas("LayerSimilarity.to_dataframe")
    return pandas.DataFrame(layers.adjusted.numpy(), index=list(layers.names_a), columns=list(layers.names_b))


def _integers(pandas: Any, numbers: Tensor) -> Any:
    """Integers with missing values for -1."""
    return pandas.Series(numbers.numpy(), dtype="Int64").mask(numbers.numpy() < 0)
