"""network_sketches: the sketches of the signatures, however the inputs are split."""

import itertools

import devices
import funcsim
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import hooks, networks
from oracle.profile import examples
from torch import nn

ops = torch.ops.funcsim
BY_NAME = {network.name: network for network in networks.NETWORKS}


def _arguments(model: nn.Sequential, device: torch.device | str = "cpu") -> tuple[str, list[torch.Tensor]]:
    return funcsim.describe(model), devices.moved(funcsim.parameters(model), device)


def _samples_an_input(model: nn.Sequential, inputs: torch.Tensor, positions: int) -> list[int]:
    arrays = hooks.preactivations(model, inputs)
    return [1 if z.shape[1] == 1 or positions == -1 else positions or z.shape[1] for z in arrays]


@pytest.mark.parametrize("positions", [16, 0, -1, 3])
@pytest.mark.parametrize("name", ["mlp", "conv1d", "conv2d", "conv3d", "tokens", "norms", "nested"])
def test_sketches_are_those_of_the_signatures(device: torch.device, name: str, positions: int) -> None:
    model, inputs = BY_NAME[name].make(seed=1)
    margin, seed, num_hashes, first = 0.1, 11, 96, 1000
    network = (*_arguments(model, device), inputs.to(device))
    signatures = ops.network_signatures(*network, margin, positions, seed, first)
    sketches = ops.network_sketches(*network, margin, positions, seed, num_hashes, first)
    assert len(signatures) == len(sketches)
    for signature, sketch, per in zip(signatures, sketches, _samples_an_input(model, inputs, positions), strict=True):
        assert sketch.device == device
        assert sketch.dtype == torch.int32
        assert sketch.shape == (len(signature), num_hashes)
        expected = ops.minhash(signature.cpu(), per * len(inputs), num_hashes, seed, first * per)
        assert torch.equal(sketch.cpu(), expected)


@given(
    cuts=st.lists(st.integers(1, 11), max_size=3, unique=True),
    positions=st.sampled_from([16, 0, -1]),
    first=st.sampled_from([0, 5, 10**9]),
    name=st.sampled_from(["mlp", "conv2d", "tokens"]),
)
@examples(16)
def test_batches_split_anyhow_merge_to_the_whole(
    device: torch.device, cuts: list[int], positions: int, first: int, name: str
) -> None:
    model, inputs = BY_NAME[name].make(seed=2)
    arguments, inputs = _arguments(model, device), inputs.to(device)
    whole = ops.network_sketches(*arguments, inputs, 0.0, positions, 3, 64, first)
    edges = [0, *sorted(cuts), len(inputs)]
    parts = [
        ops.network_sketches(*arguments, inputs[start:end], 0.0, positions, 3, 64, first + start)
        for start, end in itertools.pairwise(edges)
    ]
    for layer, expected in enumerate(whole):
        merged = torch.stack([part[layer] for part in parts]).amin(0)
        assert torch.equal(merged, expected)


def test_large_inputs_are_walked_in_batches_of_the_operators_own(device: torch.device) -> None:
    """More inputs than any internal batch: the sketch is still that of the whole signature."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    inputs = torch.randn(20_011, 3).to(device)
    (signature,) = ops.network_signatures(*_arguments(model, device), inputs)
    (sketch,) = ops.network_sketches(*_arguments(model, device), inputs)
    assert torch.equal(sketch.cpu(), ops.minhash(signature.cpu(), len(inputs)))


def test_many_batches_in_a_block_of_inputs(device: torch.device) -> None:
    """Inputs so wide that 1024 are run at a time: sketches and signatures are put together from the batches."""
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(2048, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 2)).eval()
    network = _arguments(model, device)
    inputs = torch.randn(5000, 2048).to(device)
    batches = [ops.network_signatures(*network, batch) for batch in inputs.split(1024)]
    whole = ops.network_signatures(*network, inputs)
    sketches = ops.network_sketches(*network, inputs, num_hashes=300)
    for layer, (rows, sketch) in enumerate(zip(whole, sketches, strict=True)):
        assert torch.equal(rows, torch.cat([batch[layer] for batch in batches], dim=1))
        assert torch.equal(sketch, ops.minhash(rows, 5000, 300))
