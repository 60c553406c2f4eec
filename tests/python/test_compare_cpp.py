"""Python's and C++'s compare give the same numbers, to the last digit: print_comparisons.cpp prints C++'s."""

from typing import Any

import built
import funcsim
import pytest
import torch
from torch import Tensor, nn


def _integers(*sizes: int, factor: int) -> Tensor:
    k = torch.arange(torch.Size(sizes).numel())
    return ((k * k * factor) % 1009 % 23 - 11).reshape(sizes).float()


def _with_integers(network: nn.Sequential, factor: int) -> nn.Sequential:
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(_integers(*parameter.shape, factor=factor + number))
    return network


def _mlp(first: int, second: int, factor: int) -> nn.Sequential:
    layers = (nn.Linear(6, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 3))
    return _with_integers(nn.Sequential(*layers), factor)


def _cnn(channels: int, factor: int) -> nn.Sequential:
    first = (nn.Conv2d(1, channels, 3), nn.ReLU(), nn.MaxPool2d(2))
    rest = (nn.Conv2d(channels, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(20, 2))
    return _with_integers(nn.Sequential(*first, *rest), factor)


A, B = _mlp(16, 12, 1), _mlp(20, 12, 7)
SHALLOW = _with_integers(nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)), 4)
ROWS, IMAGES = _integers(4096 + 777, 6, factor=5), _integers(300, 1, 8, 8, factor=3)
CNNS = _cnn(4, 2), _cnn(6, 9)
CASES: dict[str, tuple[nn.Sequential, nn.Sequential, Tensor, dict[str, Any]]] = {
    "exact": (A, B, ROWS, {"method": "exact"}),
    "minhash": (A, B, ROWS, {"method": "minhash", "num_hashes": 64, "seed": 3}),
    "auto": (A, B, ROWS, {"num_hashes": 100, "seed": -1}),
    "phi": (A, B, ROWS, {"similarity": "phi", "seed": 8}),
    "margin": (A, B, ROWS, {"margin": 2.5}),
    "depths": (A, SHALLOW, ROWS, {}),
    "layers": (A, B, ROWS, {"layers": [(1, 0)]}),
    "points": (*CNNS, IMAGES, {"seed": 6}),
    "all": (*CNNS, IMAGES, {"method": "exact", "positions": "all"}),
    "any": (*CNNS, IMAGES, {"num_hashes": 8, "positions": "any", "margin": 15.0}),
}


def _values(comparison: funcsim.Comparison) -> list[float | str]:
    values: list[float | str] = [comparison.method, comparison.score, comparison.chance, comparison.standard_error]
    for layer in comparison.layers:
        values += [layer.name_a, layer.name_b, layer.score, layer.chance, layer.adjusted, layer.standard_error]
        values += [layer.coverage_a, layer.coverage_b, layer.dead_a, layer.always_on_b, layer.duplicates_a]
        for partner, similarity in zip(layer.matches[:, 1].tolist(), layer.similarities.tolist(), strict=True):
            values += [partner, similarity]
    return values


@pytest.mark.built_with_torch
def test_both_fronts_give_the_same_numbers() -> None:
    lines = built.output_of("tests/front/print_comparisons").splitlines()
    printed = {line.split()[0]: line.split()[1:] for line in lines}
    assert list(printed) == list(CASES)
    for name, (a, b, inputs, options) in CASES.items():
        got = _values(funcsim.compare(a, b, inputs, **options))
        expected = [type(value)(text) for value, text in zip(got, printed[name], strict=True)]
        assert got == expected, name
    methods = {name: values[0] for name, values in printed.items()}
    assert {methods["auto"], methods["minhash"], methods["any"]} == {"minhash"}
    assert {methods["exact"], methods["phi"], methods["points"]} == {"exact"}
    assert all(0 < float(values[2]) < float(values[1]) < 1 for values in printed.values())
