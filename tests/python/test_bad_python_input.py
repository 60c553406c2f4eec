"""Bad input at the Python front: ValueError or TypeError that says what, what was expected and what came."""

import copy
import math
from collections.abc import Callable
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from funcsim.reading.run_errors import NaNFound
from torch import nn

A = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
INPUTS = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
SPAN = f"from {-(2**63)} to {2**63 - 1}"

OPTIONS: dict[str, tuple[dict[str, Any], type[Exception], list[str]]] = {
    "unknown method": ({"method": "cosine"}, ValueError, ["method", '"auto", "exact" or "minhash"', "'cosine'"]),
    "no method": ({"method": None}, ValueError, ["method", "None"]),
    "unknown similarity": ({"similarity": "cosine"}, ValueError, ["similarity", '"jaccard"', '"phi"', "'cosine'"]),
    "phi by minhash": ({"similarity": "phi", "method": "minhash"}, ValueError, ["phi", "exact", "minhash"]),
    "no hashes": ({"num_hashes": 0}, ValueError, ["num_hashes", "from 1 to 16777216", "0"]),
    "too many hashes": ({"num_hashes": 2**24 + 1}, ValueError, ["num_hashes", "16777217"]),
    "hashes of a fraction": ({"num_hashes": 10.5}, TypeError, ["num_hashes", "integer", "10.5"]),
    "hashes of text": ({"num_hashes": "many"}, TypeError, ["num_hashes", "integer", "'many'"]),
    "hashes of truth": ({"num_hashes": True}, TypeError, ["num_hashes", "integer", "True"]),
    "seed past 64 bits": ({"seed": 2**63}, ValueError, ["seed", SPAN, str(2**63)]),
    "seed of a fraction": ({"seed": 0.5}, TypeError, ["seed", "integer", "0.5"]),
    "seed of truth": ({"seed": False}, TypeError, ["seed", "integer", "False"]),
    "negative margin": ({"margin": -0.5}, ValueError, ["margin", "at least 0", "-0.5"]),
    "NaN margin": ({"margin": math.nan}, ValueError, ["margin", "finite", "nan"]),
    "infinite margin": ({"margin": math.inf}, ValueError, ["margin", "finite", "inf"]),
    "margin of text": ({"margin": "0.5"}, TypeError, ["margin", "number", "'0.5'"]),
    "margin past float64": ({"margin": 10**400}, ValueError, ["margin", "finite", "float64"]),
    "margin of truth": ({"margin": True}, TypeError, ["margin", "number", "True"]),
    "no points": ({"positions": 0}, ValueError, ["positions", '"all", "any"', "0"]),
    "negative points": ({"positions": -1}, ValueError, ["positions", '"all", "any"', "-1"]),
    "points past 64 bits": ({"positions": 2**63}, ValueError, ["positions", str(2**63)]),
    "too many points": (
        {"positions": 2**24 + 1},
        ValueError,
        ["positions", '"all", "any" or from 1 to 16777216', "17"],
    ),
    "unknown positions": ({"positions": "some"}, ValueError, ["positions", '"all", "any"', "'some'"]),
    "points of a fraction": ({"positions": 1.5}, TypeError, ["positions", "integer", "1.5"]),
    "points of truth": ({"positions": True}, TypeError, ["positions", "integer", "True"]),
    "several numbers of points": (
        {"positions": np.array([1, 2])},
        TypeError,
        ["positions", "integer", "array([1, 2])"],
    ),
}

LAYERS: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "no pairs": ([], ValueError, ["layers", "at least one pair"]),
    "numbers": ([0, 1], TypeError, ["layers", "pairs", "[0, 1]"]),
    "triples": ([(0, 0, 0)], TypeError, ["layers", "pairs", "(0, 0, 0)"]),
    "names": ([("0", "2")], TypeError, ["layers", "pairs", "('0', '2')"]),
    "a number": (5, TypeError, ["layers", "pairs", "got 5"]),
    "a layer past 64 bits": ([(2**70, 0)], ValueError, ["layers", "64 bits", str(2**70)]),
    "a layer that isn't there": ([(0, 2)], RuntimeError, ["layer 2", "network b", "2 hidden layers"]),
    "a negative layer": ([(-1, 0)], RuntimeError, ["layer -1", "network a"]),
    "a layer twice": ([(0, 0), (0, 1)], RuntimeError, ["layer 0", "network a", "twice"]),
    "its layer twice": ([(0, 0), (1, 0)], RuntimeError, ["layer 0", "network b", "twice"]),
}

NETWORKS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "none": (lambda: None, TypeError, ["torch.nn.Module", "NoneType"]),
    "a path": (lambda: "model.pt", TypeError, ["torch.nn.Module", "str"]),
    "a state dict": (A.state_dict, TypeError, ["torch.nn.Module", "OrderedDict"]),
    "one layer": (lambda: nn.Linear(2, 3), ValueError, ["hidden layer", "two affine", "got 1"]),
    "no affine layer": (lambda: nn.Sequential(nn.GLU()), ValueError, ["hidden layer", "two affine", "got 0"]),
    "no hidden layer": (lambda: nn.Sequential(nn.Linear(2, 3)), RuntimeError, ["hidden layer", "two affine"]),
    "no layers": (nn.Sequential, RuntimeError, ["hidden layer"]),
    "other width": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)), RuntimeError, ["Linear", "4", "2"]),
    "mixed dtypes": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).double()),
        RuntimeError,
        ["float32", "float64"],
    ),
    "other dtype": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).double(),
        RuntimeError,
        ["float32", "float64"],
    ),
    "a weight of another shape": (
        lambda: nn.Sequential(_with_weight(nn.Linear(2, 3), torch.zeros(4, 2)), nn.Linear(3, 1)),
        RuntimeError,
        ["Linear", "weight", "[3, 2]", "[4, 2]"],
    ),
    "a NaN weight": (
        lambda: nn.Sequential(_with_weight(nn.Linear(2, 3), torch.full((3, 2), math.nan)), nn.Linear(3, 1)),
        NaNFound,
        ["NaN", "Linear"],
    ),
}


def _with_weight(layer: nn.Linear, weight: torch.Tensor) -> nn.Linear:
    layer.weight = nn.Parameter(weight)
    return layer


def _assert_raises(call: Callable[[], object], kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    for word in words:
        assert word.lower() in str(error.value).lower(), str(error.value)


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str) -> None:
    options, kind, words = OPTIONS[case]
    for function in (funcsim.compare, funcsim.layer_similarity):
        _assert_raises(lambda function=function: function(A, A, INPUTS, **options), kind, words)
    if set(options) <= {"num_hashes", "seed", "margin", "positions"}:
        _assert_raises(lambda: funcsim.sketch(A, INPUTS, **options), kind, words)


def test_options_beside_a_sketch() -> None:
    made = funcsim.sketch(A, INPUTS, num_hashes=8)
    positions: Any = np.array([1, 2])
    _assert_raises(lambda: funcsim.compare(made, made, positions=positions), TypeError, ["positions", "integer"])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors(layout: torch.layout) -> None:
    nested = torch.nested.nested_tensor([torch.zeros(2, 2), torch.zeros(3, 2)], layout=layout)
    for function in (funcsim.compare, funcsim.layer_similarity):
        _assert_raises(
            lambda function=function: function(A, A, nested), ValueError, ["inputs must be", "nested tensor"]
        )
    _assert_raises(lambda: funcsim.sketch(A, [INPUTS, nested]), ValueError, ["batch 1 must be", "nested tensor"])


@pytest.mark.parametrize("case", LAYERS)
def test_layers(device: torch.device, case: str) -> None:
    layers, kind, words = LAYERS[case]
    model = copy.deepcopy(A).to(device)
    _assert_raises(lambda: funcsim.compare(model, model, INPUTS, layers=layers), kind, words)


@pytest.mark.parametrize("case", NETWORKS)
def test_networks(device: torch.device, case: str) -> None:
    build, kind, words = NETWORKS[case]
    network, good = build(), copy.deepcopy(A).to(device)
    if isinstance(network, nn.Module):
        network.to(device)
    for function in (funcsim.compare, funcsim.layer_similarity):
        _assert_raises(lambda function=function: function(network, good, INPUTS), kind, ["network a: ", *words])
        _assert_raises(lambda function=function: function(good, network, INPUTS), kind, ["network b: ", *words])
    _assert_raises(lambda: funcsim.sketch(network, INPUTS), kind, words)


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError, match="positional"):
        funcsim.compare(A, A, INPUTS, "exact")
    with pytest.raises(TypeError, match="unexpected keyword"):
        funcsim.compare(A, A, INPUTS, hashes=10)


def test_numbers_of_numpy_are_numbers() -> None:
    expected = funcsim.compare(A, A, INPUTS, num_hashes=8, seed=3, margin=0.5, positions=4).to_dict()
    options = {"num_hashes": np.int64(8), "seed": np.int32(3), "margin": np.float32(0.5), "positions": np.int8(4)}
    assert funcsim.compare(A, A, INPUTS, **options).to_dict() == expected


def test_operators_errors_keep_their_causes(device: torch.device) -> None:
    model = copy.deepcopy(A).to(device)
    with pytest.raises(RuntimeError, match="network a: ") as error:
        funcsim.compare(model, model, INPUTS.double())
    assert isinstance(error.value.__cause__, RuntimeError)
    assert str(error.value) == f"network a: {error.value.__cause__}"


def test_primitives_raise_the_operators_errors() -> None:
    floats, bits, sketches = torch.zeros(4, 3), torch.zeros(3, 1).byte(), torch.zeros(3, 8).int()
    for call, words in (
        (lambda: funcsim.activation_signatures(floats.long()), ["preactivations"]),
        (lambda: funcsim.activation_signatures(floats, -1.0), ["margin"]),
        (lambda: funcsim.minhash(bits, 9), ["signatures", "9"]),
        (lambda: funcsim.jaccard(floats, bits), ["signatures_a"]),
        (lambda: funcsim.minhash_jaccard(sketches, bits), ["sketches_b"]),
        (lambda: funcsim.linear_sum_assignment(floats * math.nan), ["cost", "nan"]),
    ):
        _assert_raises(call, RuntimeError, words)
