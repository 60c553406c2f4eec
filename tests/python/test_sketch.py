"""Sketches of networks: compared later as the networks themselves, refused where they don't fit together."""

import copy
import hashlib
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from oracle import bits, hashing, hooks, networks
from torch import nn

BY_NAME = {network.name: network for network in networks.NETWORKS}
OPTIONS: dict[str, Any] = {"num_hashes": 64, "seed": 5, "margin": 0.125, "positions": 16}


def _mlp(*widths: int, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


A, B = _mlp(5, 7, 6, 3, seed=1), _mlp(5, 9, 6, 3, seed=2)
INPUTS = torch.randn(4096 + 500, 5, generator=torch.Generator().manual_seed(0))


def _sketch(model: nn.Sequential, inputs: Any = INPUTS, **changes: Any) -> funcsim.NetworkSketch:
    return funcsim.sketch(model, inputs, **{**OPTIONS, **changes})


def test_a_sketch_holds_what_the_oracle_says(device: torch.device) -> None:
    model = _mlp(5, 7, 6, 3, seed=1).double()
    networks.make_integer_valued(model, torch.Generator().manual_seed(1))
    inputs = torch.randint(-4, 5, (4096 + 100, 5), generator=torch.Generator().manual_seed(0)).double()
    sketch = funcsim.sketch(copy.deepcopy(model).to(device), inputs.to(device), num_hashes=32, seed=3)
    assert sketch.architecture == "funcsim/1: Linear(5, 7); ReLU(); Linear(7, 6); ReLU(); Linear(6, 3)"
    assert (sketch.num_inputs, sketch.input_shape) == (4196, (5,))
    assert (sketch.settings.num_hashes, sketch.settings.seed) == (32, 3)
    assert (sketch.settings.margin, sketch.settings.positions) == (0.0, 16)
    assert sketch.funcsim_version == funcsim.__version__
    assert [layer.name for layer in sketch.layers] == ["0", "2"]
    for layer, z in zip(sketch.layers, hooks.preactivations(model, inputs), strict=True):
        fires = (z[:, 0] > 0).T
        blocks = [hashing.shuffle(fires[:, :4096], 4096, 1, 3), hashing.shuffle(fires[:, 4096:], 100, 1, 3, 4096)]
        assert all(tensor.is_cpu for tensor in (layer.rows, layer.shuffled, layer.counts, layer.fingerprints))
        np.testing.assert_array_equal(layer.rows, hashing.minhash(fires, 32, 3))
        np.testing.assert_array_equal(layer.shuffled, hashing.minhash(np.concatenate(blocks, axis=1), 32, 3))
        np.testing.assert_array_equal(layer.counts, fires.sum(axis=1))
        expected = torch.ops.funcsim.signature_statistics(torch.from_numpy(bits.pack_bits(fires)), 4196)[1]
        assert torch.equal(layer.fingerprints, expected)
        assert layer.samples_per_input == 1
        assert layer.units == len(fires)


@pytest.mark.parametrize("name", ["mlp", "conv2d", "tokens"])
@pytest.mark.parametrize("positions", [16, "all", "any"])
def test_sketches_compare_as_their_networks(device: torch.device, name: str, positions: int | str) -> None:
    (a, inputs), (b, _) = BY_NAME[name].make(1), BY_NAME[name].make(2)
    a, b, inputs = a.to(device), b.to(device), inputs.to(device)
    options = {**OPTIONS, "positions": positions}
    expected = funcsim.compare(a, b, inputs, method="minhash", **options).to_dict()
    sketch_a, sketch_b = (funcsim.sketch(model, inputs, **options) for model in (a, b))
    assert funcsim.compare(sketch_a, sketch_b).to_dict() == expected
    assert funcsim.compare(sketch_a, sketch_b, None, method="minhash", **options).to_dict() == expected
    assert funcsim.compare(sketch_a, b, inputs).to_dict() == expected
    assert funcsim.compare(a, sketch_b, inputs).to_dict() == expected
    assert funcsim.compare(a, sketch_b, inputs.split(5), method="minhash", **options).to_dict() == expected


def test_self_is_one_and_pairings_can_be_given() -> None:
    sketch = _sketch(A)
    assert funcsim.compare(sketch, sketch).score == 1
    got = funcsim.compare(sketch, _sketch(B), layers=[(0, 1)])
    assert [(layer.name_a, layer.name_b) for layer in got.layers] == [("0", "2")]


def test_any_split_gives_the_same_sketch(device: torch.device) -> None:
    model, inputs = copy.deepcopy(A).to(device), INPUTS.to(device)
    whole = _sketch(model)
    for batches in (INPUTS.split(100), [inputs[:1], inputs[1:4097], inputs[4097:]], ((x, 0) for x in INPUTS.split(9))):
        sketch = _sketch(model, batches)
        assert sketch.inputs_sha256 == whole.inputs_sha256
        for one, two in zip(sketch.layers, whole.layers, strict=True):
            for tensors in ("rows", "shuffled", "counts", "fingerprints"):
                assert torch.equal(getattr(one, tensors), getattr(two, tensors))


def test_the_hash_is_of_the_bytes_of_the_inputs(device: torch.device) -> None:
    there = copy.deepcopy(A).to(device)
    assert _sketch(there, INPUTS.to(device)).inputs_sha256 == _sketch(there).inputs_sha256
    assert _sketch(A).inputs_sha256 == hashlib.sha256(INPUTS.numpy().tobytes()).hexdigest()
    half = torch.randn(100, 5).bfloat16()
    expected = hashlib.sha256(half.view(torch.int16).numpy().tobytes()).hexdigest()
    narrow = _mlp(5, 4, 2, seed=0).to(device, torch.bfloat16)
    assert funcsim.sketch(narrow, half.to(device).split(30)).inputs_sha256 == expected


def test_the_network_and_random_state_are_left_alone(device: torch.device) -> None:
    model = _mlp(5, 7, 3, seed=1).train().to(device)
    before, state = torch.random.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    _sketch(model)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert model.training


def test_a_sketch_prints_what_it_is() -> None:
    text = repr(_sketch(A))
    for part in ("0: 7 units", "2: 6 units", "4596 inputs", "num_hashes=64", "seed=5", "margin=0.125", "positions=16"):
        assert part in text


@pytest.mark.parametrize(
    ("option", "other"), [("num_hashes", 128), ("seed", 6), ("margin", 0.25), ("positions", "any"), ("positions", 8)]
)
def test_sketches_made_with_other_options_refuse_each_other(option: str, other: Any) -> None:
    mine, its = _sketch(A), _sketch(B, **{option: other})
    words = [option, repr(OPTIONS[option]), repr(other)]
    calls: list[Callable[[], object]] = [
        lambda: funcsim.compare(mine, its),
        lambda: funcsim.compare(its, mine),
        lambda: funcsim.layer_similarity(mine, its),
        lambda: funcsim.compare(mine, B, INPUTS, **{option: other}),
        lambda: funcsim.compare(B, mine, INPUTS, **{option: other}),
        lambda: funcsim.compare(mine, mine, **{option: other}),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=option) as error:
            call()
        assert all(word in str(error.value) for word in words), str(error.value)
        assert "network a" in str(error.value) or "network b" in str(error.value)


def test_another_number_of_inputs_is_refused() -> None:
    mine, its = _sketch(A), _sketch(B, INPUTS[:4000])
    for call in (
        lambda: funcsim.compare(mine, its),
        lambda: funcsim.compare(mine, B, INPUTS[:4000]),
        lambda: funcsim.compare(B, mine, INPUTS[:4000]),
    ):
        with pytest.raises(ValueError, match=r"same inputs only.*4596.*4000|same inputs only.*4000.*4596"):
            call()


def test_another_number_of_samples_is_refused() -> None:
    (a, inputs), (b, _) = BY_NAME["conv2d"].make(1), BY_NAME["mlp"].make(2)
    other = torch.randn(len(inputs), 10, dtype=torch.float64)
    with (
        pytest.warns(UserWarning, match="differ"),
        pytest.raises(RuntimeError, match=r"192 samples.*12.*positions=\"any\""),
    ):
        funcsim.compare(_sketch(a, inputs), _sketch(b, other), layers=[(0, 0)])


def test_other_inputs_are_a_warning_that_says_which() -> None:
    mine, its = _sketch(A), _sketch(B, INPUTS.flip(0))
    for call in (lambda: funcsim.compare(mine, its), lambda: funcsim.compare(mine, B, INPUTS.flip(0))):
        with pytest.warns(UserWarning, match=rf"network a.*{mine.inputs_sha256[:8]}.*differ") as caught:
            call()
        assert its.inputs_sha256[:8] in str(caught[0].message)
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        funcsim.compare(mine, _sketch(B))
        funcsim.compare(mine, B, INPUTS)


def test_sketches_have_no_exact_numbers() -> None:
    sketch = _sketch(A)
    for options, word in (({"method": "exact"}, "exact"), ({"similarity": "phi"}, "phi")):
        for pair, role in (((sketch, B), "network a"), ((B, sketch), "network b"), ((sketch, sketch), "network a")):
            with pytest.raises(ValueError, match=rf'"{word}" needs signatures, and {role} is a sketch'):
                funcsim.compare(*pair, INPUTS, **options)


def test_inputs_that_are_not_used_are_refused() -> None:
    sketch = _sketch(A)
    with pytest.raises(ValueError, match="inputs are not used"):
        funcsim.compare(sketch, sketch, INPUTS)
    with pytest.raises(ValueError, match="inputs are missing"):
        funcsim.compare(sketch, B)


def test_bad_options_and_inputs_are_refused() -> None:
    for options, word in (
        ({"num_hashes": 0}, "num_hashes"),
        ({"seed": 2**63}, "seed"),
        ({"margin": -1.0}, "margin"),
        ({"positions": 0}, "positions"),
    ):
        with pytest.raises(ValueError, match=word):
            _sketch(A, **options)
    with pytest.raises(ValueError, match="no batches"):
        _sketch(A, [])
    with pytest.raises(RuntimeError, match="hidden layer"):
        _sketch(_mlp(5, 3, seed=0))
    with pytest.raises(ValueError, match="no hidden layer"):
        _sketch(nn.Sequential(nn.Linear(5, 5), nn.LSTM(5, 5)))
