"""Holds answers of the card against those of the CPU, and peers' against both."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..harness import Contestant

ON_CPU = "CPU, with copies"
CHECKED = "the CPU's answer, bit for bit; peers' to 1e-5"
PEERS_TOLERANCE = 1e-5


def first_difference(got: Tensor, expected: Tensor) -> str:
    """Where bits of two tensors differ first; "" where they don't."""
    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
        return f"{_shape(got)}, the CPU gives {_shape(expected)}"
    a, b = (
        tensor.contiguous().view(torch.uint8) if tensor.dim() else tensor[None].view(torch.uint8)
        for tensor in (got, expected)
    )
    different = a != b
    if not bool(different.any()):
        return ""
    places = different.view(*got.shape, -1).any(-1).nonzero()
    place = tuple(places[0].tolist())
    value, wanted = (tensor[place].item() for tensor in (got, expected))
    return f"{len(places)} values differ from the CPU's, the first at {list(place)}: {value}, expected {wanted}"


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def tensors_of(answer: object) -> list[Tensor]:
    """One or several."""
    answers = answer if isinstance(answer, (tuple, list)) else [answer]
    tensors: list[Tensor] = []
    for item in answers:
        if isinstance(item, Tensor):
            tensors.append(item)
        else:
            tensors += tensors_of(item)
    return tensors


def first_difference_of_all(got: object, expected: object) -> str:
    """Of answers of one or several tensors, wherever they are."""
    ours, theirs = tensors_of(got), tensors_of(expected)
    if len(ours) != len(theirs):
        return f"{len(ours)} tensors, the CPU gives {len(theirs)}"
    differences = (first_difference(a, b.to(a.device)) for a, b in zip(ours, theirs, strict=True))
    return next((difference for difference in differences if difference), "")


def compare_tensors(ours: object, contestant: Contestant, theirs: object) -> tuple[str, str]:
    """Ours must be the CPU's, and a peer's near enough. References give no answer."""
    if contestant.package == ON_CPU:
        return first_difference_of_all(ours, theirs), ""
    if not contestant.is_peer:
        return "", ""
    assert isinstance(ours, Tensor)
    assert isinstance(theirs, Tensor)
    if ours.shape != theirs.shape:
        return "", f"{_shape(theirs)} instead of {_shape(ours)}"
    off = float((ours.double() - theirs).abs().max()) if ours.numel() else 0.0
    return "", f"off by up to {off:.3g}" if not off <= PEERS_TOLERANCE else ""


def with_copies(operator: Callable[..., object], tensors: Sequence[Tensor], *arguments: object) -> Contestant:
    """What one would do without kernels for the card: copy to the host, compute there, copy back."""

    def call() -> object:
        answer = operator(*(tensor.cpu() for tensor in tensors), *arguments)
        on_card = [tensor.to(tensors[0].device) for tensor in tensors_of(answer)]
        return on_card[0] if isinstance(answer, Tensor) else on_card

    return Contestant(ON_CPU, call)
