"""torch.set_default_device and torch.set_default_dtype change no result."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import funcsim
import pytest
import torch
from torch import Tensor, nn

GENERATOR = torch.Generator().manual_seed(0)


def _model(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)
    ).eval()


A, B = _model(1), _model(2)
INPUTS = torch.randn(90, 1, 4, 4, generator=GENERATOR)
BATCHES = INPUTS.split(25)
CLASSES = torch.randint(0, 3, (90,), generator=GENERATOR)
VALUES = torch.randn(90, 3, generator=GENERATOR)
BITS = funcsim.activation_signatures(torch.randn(30, 5, generator=GENERATOR))
SKETCHES = funcsim.minhash(BITS, 30, 16)


def _saved_and_compared(folder: Path) -> Any:
    funcsim.sketch(A, BATCHES).save(folder / "a.funcsim")
    return funcsim.compare(funcsim.NetworkSketch.load(folder / "a.funcsim"), B, BATCHES)


def _aligned(similarity: str) -> Callable[[Path], Any]:
    return lambda _: [
        funcsim.align(A, B, inputs, similarity=similarity, coordinate_descent=True, rescale=True)
        for inputs in (INPUTS, BATCHES)
    ]


def _merged(similarity: str) -> Callable[[Path], Any]:
    return lambda _: [funcsim.merge(A, [B, A], inputs, similarity=similarity) for inputs in (INPUTS, BATCHES)]


def _reported(folder: Path) -> Any:
    compared = funcsim.compare(A, B, INPUTS, details=True)
    compared.save_html(folder / "report.html", stability=funcsim.stability(A, INPUTS, sigmas=(0.1,)))
    page = (folder / "report.html").read_text(encoding="utf-8")
    frames = [compared.to_dataframe(), *(layer.to_dataframe() for layer in compared.layers)]
    data = page[page.index('id="data"') : page.index("</script>", page.index('id="data"'))]
    return [data, compared._repr_html_(), str(compared.verdict()), *(frame.to_csv() for frame in frames)]


CALLS: dict[str, Callable[[Path], Any]] = {
    "activation_signatures": lambda _: funcsim.activation_signatures(VALUES),
    **{f"align {name}": _aligned(name) for name in ("jaccard", "phi", "correlation", "weights")},
    "barrier": lambda _: [
        funcsim.barrier(A, B, inputs, targets, repair_inputs=BATCHES, weights=3)
        for inputs, targets in itertools.product((INPUTS, BATCHES), (CLASSES, VALUES))
    ],
    "canonicalize": lambda _: funcsim.canonicalize(A),
    "compare": lambda _: funcsim.compare(A, B, INPUTS, interval=0.9, shuffles=9, cka=True),
    "compare batches": lambda _: funcsim.compare(A, B, BATCHES, similarity="phi", interval=0.9, shuffles=9, cka=True),
    "compare minhash": lambda _: [funcsim.compare(A, B, x, method="minhash") for x in (INPUTS, BATCHES)],
    "Comparer": lambda _: [funcsim.Comparer(A, B)(INPUTS), funcsim.Comparer(A, B).with_chance(INPUTS)],
    "describe": lambda _: funcsim.describe(A),
    "jaccard": lambda _: funcsim.jaccard(BITS, BITS),
    "layer_similarity": lambda _: [
        funcsim.layer_similarity(A, B, BATCHES, similarity=name, positions="any").scores
        for name in ("jaccard", "phi", "cka", "cka_debiased")
    ],
    "linear_sum_assignment": lambda _: funcsim.linear_sum_assignment(VALUES),
    "linear_sum_assignment_with_duals": lambda _: funcsim.linear_sum_assignment_with_duals(VALUES),
    "log_drift": lambda _: [
        funcsim.log_drift(B, inputs, funcsim.log_drift(A, inputs)).values for inputs in (INPUTS, BATCHES)
    ],
    **{f"merge {name}": _merged(name) for name in ("jaccard", "phi", "correlation", "weights")},
    "minhash": lambda _: funcsim.minhash(BITS, 30, 16),
    "minhash_jaccard": lambda _: funcsim.minhash_jaccard(SKETCHES, SKETCHES),
    "parameters": lambda _: funcsim.parameters(A),
    "prune_report": lambda _: [funcsim.prune_report(A, B, x) for x in (INPUTS, BATCHES)],
    "report": _reported,
    "signature_cka": lambda _: funcsim.signature_cka(BITS, BITS, 30),
    "sketch": _saved_and_compared,
    "stability": lambda _: [funcsim.stability(A, x, repeats=2) for x in (INPUTS, BATCHES)],
}
WITHOUT_TENSORS = {"cmake_prefix_path", "simd_level", "synchronize"}


def _plain(result: Any) -> Any:
    """Numbers and text, which can be compared."""
    if isinstance(result, Tensor):
        return str(result.dtype), str(result.device), result.tolist()
    if isinstance(result, nn.Sequential):
        return _plain(funcsim.parameters(result))
    if isinstance(result, list | tuple):
        return [_plain(part) for part in result]
    return result.to_dict() if hasattr(result, "to_dict") else result


@contextmanager
def _defaults(name: str) -> Iterator[None]:
    if name in ("cuda", "meta"):
        with torch.device(name):
            yield
        return
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"))


@pytest.mark.parametrize("default", ["meta", CUDA, "float16", "float64"])
@pytest.mark.parametrize("call", CALLS)
def test_change_no_result(call: str, default: str, tmp_path: Path) -> None:
    expected = _plain(CALLS[call](tmp_path))
    with _defaults(default):
        got = CALLS[call](tmp_path)
        assert _plain(got) == expected
        str(got)  # printing computes too


def test_every_public_function_is_called() -> None:
    functions = {name for name in funcsim.__all__ if inspect.isfunction(getattr(funcsim, name))}
    assert functions - WITHOUT_TENSORS <= {call.split()[0] for call in CALLS}
