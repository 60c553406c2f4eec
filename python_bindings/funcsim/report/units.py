"""The units of all layers as columns, in the form in which the page's script reads them."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..comparison import LayerComparison
from ..stability import Stability
from .unit_rows import kinds_of_units, unit_rows

# Types of columns as JavaScript's typed arrays are called. All are little-endian, as all browsers are.
ARRAY_TYPES = {"int32": "Int32Array", "float32": "Float32Array", "uint8": "Uint8Array"}


def encoded(values: Tensor) -> dict[str, str]:
    """A column: the name of the typed array and its bytes in base64."""
    array = values.numpy()
    data = base64.b64encode(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return {"type": ARRAY_TYPES[array.dtype.name], "data": data.decode()}


def unit_columns(layers: Sequence[LayerComparison], stability: Stability | None) -> dict[str, Any]:
    """All rows of all layers, one layer after the other.

    Returns:
        "layer": of each row the place of its layer in ``layers``; "unit_a", "unit_b" and "duplicate_of_a" and
        "duplicate_of_b", -1 for none; "kind_a" and "kind_b", numbers of KINDS; "similarity", "density_a" and
        "density_b", NaN for none; and "flicker" of a's units where it was measured.
    """
    parts = [_layer_columns(place, layer, _flicker(layer, stability)) for place, layer in enumerate(layers)]
    return {name: encoded(torch.cat([part[name] for part in parts])) for name in parts[0]}


def _layer_columns(place: int, layer: LayerComparison, flicker: Tensor | None) -> dict[str, Tensor]:
    rows = unit_rows(layer)
    columns = {
        "layer": torch.full_like(rows.units_a, place, dtype=torch.int32),
        "unit_a": rows.units_a.int(),
        "unit_b": rows.units_b.int(),
        "similarity": rows.similarities,
    }
    for network, units in (("a", rows.units_a), ("b", rows.units_b)):
        counts: Tensor = getattr(layer, f"counts_{network}")
        duplicate_of: Tensor = getattr(layer, f"duplicate_of_{network}")
        there = units >= 0
        density = counts.double() / layer.num_samples
        columns[f"density_{network}"] = torch.where(there, density[units], torch.nan).float()
        columns[f"kind_{network}"] = torch.where(there, kinds_of_units(layer, network)[units], 0).to(torch.uint8)
        columns[f"duplicate_of_{network}"] = torch.where(there, duplicate_of[units], -1).int()
    if flicker is not None:
        columns["flicker"] = torch.where(rows.units_a >= 0, flicker[rows.units_a], torch.nan).float()
    return columns


def _flicker(layer: LayerComparison, stability: Stability | None) -> Tensor | None:
    """Of a's units.

    Raises:
        ValueError: It was measured on a network without such a layer.
    """
    if stability is None:
        return None
    for stable in stability.layers:
        if stable.name == layer.name_a and stable.units == layer.units_a:
            return stable.flicker
    layers = ", ".join(f"{stable.name} ({stable.units} units)" for stable in stability.layers)
    raise ValueError(
        f"stability must be that of network a, which has a layer {layer.name_a} of {layer.units_a} units, got one of a "
        f"network with the layers {layers}"
    )
