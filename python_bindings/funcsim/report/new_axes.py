"""Where results are drawn."""

from typing import Any


def new_axes(what: str) -> Any:
    """The axes of a new matplotlib figure.

    Args:
        what: Draws, for the message, for example "Barrier.plot".

    Raises:
        ImportError: Without matplotlib, which is an optional package.
    """
    try:
        from matplotlib import pyplot  # noqa: PLC0415  # an optional package
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib: pip install matplotlib") from error
    return pyplot.figure().subplots()
