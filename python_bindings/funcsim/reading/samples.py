"""The samples of a layer: pre-activations at some positions of their grid."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..settings import Settings
from .grid_points import grid_points


def samples_per_input(grid: Sequence[int], settings: Settings) -> int:
    """Samples an input of a layer with this grid: 1 for a grid of one place."""
    places = math.prod(grid)
    if places == 1 or settings.positions == "any":
        return 1
    return places if settings.positions == "all" else settings.positions


class Sampler:
    """Takes the samples of one run of a module: of some inputs, in all its layers."""

    def __init__(self, settings: Settings, first_input: int, num_inputs: int, mask: Tensor | None):
        """Begins a run.

        Args:
            settings: Which positions are looked at.
            first_input: Global index of the first input.
            num_inputs: Inputs of the run.
            mask: bool ``[inputs, tokens]``: which tokens aren't padding; None if there is none.
        """
        self._settings = settings
        self._first = first_input
        self._count = num_inputs
        self._mask = None if mask is None or bool(mask.all()) else mask
        if self._mask is not None and (empty := (~self._mask).all(dim=1).nonzero().flatten().tolist()):
            raise ValueError(f"input {first_input + empty[0]} has nothing but padding by its mask: expected a token")
        self._points: dict[tuple[int, ...], Tensor] = {}  # by grid

    def samples(self, z: Tensor, per_input: int) -> Tensor:
        """Samples of one layer.

        Args:
            z: ``[inputs, grid..., units]``.
            per_input: Samples an input, as they were planned.

        Returns:
            ``[inputs * per_input, units]``, inputs one after the other.

        Raises:
            ValueError: For a grid that doesn't have so many samples, and padding where every position is a sample.
        """
        grid = tuple(z.shape[1:-1])
        places, units = math.prod(grid), z.shape[-1]
        by_place = z.reshape(self._count, places, units)
        mask = self._mask if self._mask is not None and grid == tuple(self._mask.shape[1:]) else None
        positions = self._settings.positions
        if positions == "any":
            if mask is not None:
                by_place = by_place.masked_fill(~mask.to(z.device)[:, :, None], -math.inf)
            return by_place.amax(dim=1)
        if positions == "all" and mask is not None:
            raise ValueError(
                'inputs with padding have different numbers of tokens, and with positions="all" as many samples: '
                'expected "any" or a number of points'
            )
        if positions == "all" or (per_input == 1 and positions != 1):
            if places != per_input:
                raise ValueError(
                    f"the layer has a grid of {list(grid)} positions in this batch, and had {per_input} in the first: "
                    f'expected the same for all batches; positions="any" takes one sample whatever the grid'
                )
            return by_place.flatten(0, 1)
        if grid not in self._points:
            self._points[grid] = self._points_in(grid) if mask is None else self._places_of_tokens()
        chosen = self._points[grid].to(z.device)
        inputs = torch.arange(self._count, device=z.device)
        return by_place[inputs[:, None], chosen].flatten(0, 1)

    def _points_in(self, grid: tuple[int, ...]) -> Tensor:
        """Row-major places of the points of a grid, int64 ``[inputs, points]``."""
        points = self._settings.positions
        assert isinstance(points, int)
        return grid_points(self._first, self._count, points, grid, self._settings.seed)

    def _places_of_tokens(self) -> Tensor:
        """The same where some places are padding: an input of n tokens is a grid of n places, wherever these are."""
        assert self._mask is not None
        mask = self._mask.cpu()
        lengths = mask.sum(dim=1)
        tokens = torch.argsort(~mask, dim=1, stable=True)  # those that aren't padding first, in order
        places = torch.empty(self._count, int(self._settings.positions), dtype=torch.int64, device="cpu")
        for length in lengths.unique().tolist():
            rows = lengths == length
            places[rows] = self._points_in((length,))[rows]
        return tokens.gather(1, places)
