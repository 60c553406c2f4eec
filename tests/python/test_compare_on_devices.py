"""Comparisons of networks that are on a device: the CPU's numbers, wherever the inputs come from."""

import copy
import pathlib
from collections.abc import Callable, Iterable

import funcsim
import pytest
import torch
from devices import moved
from oracle import networks
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

NETWORKS = {network.name: network for network in networks.INTEGER_NETWORKS}
GENERATOR = torch.Generator().manual_seed(0)
INPUTS = {
    name: torch.randint(-3, 4, (4096 + 300, *NETWORKS[name].shape), generator=GENERATOR).double()
    for name in ("mlp", "nested")
}
PARTS = ("rows", "shuffled", "counts", "fingerprints")


def _models(name: str) -> tuple[nn.Sequential, nn.Sequential]:
    """Of integers: nothing is rounded, so that a device must find the CPU's bits, and with them all its numbers."""
    models = NETWORKS[name].make(1)[0], NETWORKS[name].make(2)[0]
    for seed, model in enumerate(models):
        networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
    return models


def _there(models: tuple[nn.Sequential, nn.Sequential], device: torch.device) -> tuple[nn.Sequential, nn.Sequential]:
    return copy.deepcopy(models[0]).to(device), copy.deepcopy(models[1]).to(device)


OPTIONS = [
    pytest.param({"method": "exact"}, id="exact"),
    pytest.param({"method": "exact", "similarity": "phi", "positions": "all"}, id="phi"),
    pytest.param({"method": "minhash", "num_hashes": 64, "seed": 3, "positions": 3}, id="minhash"),
    pytest.param({"num_hashes": 200, "margin": 0.1, "positions": "any"}, id="auto"),
    pytest.param({"layers": [(0, 1), (1, 0)], "margin": 0.2}, id="given pairs"),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", INPUTS)
def test_compare_gives_the_cpus_numbers(elsewhere: torch.device, name: str, options: dict) -> None:
    a, b = _models(name)
    expected = funcsim.compare(a, b, INPUTS[name], **options)
    assert 0 < expected.score < 1
    got = funcsim.compare(*_there((a, b), elsewhere), INPUTS[name].to(elsewhere), **options)
    assert got.to_dict() == expected.to_dict()
    assert str(got) == str(expected)


SOURCES: dict[str, Callable[[Tensor, torch.device], Tensor | Iterable]] = {
    "a tensor of the CPU": lambda x, _: x,
    "a tensor of the device": lambda x, device: x.to(device),
    "a DataLoader": lambda x, _: DataLoader(TensorDataset(x, x[:, :1]), batch_size=999),
    "a DataLoader that pins": lambda x, _: DataLoader(TensorDataset(x), batch_size=999, pin_memory=True),
    "batches of the CPU": lambda x, _: ({"input": part, "label": 0} for part in x.split(700)),
    "batches of the device": lambda x, device: [(part,) for part in x.to(device).split(700)],
    "views of the device": lambda x, device: x.to(device).t().contiguous().t().split(700),
}


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("source", SOURCES)
def test_inputs_may_come_from_the_cpu_or_the_device(elsewhere: torch.device, source: str, method: str) -> None:
    a, b = _models("mlp")
    there, options = _there((a, b), elsewhere), {"method": method, "num_hashes": 64}
    inputs = SOURCES[source](INPUTS["mlp"], elsewhere)
    is_stream = not isinstance(inputs, Tensor)
    expected = funcsim.compare(a, b, [INPUTS["mlp"]] if is_stream else INPUTS["mlp"], **options)
    assert funcsim.compare(*there, inputs, **options).to_dict() == expected.to_dict()


@pytest.mark.parametrize("options", OPTIONS[:4])
@pytest.mark.parametrize("name", INPUTS)
def test_layer_similarity_gives_the_cpus_numbers(elsewhere: torch.device, name: str, options: dict) -> None:
    models, options = _models(name), {**options, "positions": "any"}
    expected = funcsim.layer_similarity(*models, INPUTS[name], **options)
    got = funcsim.layer_similarity(*_there(models, elsewhere), INPUTS[name], **options)
    for matrix in ("scores", "chances", "adjusted"):
        assert torch.equal(getattr(got, matrix), getattr(expected, matrix))
    assert str(got) == str(expected)


@pytest.mark.parametrize("positions", [16, "all", "any"])
@pytest.mark.parametrize("name", INPUTS)
def test_a_sketch_is_the_cpus(elsewhere: torch.device, name: str, positions: int | str, tmp_path: pathlib.Path) -> None:
    """So one made on a device goes with those made on the CPU, and with networks wherever they are."""
    (a, b), inputs = _models(name), INPUTS[name]
    there = _there((a, b), elsewhere)
    options = {"num_hashes": 64, "seed": 5, "positions": positions}
    expected, got = funcsim.sketch(a, inputs, **options), funcsim.sketch(there[0], inputs.to(elsewhere), **options)
    got.save(tmp_path / "there.safetensors")
    expected.save(tmp_path / "here.safetensors")
    assert (tmp_path / "there.safetensors").read_bytes() == (tmp_path / "here.safetensors").read_bytes()
    loaded = funcsim.NetworkSketch.load(tmp_path / "there.safetensors")
    for sketch in (got, loaded):
        assert sketch.inputs_sha256 == expected.inputs_sha256
        for one, two in zip(sketch.layers, expected.layers, strict=True):
            assert all(getattr(one, part).is_cpu for part in PARTS)
            assert all(torch.equal(getattr(one, part), getattr(two, part)) for part in PARTS)
    numbers = funcsim.compare(expected, b, inputs.split(500)).to_dict()
    assert funcsim.compare(loaded, there[1], inputs.split(100)).to_dict() == numbers
    assert funcsim.compare(loaded, there[1], inputs.to(elsewhere).split(100)).to_dict() == numbers
    assert funcsim.compare(loaded, b, inputs.split(100)).to_dict() == numbers
    assert funcsim.compare(loaded, funcsim.sketch(there[1], inputs, **options)).to_dict() == numbers
    assert funcsim.compare(there[1], loaded, inputs).score == numbers["score"]


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_a_comparer_gives_the_cpus_numbers(elsewhere: torch.device, method: str) -> None:
    (a, b), inputs = _models("mlp"), INPUTS["mlp"]
    here = funcsim.Comparer(a, b, method=method, num_hashes=64)
    there = funcsim.Comparer(*_there((a, b), elsewhere), method=method, num_hashes=64)
    for run in ("forward", "with_chance"):
        got = getattr(there, run)(inputs.to(elsewhere))
        assert {tensor.device for tensor in got} == {elsewhere}
        torch.testing.assert_close(moved(got, "cpu"), getattr(here, run)(inputs), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_networks_of_every_dtype(elsewhere: torch.device, dtype: torch.dtype) -> None:
    """All sums of these integers are held by all of them."""
    models = tuple(model.to(dtype) for model in _models("nested"))
    inputs = (INPUTS["nested"][:200] / 3).round().to(dtype)
    expected = funcsim.compare(*models, inputs)
    assert funcsim.compare(*_there(models, elsewhere), inputs).to_dict() == expected.to_dict()
    assert funcsim.compare(*_there(models, elsewhere), inputs.to(elsewhere)).to_dict() == expected.to_dict()


def test_a_canonical_network_is_where_the_network_is(elsewhere: torch.device) -> None:
    model = _models("nested")[0]
    there = copy.deepcopy(model).to(elsewhere)
    before = moved(funcsim.parameters(there), "cpu")
    got = funcsim.canonicalize(there)
    assert {tensor.device for tensor in got.state_dict().values()} == {elsewhere}
    for one, two in zip(funcsim.parameters(got), funcsim.parameters(funcsim.canonicalize(model)), strict=True):
        torch.testing.assert_close(one.cpu(), two, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(one.cpu(), two) for one, two in zip(funcsim.parameters(there), before, strict=True))


def test_a_description_does_not_tell_the_device(elsewhere: torch.device) -> None:
    for network in networks.NETWORKS:
        model, _ = network.make(1)
        assert funcsim.describe(copy.deepcopy(model).to(elsewhere)) == funcsim.describe(model)
