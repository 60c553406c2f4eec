"""Packing activations into signatures, on one thread, by dtype and layout. Reading them is all there is to do."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target, worst

NAME = "activation_signatures"
CHECKED = "every bit"
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# The layout of [samples, units], made from a row-major tensor of twice as many columns.
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "row-major": lambda wide: wide[:, : wide.shape[1] // 2].contiguous(),
    "column-major": lambda wide: wide[:, : wide.shape[1] // 2].t().contiguous().t(),
    "every second column": lambda wide: wide[:, ::2],
}


def with_numpy(activations: Tensor) -> Contestant:
    """Greater than, then packbits: what one writes today. numpy has no bfloat16, for which torch compares."""
    if activations.dtype == torch.bfloat16:
        return Contestant("numpy", lambda: data.pack((activations > 0).numpy().T), "torch's > and packbits")
    array = activations.numpy()
    return Contestant("numpy", lambda: data.pack((array > 0).T), "> and packbits")


def copying(like: Tensor) -> Contestant:
    """Numpy's copy of as many bytes, contiguous, into memory that is there: no peer, but the speed of reading."""
    words = like.numel() * like.element_size() // 4
    source, copy = np.ones(words, np.float32), np.zeros(words, np.float32)
    return Contestant("numpy copy", lambda: np.copyto(copy, source), is_peer=False)


def _compare(ours: object, peer: Contestant, theirs: object) -> tuple[str, str]:
    if not peer.is_peer:
        return "", ""
    assert isinstance(ours, Tensor)
    wrong = int((ours.numpy() != theirs).sum())
    return (f"{wrong} bytes differ from numpy's", "") if wrong else ("", "")


def run(settings: Settings) -> Iterator[Row]:
    """Every dtype in every layout."""
    samples, units = settings.pick((500, 40), (20_000, 2048), (20_000, 2048))
    wide = torch.randn(samples, 2 * units, generator=torch.Generator().manual_seed(0))
    with settings.one_thread():
        for dtype in DTYPES:
            for layout, arrange in LAYOUTS.items():
                activations = arrange(wide.to(dtype))
                yield _case(settings, activations, f"{str(dtype).removeprefix('torch.')}, {layout}")


def _case(settings: Settings, activations: Tensor, name: str) -> Row:
    return race(
        NAME,
        name,
        1,
        lambda: torch.ops.funcsim.activation_signatures(activations),
        [with_numpy(activations), copying(activations)],
        effort=settings.effort,
        checked=CHECKED,
        compare=_compare,
        work=activations.numel() * activations.element_size(),
        unit="bytes",
        tags={"dtype": name.split(", ", maxsplit=1)[0], "layout": name.split(", ", maxsplit=1)[1]},
    )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of packing. A strided view drags in bytes that aren't its own, so that it has no part in the first."""
    dense = [row for row in rows if row.tags["layout"] != "every second column"]
    # What PyTorch computes in by default. Narrower numbers gain more; of float64, reading alone takes longer than a
    # 15th of numpy's time. Where samples lie next to each other numpy has nothing to transpose.
    usual = [row for row in rows if (row.tags["dtype"], row.tags["layout"]) == ("float32", "row-major")]
    return [
        worst(NAME, "dense layouts: bytes read, times numpy's copy of as many", 1, dense, "numpy copy"),
        worst(NAME, "float32, row-major: times > and packbits", 15, usual, "numpy"),
        worst(NAME, "every layout: times > and packbits", 1, rows, "numpy"),
    ]
