"""The options of comparisons and sketches, checked."""

import math
import numbers
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

Positions = int | Literal["all", "any"]

MOST_HASHES = 1 << 24
MOST_POSITIONS = 1 << 24
INT64 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True)
class Settings:
    """What decides the bits of signatures and sketches apart from network and inputs.

    Attributes:
        num_hashes: Slots of a sketch, from 1 to 2**24.
        seed: Of sketches, points and shuffle: any int64.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input of a layer whose units have a grid of positions: "all", "any", or from 1 to 2**24
            points.
    """

    num_hashes: int = 1024
    seed: int = 0
    margin: float = 0.0
    positions: Positions = 16

    @property
    def operator_positions(self) -> int:
        """As operators take it: 0 for all, -1 for any."""
        if isinstance(self.positions, str):
            return {"all": 0, "any": -1}[self.positions]
        return self.positions


def checked_flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def checked_integer(name: str, value: object) -> int:
    """The integer that an option is.

    Raises:
        TypeError: For all else, bool included.
    """
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        return operator.index(value)  # type: ignore[arg-type]  # it raises for all else
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def nonnegative_number(name: str, value: object) -> float:
    """The finite number of at least 0 that an option is.

    Raises:
        TypeError, ValueError: Says what was expected and what came.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite and at least 0, got a number beyond the range of float64") from None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return number


def as_list(name: str, values: object) -> list[Any] | None:
    """The numbers that an option has several of: of a list, a tuple or the like, or of a tensor or array of NumPy's.

    Returns:
        None for all else, 0-dimensional tensors and arrays included.

    Raises:
        ValueError: For tensors and arrays of more dimensions than one.
    """
    if isinstance(values, Tensor) or type(values).__module__ == "numpy":
        numbers_only: Any = values.tolist() if hasattr(values, "tolist") else None
        shape = getattr(values, "shape", ())
        if len(shape) > 1:
            raise ValueError(f"{name} must be one-dimensional, got shape {list(shape)}")
        return numbers_only if len(shape) == 1 else None
    return list(values) if isinstance(values, Sequence) and not isinstance(values, str | bytes) else None


def _checked_positions(positions: object) -> Positions:
    if isinstance(positions, str):
        if positions in ("all", "any"):
            return "all" if positions == "all" else "any"
        raise ValueError(f'positions must be "all", "any" or a number of points, got {positions!r}')
    points = checked_integer("positions", positions)
    if not 1 <= points <= MOST_POSITIONS:
        raise ValueError(f'positions must be "all", "any" or from 1 to {MOST_POSITIONS}, got {points}')
    return points


def checked_settings(num_hashes: int, seed: int, margin: float, positions: Positions) -> Settings:
    """Settings that operators take.

    Raises:
        ValueError, TypeError: Says what was expected and what came.
    """
    num_hashes, seed = checked_integer("num_hashes", num_hashes), checked_integer("seed", seed)
    if not 1 <= num_hashes <= MOST_HASHES:
        raise ValueError(f"num_hashes must be from 1 to {MOST_HASHES}, got {num_hashes}")
    if seed not in INT64:
        raise ValueError(f"seed must fit 64 bits, from {INT64.start} to {INT64.stop - 1}, got {seed}")
    return Settings(num_hashes, seed, nonnegative_number("margin", margin), _checked_positions(positions))


# Of units, and of layers that are compared as a whole.
SIMILARITIES = ("jaccard", "phi")
LAYER_SIMILARITIES = (*SIMILARITIES, "cka", "cka_debiased")


def check_method(method: str, similarity: str, similarities: Sequence[str] = SIMILARITIES) -> None:
    """Checks that there are such a method and such a similarity."""
    if method not in ("auto", "exact", "minhash"):
        raise ValueError(f'method must be "auto", "exact" or "minhash", got {method!r}')
    if similarity not in similarities:
        *first, last = (f'"{name}"' for name in similarities)
        raise ValueError(f"similarity must be {', '.join(first)} or {last}, got {similarity!r}")


def check_signatures_wanted(what: str, method: str) -> None:
    """Checks that a method keeps the signatures that something needs."""
    if method == "minhash":
        raise ValueError(
            f'{what} needs exact signatures, got method "minhash": sketches estimate the Jaccard index only'
        )
