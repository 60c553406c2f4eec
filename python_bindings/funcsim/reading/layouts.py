"""Where inputs, positions and units are in what a module gives."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# How far the same input's pre-activations may be apart in batches of different sizes, relative to their root mean
# square, and still count as the same: products of matrices of other sizes are rounded in other ways.
SAME = {torch.float64: 1e-4, torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.3}


@dataclass(frozen=True)
class Layout:
    """Where the inputs are in pre-activations whose units are on one axis.

    Attributes:
        axis: The axis that has the inputs, alone or with positions.
        inputs_first: Whether positions on that axis count faster than inputs, as in windows of images. Where there are
            none it is True.
    """

    axis: int
    inputs_first: bool

    def by_input(self, tensor: Tensor, unit_axis: int, num_inputs: int) -> Tensor | None:
        """A view ``[inputs, grid..., units]``; None where the axis doesn't hold the inputs."""
        size = tensor.shape[self.axis] if self.axis < tensor.dim() else -1
        if size <= 0 or size % num_inputs != 0:
            return None
        units_last = tensor.movedim(unit_axis, -1)
        axis = self.axis - (unit_axis < self.axis)
        inner = size // num_inputs
        if inner == 1:
            return units_last.movedim(axis, 0)
        split = units_last.unflatten(axis, (num_inputs, inner) if self.inputs_first else (inner, num_inputs))
        by_input: Tensor = split.movedim(axis if self.inputs_first else axis + 1, 0)
        return by_input


@dataclass(frozen=True)
class FoundLayout:
    """A layout, and whether what an input gives depends on the other inputs of its batch."""

    layout: Layout
    is_coupled: bool


def find_layout(two: Tensor, three: Tensor, unit_axis: int) -> FoundLayout | None:
    """Finds the inputs in what a module gave for two inputs, and for these and a third one.

    The axis is the one whose size grows with the inputs. Where several could be it, or positions share it, the numbers
    tell: those of the first two inputs are the same in both.

    Args:
        two: Pre-activations of the first two inputs.
        three: Of all three.
        unit_axis: The axis of units.

    Returns:
        None where no axis grows with the inputs: these pre-activations belong to no input.
    """
    possible = [
        Layout(axis, inputs_first)
        for axis in range(two.dim())
        if axis != unit_axis and _grows(two.shape, three.shape, axis)
        for inputs_first in ((True,) if two.shape[axis] == 2 else (True, False))
    ]
    for layout in possible:
        first, second = layout.by_input(two, unit_axis, 2), layout.by_input(three, unit_axis, 3)
        assert first is not None
        assert second is not None
        if _are_same(first, second[:2]):
            return FoundLayout(layout, is_coupled=False)
    return FoundLayout(possible[0], is_coupled=True) if possible else None


def _grows(two: tuple[int, ...], three: tuple[int, ...], axis: int) -> bool:
    """Whether an axis, and no other, is as many times longer for three inputs as there are more of them."""
    others = [place for place in range(len(two)) if place != axis]
    return (
        len(two) == len(three)
        and all(two[place] == three[place] for place in others)
        and two[axis] % 2 == 0
        and two[axis] // 2 * 3 == three[axis]
        and two[axis] > 0
    )


def _are_same(one: Tensor, other: Tensor) -> bool:
    wide, wide_other = one.double(), other.double()
    size = float(wide.square().mean().sqrt())
    if not math.isfinite(size):  # NaN and infinities are for the signatures to complain about
        return bool(wide.isfinite().logical_not().eq(wide_other.isfinite().logical_not()).all())
    tolerance = SAME.get(one.dtype, 0.0) * size
    return bool((wide - wide_other).abs().max() <= tolerance)
